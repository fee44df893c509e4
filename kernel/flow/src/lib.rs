#![doc = include_str!("../README.md")]

//! Backoff, restarts, circuit breaker, adaptive limit, batcher, share and token buckets as values.
//!
//! Pure: time comes in as a [`std::time::Duration`] since any origin the caller keeps to, randomness as a number.

mod backoff;
mod batcher;
mod breaker;
mod bucket;
mod limit;
mod rates;
mod restarts;
mod share;

pub use backoff::Backoff;
pub use batcher::{BatchLimits, Batcher};
pub use breaker::{Breaker, BreakerLimits, BreakerState, BreakerWindow};
pub use bucket::{Bucket, Rate};
pub use limit::{Limit, LimitKind, Signal};
pub use rates::Rates;
pub use restarts::{RestartLimits, Restarts};
pub use share::{Lane, Share};
