#![doc = include_str!("../README.md")]

//! An MQTT 3.1.1 broker's incoming half, as a capability: connections in, publications to an [`Intake`], acknowledgements
//! back when they are safe.
//!
//! One task for each connection, and nothing shared on the way of a publication but the intake and relaxed counters. Time
//! is tokio's; no wall clock, no randomness, no file. Every buffer, queue and wait has a limit. Knows neither what a
//! reading is nor where it goes.

mod acl;
mod admission;
mod allowance;
mod berth;
mod berths;
mod broker;
mod config;
mod connection;
mod counters;
mod error;
mod fact;
mod fields;
mod greeting;
mod hub;
mod image;
mod intake;
mod leaving;
mod ledger;
mod message;
mod notices;
mod offering;
mod options;
mod outgoing;
mod outlet;
mod outstanding;
mod pace;
mod reason;
mod restoring;
mod retained;
mod room;
mod roster;
mod rounds;
mod router;
mod session;
mod shed;
mod subscribing;
mod subscription;
mod taking;
mod tree;
mod wills;
mod wire;

pub use broker::{Broker, Drained, Handle};
pub use config::Config;
pub use counters::{Publications, Snapshot};
pub use error::BrokerError;
pub use fields::SECTION;
pub use hub::Ports;
pub use intake::{Declined, Intake, Publication, Receipt};
pub use reason::CloseReason;
pub use shed::Shed;
