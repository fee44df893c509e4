#![doc = include_str!("../README.md")]

//! Takes no clock, no randomness, no file and no socket: times are handed in, nothing is kept but what a caller holds.

mod value;

pub use value::{Point, Quality, Type, Value};
