#![doc = include_str!("../README.md")]

//! Takes the wall clock and the boot clock from the journal's `Clock` and tokio's for waits; reads and appends to the journal `books`;
//! writes the files of memos' keys; opens no socket.
//!
//! ```text
//!   http ── Memos ── Port ── Book ── applier ── Store ── settler ── board, answers
//!                                       scrubber ── the store once more, compared
//! ```

mod applier;
mod arriving;
mod ask;
mod base;
mod book;
mod config;
mod embedded;
mod error;
mod faults;
mod hours;
pub mod http;
mod keeper;
mod leaves;
mod ledger;
mod mark;
mod memos;
mod moving;
mod past;
#[cfg(test)]
mod planted;
mod port;
mod prune;
mod replay;
mod restart;
mod scrub;
mod seat;
mod settler;
#[cfg(feature = "sim")]
pub mod sim;
mod store;
pub mod verify;

pub use ask::{Ask, Done, NamedAction, NamedOrder, Outcome, Standing};
pub use base::NotABase;
pub use book::Book;
pub use config::{BOOKS_MAX, BookConfig, Config, SECTION, Shared};
pub use embedded::{Embedded, known_stream};
pub use error::{OpenError, Setback};
pub use leaves::{NO_STREAM, leaf};
pub use ledger::{Ledger, STREAM_MIN, trees_folder};
pub use mark::{gear_of, log_of};
pub use memos::{MEMO_TEXT_BYTES_MAX, MemoError, Memos, Note, Noted, Subject, Told};
pub use moving::{Arrival, Moved, Tally, move_books};
pub use port::{Answering, Guarantees, Moment, Names, OneWriter, Page, Port, Recorded, Sheet};
pub use prune::{Before, Plan, PruneError, Pruning, plan, prune};
pub use replay::require_signed;
pub use store::{Gear, Gone, Reaching, Row, Store, StoreCounts};
