#![doc = include_str!("../README.md")]

mod cell;
mod latencies;
mod round;
mod row;
mod setting;

pub use cell::{Cell, SMALL_NODE_BYTES};
pub use latencies::{Latencies, median, median_bounds, quantile};
pub use round::{Load, Round, drive};
pub use row::{Row, TABLE_HEAD};
pub use setting::{Setting, process_cpu, thread_cpu};
