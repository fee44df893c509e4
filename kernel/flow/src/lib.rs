#![doc = include_str!("../README.md")]

//! Backoff and circuit breaker as values.
//!
//! Pure: time comes in as a [`std::time::Duration`] since any origin the caller keeps to, randomness as a number.

mod backoff;
mod breaker;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerLimits, BreakerState};
