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
mod devices;
mod errand;
mod error;
mod gate;
pub mod http;
mod ingest;
mod lane;
mod layout;
mod letter;
mod letters;
mod metrics;
mod offer;
mod parcel;
mod post;
mod promise;
mod pump;
mod quarantine;
mod reading;
mod recount;
mod register;
mod replay;
mod shelf;
mod sink;
mod sources;
mod stake;
mod state;
mod story;
mod telemetry;

pub use accounts::{Accounts, AdmissionAccount, Crash, RoutingAccount, SinkAccount};
pub use class::{Class, Classes};
pub use config::{Config, FILTERS_MAX, SECTION};
pub use delivery::{DELIVERY, SINKS_MAX, Sequence, SinkConfig};
pub use devices::model_config;
pub use error::{Declined, LettersError, OpenError, Unreadable};
pub use ingest::{Ingest, Taken};
pub use letter::REASON_BYTES_MAX;
pub use letters::{DeadLetter, LETTERS_BYTES_MAX, LETTERS_MAX, Pick, Replayed};
pub use offer::Together;
pub use quarantine::{Held, QUARANTINE, Quarantined, UnknownDevices};
pub use reading::{Body, Points, READINGS, Reading, Source};
pub use sink::{Poison, Row, Setback, Sink, SinkError};
pub use sources::SourceAccount;
pub use story::{Passing, PassingState, Story, StoryError};
pub use telemetry::{Tap, Telemetry, TelemetryLimits, TelemetryTally};
pub use tidegate_engine_tags::{Model, ModelConfig, Point, Quality, Value};
pub use tidegate_kernel_flow::LimitKind;
