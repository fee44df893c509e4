#![doc = include_str!("../README.md")]

//! An MQTT broker as a capability: connections in, publications to an [`Intake`] and to subscribers, acknowledgements back
//! when they are safe.
//!
//! One task for each connection; on the way of a publication nothing is shared but the intake, the tree of subscriptions, which
//! is read, and relaxed counters. Time is tokio's; the wall clock is read for what outlives the process. Every buffer, queue
//! and wait has a limit. Knows neither what a reading is nor where it goes.

mod acl;
mod admission;
mod allowance;
mod announcing;
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
mod guarded;
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
mod parcel;
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

pub use announcing::{Append, Unsaid};
pub use broker::{Broker, Drained, Handle};
pub use config::Config;
pub use counters::{Publications, Snapshot};
pub use error::BrokerError;
pub use fields::SECTION;
pub use hub::Ports;
pub use intake::{Declined, Intake, Publication, Receipt};
pub use reason::CloseReason;
pub use shed::Shed;
