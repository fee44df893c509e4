#![doc = include_str!("../README.md")]

//! From a device's message to a row in a sink, and the accounts that say where every one of them is.
//!
//! ```text
//!   offer ── class ── journal stream 16 ──┬── cursor ── pump ── sink file
//!     │                  │                └── cursor ── pump ── ...
//!     └── admission      └── ticket: when the publisher may be told
//!
//!   pump: cursor ── lane ── parcel ── errand ── sink      and, for what it refuses for good, letters on stream 15
//! ```
//!
//! Knows the journal, not what a publisher or a sink is made of: those come through [`Ingest::offer`] and the port [`Sink`].

mod accounts;
mod admission;
mod capability;
mod class;
mod config;
mod delivery;
mod errand;
mod error;
mod ingest;
mod lane;
mod layout;
mod letter;
mod letters;
mod metrics;
mod parcel;
mod post;
mod promise;
mod pump;
mod reading;
mod register;
mod replay;
mod sink;
mod state;

pub use accounts::{Accounts, AdmissionAccount, Crash, RoutingAccount, SinkAccount};
pub use class::{Class, Classes};
pub use config::{CRITICAL_FILTERS_MAX, Config};
pub use delivery::SinkConfig;
pub use error::{Declined, LettersError, OpenError, Unreadable};
pub use ingest::{Ingest, Taken};
pub use letter::REASON_BYTES_MAX;
pub use letters::{DeadLetter, LETTERS_BYTES_MAX, LETTERS_MAX, Pick, Replayed};
pub use reading::{Body, Points, READINGS, Reading, Source};
pub use sink::{Poison, Row, Setback, Sink, SinkError};
pub use tidegate_engine_tags::{Point, Quality, Value};
pub use tidegate_kernel_flow::LimitKind;
