#![doc = include_str!("../README.md")]

//! Opens connections through the node's own way out; takes the monotonic clock for leases and waits, the wall clock never. Locks are held
//! for a look at a queue, never over an await.
//!
//! ```text
//!   append ── queue ── writer ── one transaction: lease and epoch, facts with their leaves, accounts ── reached
//!   statements, feed, scrubber ── pool ── the same tables, read
//! ```

mod config;
mod connect;
mod error;
mod gear;
mod incoming;
mod link;
mod pool;
mod reader;
mod rows;
mod schema;
mod shared;
mod shelf;
mod writer;

pub use config::{Choice, Config, SECTION};
pub use error::Trouble;
pub use gear::Postgres;
pub use reader::Reader;
