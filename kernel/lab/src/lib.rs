#![doc = include_str!("../README.md")]

mod latencies;
mod round;
mod row;
mod setting;

pub use latencies::{Latencies, median};
pub use round::{Load, Round, drive};
pub use row::{Row, TABLE_HEAD};
pub use setting::{Setting, process_cpu, thread_cpu};
