//! What one principal may use, over all its connections: connections, messages and bytes a second.
//!
//! A bucket holds one second's worth and may be overdrawn by the message that empties it; then whoever drew is told how long
//! to wait. Holds a lock for arithmetic. Time is handed in.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_kernel_plug::{Allowance, Principal};
use tokio::time::Instant;

/// The principals that have a limit and a connection.
#[derive(Debug, Default)]
pub(crate) struct Guests(Mutex<BTreeMap<String, Guest>>);

#[derive(Debug)]
struct Guest {
    connections: u32,
    buckets: Arc<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    messages: Option<Mutex<Bucket>>,
    bytes: Option<Mutex<Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    per_s: f64,
    level: f64,
    filled_at: Instant,
}

/// One connection of a principal with limits; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    guests: Arc<Guests>,
    name: String,
    buckets: Arc<Buckets>,
}

/// The principal has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMore;

impl Guests {
    /// Nothing for a principal without limits.
    pub(crate) fn enter(guests: &Arc<Self>, principal: &Principal) -> Result<Option<Stay>, NoMore> {
        let allowance = principal.allowance;
        if allowance == Allowance::default() {
            return Ok(None);
        }
        let mut all = guests.lock();
        let fresh = || Guest { connections: 0, buckets: Arc::new(Buckets::new(&allowance)) };
        let guest = all.entry(principal.name.clone()).or_insert_with(fresh);
        if allowance.connections_max.is_some_and(|max| guest.connections >= max.get()) {
            return Err(NoMore);
        }
        guest.connections += 1;
        let buckets = guest.buckets.clone();
        Ok(Some(Stay { guests: guests.clone(), name: principal.name.clone(), buckets }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// Draws one message of so many bytes; how long to wait before the next one.
    pub(crate) fn draw(&self, bytes: usize, now: Instant) -> Duration {
        let draw = |bucket: &Option<Mutex<Bucket>>, amount: f64| {
            let bucket = bucket.as_ref()?;
            Some(bucket.lock().unwrap_or_else(PoisonError::into_inner).draw(amount, now))
        };
        let waits = [draw(&self.buckets.messages, 1.0), draw(&self.buckets.bytes, bytes as f64)];
        waits.into_iter().flatten().max().unwrap_or_default()
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut all = self.guests.lock();
        if let Some(guest) = all.get_mut(&self.name) {
            guest.connections -= 1;
            if guest.connections == 0 {
                all.remove(&self.name);
            }
        }
    }
}

impl Buckets {
    fn new(allowance: &Allowance) -> Self {
        let now = Instant::now();
        let bucket = |per_s: Option<NonZeroU32>| Some(Mutex::new(Bucket::new(per_s?.get().into(), now)));
        Self { messages: bucket(allowance.messages_per_s_max), bytes: bucket(allowance.bytes_per_s_max) }
    }
}

impl Bucket {
    fn new(per_s: f64, now: Instant) -> Self {
        Self { per_s, level: per_s, filled_at: now }
    }

    fn draw(&mut self, amount: f64, now: Instant) -> Duration {
        let refill = now.saturating_duration_since(self.filled_at).as_secs_f64() * self.per_s;
        self.level = (self.level + refill).min(self.per_s) - amount;
        self.filled_at = now;
        Duration::from_secs_f64((-self.level / self.per_s).clamp(0.0, 3600.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_one_seconds_worth_at_once_and_then_what_it_is_refilled_with() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10.0, now);
        assert!((0..10).all(|_| bucket.draw(1.0, now).is_zero()));
        assert_eq!(bucket.draw(1.0, now), Duration::from_millis(100));
        let later = now + Duration::from_millis(100);
        assert_eq!(bucket.draw(1.0, later), Duration::from_millis(100));
        assert_eq!(bucket.draw(0.0, later + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!(bucket.level, 10.0, "what is not drawn is not saved up");
    }
}
