#![doc = include_str!("../README.md")]

//! An MQTT 3.1.1 broker's incoming half, as a capability: connections in, publications to an [`Intake`], acknowledgements
//! back when they are safe.
//!
//! One task for each connection, and nothing shared on the way of a publication but the intake and relaxed counters. Time
//! is tokio's; no wall clock, no randomness, no file. Every buffer, queue and wait has a limit. Knows neither what a
//! reading is nor where it goes.

mod broker;
mod config;
mod connection;
mod counters;
mod error;
mod hub;
mod intake;
mod leaving;
mod notices;
mod outstanding;
mod pace;
mod reason;
mod roster;
mod session;
mod taking;
mod wire;

pub use broker::{Broker, Drained, Handle};
pub use config::{Config, SECTION};
pub use counters::{Publications, Snapshot};
pub use error::BrokerError;
pub use intake::{Declined, Intake, Publication, Receipt};
pub use reason::CloseReason;
