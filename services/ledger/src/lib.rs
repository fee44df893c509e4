#![doc = include_str!("../README.md")]

//! Takes the wall clock and the boot clock from the journal's `Clock` and tokio's for waits; reads and appends to the journal `books`;
//! opens no socket.
//!
//! ```text
//!   http ── Port ── Book ── applier ── journal ── settler ── board, answers
//!                              scrubber ── the journal once more, compared
//! ```

mod applier;
mod ask;
mod book;
mod config;
mod error;
mod faults;
mod hours;
pub mod http;
mod keeper;
mod ledger;
mod past;
#[cfg(test)]
mod planted;
mod port;
mod replay;
mod restart;
mod scrub;
mod settler;
#[cfg(feature = "sim")]
pub mod sim;
pub mod verify;

pub use ask::{Ask, Done, NamedAction, NamedOrder, Outcome, Standing};
pub use book::Book;
pub use config::{BOOKS_MAX, BookConfig, Config, SECTION, Shared};
pub use error::{OpenError, Setback};
pub use ledger::{Ledger, STREAM_MIN, known_stream, trees_folder};
pub use port::{Answering, Guarantees, Moment, Names, Page, Port, Recorded, Sheet};
