#![doc = include_str!("../README.md")]

//! Readings over gRPC, as a capability: calls in, readings to an [`Intake`], acknowledgements by sequence back when they are safe.
//!
//! One task for each call of `Send`. What is shared on the way of a reading is one lock over the positions of all streams, held
//! while a chunk goes to the intake, so that two calls of one stream cannot both think a reading new. Time is tokio's; the wall
//! clock is read for the ids of the notes that keep positions. Every buffer, queue and wait has a limit.

mod acks;
mod admitting;
mod call;
mod caller;
mod capability;
mod chunk;
mod config;
mod counters;
mod door;
mod error;
mod fault;
mod hub;
mod intake;
mod outstanding;
mod pace;
mod positions;
mod server;
mod service;
mod state;
mod traced;

/// The messages and the service, made from `proto/tidegate/ingest/v1/readings.proto` and committed, so that a build needs neither
/// protoc nor its replacement; a test holds them to their source.
pub mod v1 {
    #![allow(clippy::all, missing_debug_implementations, unreachable_pub, reason = "generated")]
    include!("generated/tidegate.ingest.v1.in");
}

pub use config::{Config, SECTION};
pub use counters::Snapshot;
pub use door::{Handshake, Shaking, Wire};
pub use error::GrpcError;
pub use fault::{Fault, Unfit};
pub use intake::{Declined, Intake, Offer, Receipt, Refused, Sender, Taken};
pub use positions::POSITIONS;
pub use server::{Drained, Grpc, Handle};
