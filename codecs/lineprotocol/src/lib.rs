#![doc = include_str!("../README.md")]

//! InfluxDB line protocol, as its v1 and v2 write endpoints take it.
//!
//! No socket, clock, file or lock. Every name and line has a limit.

mod encode;
mod parse;
mod point;
mod precision;

pub use encode::{NAME_BYTES_MAX, Unsayable, encode};
pub use parse::{FIELDS_MAX, LINE_BYTES_MAX, LineError, LineFault, TAGS_MAX, lines, parse};
pub use point::{FieldValue, Point};
pub use precision::{NotAPrecision, Precision};
