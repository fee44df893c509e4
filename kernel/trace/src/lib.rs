#![doc = include_str!("../README.md")]

//! Which request a piece of work belongs to, and where it stands in a trace.
//!
//! Reads both clocks when a span begins and ends, and randomness for new ids. No lock; what a thread is in stands in that thread.

mod context;
mod layer;
mod open;
mod place;

pub use context::TraceContext;
pub use layer::{Keeper, Spans};
pub use open::{Ended, Kind, Value};
pub use place::{Place, current, traceparent, within};
