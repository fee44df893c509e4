//! A token bucket: so much a second on average, and so much at once after a rest.
//!
//! Kept as the one instant at which it is full again (the generic cell rate algorithm, ITU-T I.371), so an idle bucket costs
//! nothing to keep up. Pure: the time is handed in, as the duration since any one origin.

use std::num::NonZeroU32;
use std::time::Duration;

/// How fast a bucket fills and how much it holds. Handed in with every take, so that a changed limit holds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_s: NonZeroU32,
    pub burst: NonZeroU32,
}

/// What was taken lately. A new one is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    full_at: Duration,
}

impl Rate {
    /// A second's worth may come at once.
    pub fn per_second(per_s: NonZeroU32) -> Rate {
        Rate { per_s, burst: per_s }
    }

    fn time_for(self, amount: u64) -> Duration {
        let nanos = u128::from(amount) * 1_000_000_000 / u128::from(self.per_s.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Bucket {
    /// Takes `amount`, or says how long to wait before that may be tried again; then nothing was taken.
    ///
    /// More than the burst is let through by a full bucket and paid off afterwards: else it could never pass.
    pub fn take(&mut self, rate: Rate, amount: u64, now: Duration) -> Result<(), Duration> {
        let burst = u64::from(rate.burst.get());
        let due = self.full_at.max(now);
        let room_at =
            due.saturating_add(rate.time_for(amount.min(burst))).saturating_sub(rate.time_for(burst));
        if room_at > now {
            return Err(room_at - now);
        }
        self.full_at = due.saturating_add(rate.time_for(amount));
        Ok(())
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }
}
