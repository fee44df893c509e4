#![doc = include_str!("../README.md")]

//! [`MqttSink`] is a sink that is a broker elsewhere. [`Link`] is one broker elsewhere and all that is done to stay connected to it. One task for each link, which is the only one that
//! touches its socket; what others see of it are counters. Time is tokio's; randomness is the operating system's, for jitter.

mod sink;
mod source;

pub use sink::{MqttSink, SINK_SECTION, SinkSettings};
pub use source::{Config, Link, LinkError, Links, Protocol, SECTION, Security, Setback, Snapshot};
