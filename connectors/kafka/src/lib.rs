#![doc = include_str!("../README.md")]

//! A sink that is a Kafka cluster.
//!
//! ```text
//!   deliver ── record (topic, key, headers) ── route (topics, leaders) ── cargo (what each partition gets, in order)
//!                                                  │                          │ one request for each leader, and again
//!                                                  └── line (idle connections, login) ─────┘
//! ```
//!
//! Its state: idle connections and where topics are, both forgotten at the first doubt. The clock is tokio's, for time limits; randomness
//! is the operating system's, for logins. Locks are held for a look at maps only.

mod cargo;
mod config;
mod connection;
mod line;
mod login;
mod record;
mod route;
mod scram;
mod sink;
mod trouble;
mod verdict;

pub use config::{Config, SECTION, Setup};
pub use login::{Login, Mechanism};
pub use sink::KafkaSink;
pub use tidegate_codec_kafka::Compression;
