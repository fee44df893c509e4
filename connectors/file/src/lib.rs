#![doc = include_str!("../README.md")]

//! A sink that is a file of JSON lines.
//!
//! Blocks the thread it runs on, as a sink may. Takes no clock: a row's time is the journal's stamp.

mod line;
mod readable;
mod sink;
mod stamp;
mod tail;

pub use sink::FileSink;
