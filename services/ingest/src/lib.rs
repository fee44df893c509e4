#![doc = include_str!("../README.md")]

//! From a device's message to a row in a sink, and the accounts that say where every one of them is.
//!
//! ```text
//!   offer ── class ── journal stream 16 ──┬── cursor ── pump ── sink file
//!     │                  │                └── cursor ── pump ── ...
//!     └── admission      └── ticket: when the publisher may be told
//!
//!   rules: cursor and inbox ── runner ── derived readings on stream 16, alarms on 11, commands on 13
//!   pump: cursor ── lane ── parcel ── errand ── sink      and, for what it refuses for good, letters on stream 15
//! ```
//!
//! Knows the journal, not what a publisher or a sink is made of: those come through [`Ingest::offer`] and the port [`Sink`].

mod accounts;
mod admission;
mod alarms;
mod capability;
mod cause;
mod class;
mod command;
mod config;
mod consequence;
mod delivery;
mod devices;
mod errand;
mod error;
mod fall;
mod gate;
pub mod http;
mod ingest;
mod lane;
mod layout;
mod letter;
mod letters;
mod message;
mod metrics;
mod names;
mod offer;
mod once;
mod parcel;
mod pattern;
mod planted;
mod post;
mod promise;
mod pump;
mod quarantine;
mod reading;
mod recount;
mod register;
mod replay;
mod review;
mod rules;
mod shelf;
mod sink;
mod sources;
mod stake;
mod state;
mod story;
mod telemetry;

pub use accounts::{Accounts, AdmissionAccount, Crash, RoutingAccount, SinkAccount, SinkReport};
pub use alarms::{ALARMS, AlarmError, AlarmEvent, AlarmFeed, AlarmPage};
pub use cause::{AlarmStory, Cause};
pub use class::{Class, Classes};
pub use command::{Command, CommandAccount, CommandOut, CommandState, NotSent, Sending, Settle};
pub use config::{Config, FILTERS_MAX, SECTION};
pub use consequence::Consequence;
pub use delivery::{DELIVERY, SINKS_MAX, Sequence, SinkConfig};
pub use devices::model_config;
pub use error::{Declined, LettersError, OpenError, Unreadable};
pub use ingest::{Ingest, Taken};
pub use letter::REASON_BYTES_MAX;
pub use letters::{DeadLetter, LETTERS_BYTES_MAX, LETTERS_MAX, Pick, Replayed};
pub use offer::Together;
pub use pattern::{NotAPattern, Pattern};
pub use quarantine::{Held, QUARANTINE, Quarantined, UnknownDevices};
pub use reading::{Body, Points, READINGS, Reading, Source};
pub use rules::config::{RuleFaults, RulesConfig};
pub use rules::heard::{HEARD_BYTES_MAX, HeardCounts};
pub use rules::report::{AgreementReport, RuleReport, RuleTotals, RulesReport, ShadowReport};
pub use rules::section::RULES;
pub use rules::{Rules, RulesError};
pub use sink::{Poison, Row, Setback, Sink, SinkError};
pub use sources::SourceAccount;
pub use story::{Passing, PassingState, Story, StoryError, Told};
pub use telemetry::{Tap, Telemetry, TelemetryLimits, TelemetryTally};
pub use tidegate_engine_tags::{CommandFault, Model, ModelConfig, Plan, Point, Quality, Value};
pub use tidegate_kernel_flow::LimitKind;
