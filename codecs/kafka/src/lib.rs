#![doc = include_str!("../README.md")]

//! The five requests a producer needs, their answers, and record batches of version 2 (KIP-98).
//!
//! Only versions without tagged fields are spoken: Kafka 0.11 to 4. No socket, clock, file or lock. A count in an answer is held
//! against the bytes that are there before anything is made room for.

mod answer;
mod batch;
mod code;
mod frame;
mod partitioner;
mod read;
mod request;
mod write;

pub use answer::{BrokerAt, Metadata, PartitionFound, Produced, SaslStep, TopicFound, Versions};
pub use batch::{Compression, Record, encode_batch};
pub use code::ErrorCode;
pub use frame::next_frame;
pub use partitioner::{murmur2, partition};
pub use read::Malformed;
pub use request::{Head, PartitionBatch, api_versions, metadata, produce, sasl_authenticate, sasl_handshake};
