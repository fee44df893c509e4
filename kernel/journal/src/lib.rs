#![doc = include_str!("../README.md")]

//! The log under everything that must not be lost.
//!
//! A record is appended to a stream, written together with whatever else arrived while the last sync ran, and read by
//! cursors: consumers whose durable place on the stream is itself a record. One thread per journal writes and syncs; callers
//! never touch the disk on the way in. Knows no domain: what a stream or a kind means belongs to the capability that owns it.

mod account;
mod committer;
mod control;
mod cursor;
mod error;
mod folder;
mod id;
mod journal;
mod log;
mod record;
mod watermark;

pub use account::{Account, Counts, Tally};
pub use cursor::{Batch, Cursor, Delivery, ReadLimit};
pub use error::{OpenError, ReadError, Refusal};
pub use folder::DataFolder;
pub use id::{Id, NotAnId};
pub use journal::{Entry, Journal, Level, Status, Ticket};
pub use record::{Flags, Head, Record};
pub use watermark::{Reached, Unknown, Watermark};
