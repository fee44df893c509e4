#![doc = include_str!("../README.md")]

//! Backoff, circuit breaker and token buckets as values.
//!
//! Pure: time comes in as a [`std::time::Duration`] since any origin the caller keeps to, randomness as a number.

mod backoff;
mod breaker;
mod bucket;
mod rates;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerLimits, BreakerState};
pub use bucket::{Bucket, Rate};
pub use rates::Rates;
