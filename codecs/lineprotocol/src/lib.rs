#![doc = include_str!("../README.md")]

//! InfluxDB line protocol, as its v1 and v2 write endpoints take it.
//!
//! No socket, clock, file or lock. Every name and line has a limit.

mod encode;
mod point;

pub use encode::{NAME_BYTES_MAX, Unsayable, encode};
pub use point::{FieldValue, Point};
