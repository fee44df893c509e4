#![doc = include_str!("../README.md")]

//! A sink that is a URL.
//!
//! No clock, no state but the connections of its client.

mod body;
mod config;
mod sink;

pub use config::{Config, SECTION};
pub use sink::WebhookSink;
