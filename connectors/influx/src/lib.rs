#![doc = include_str!("../README.md")]

//! A sink that is InfluxDB.
//!
//! No clock, no state but the connections of its client.

mod config;
mod line;
mod sink;

pub use config::{Config, SECTION, Setup, Target};
pub use sink::InfluxSink;
