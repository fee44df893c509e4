#![doc = include_str!("../README.md")]

//! A sink that is a broker elsewhere. Time is tokio's, for time limits.

mod sink;

pub use sink::{MqttSink, SINK_SECTION, SinkSettings};
