//! Exponential backoff with full jitter: wait anything between nothing and a ceiling that doubles up to a cap.
//!
//! Full jitter spreads many clients that failed together over the whole interval, which a fixed share of jitter does not.
//! Pure: the random number is handed in.

use std::time::Duration;

/// Doublings after which the ceiling stays where it is, whatever the cap: 2^32 times any base is longer than anyone waits.
const DOUBLINGS_MAX: u32 = 32;

/// How long to wait before the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is at most `base`, and no wait is longer than `cap`.
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, failures: 0 }
    }

    /// The longest the next wait can be.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u64 << self.failures.min(DOUBLINGS_MAX);
        let nanos = self.base.as_nanos().saturating_mul(u128::from(factor));
        self.cap.min(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// The wait after one more failure; `random` is uniform over all of `u64`.
    pub fn next_wait(&mut self, random: u64) -> Duration {
        let ceiling_ns = self.ceiling().as_nanos();
        self.failures = self.failures.saturating_add(1);
        // The high half of a 128-bit product maps the random number onto the interval without a division.
        let wait_ns = (ceiling_ns.min(u128::from(u64::MAX)) * u128::from(random)) >> 64;
        Duration::from_nanos(wait_ns as u64)
    }

    /// It worked: the next failure waits as the first one did.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}
