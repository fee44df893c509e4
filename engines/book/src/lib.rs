#![doc = include_str!("../README.md")]

//! Takes no clock, no randomness, no file and no socket: times and the seed of a table are handed in.
//!
//! ```text
//!   Command ── decide(&State, now) ── facts | refusal        facts ── encode ── the journal
//!   facts ── apply(&mut State, number) ── Board ── readers
//! ```

mod account;
mod board;
mod bytes;
mod decide;
mod draft;
mod fact;
mod form;
mod id;
mod keep;
mod mix;
mod name;
mod order;
mod reckoning;
mod refusal;
mod state;
mod trial;
mod window;

pub use account::{Account, AccountNumber, Balance, Limits};
pub use board::{Board, Reading};
pub use decide::Answer;
pub use fact::{Fact, Link, Posting, Step};
pub use form::NotAFact;
pub use id::Id;
pub use name::{Currency, MEMO_BYTES_MAX, Memo, NAME_BYTES_MAX, Name};
pub use order::{Action, Command, LINKED_MAX, Order};
pub use reckoning::{Contradiction, Difference, Reckoned, Reckoning};
pub use refusal::{Conflict, Refusal, Refused};
pub use state::{BookLimit, Reservation, State};
pub use trial::Trial;
pub use window::{Fate, Receipt, WindowLimit};
