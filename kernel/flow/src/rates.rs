//! Token buckets by key, at most so many: for limits per client, address or name, where whoever asks chooses the key.
//!
//! A full bucket is as good as none, so full ones make room for new keys. Where none is full, keys beyond the limit share one
//! bucket: memory stays bounded, and a flood of keys slows the flood. Pure: the time is handed in.

use crate::bucket::{Bucket, Rate};
use std::collections::BTreeMap;
use std::time::Duration;

/// Making room looks at every bucket, so it is not done more often than this.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// The buckets.
#[derive(Debug, Clone)]
pub struct Rates<K> {
    keys_max: usize,
    buckets: BTreeMap<K, Bucket>,
    rest: Bucket,
    sweep_at: Duration,
}

impl<K: Ord> Rates<K> {
    pub fn new(keys_max: usize) -> Rates<K> {
        Rates { keys_max, buckets: BTreeMap::new(), rest: Bucket::default(), sweep_at: Duration::ZERO }
    }

    /// Takes `amount` from the bucket of `key`; see [`Bucket::take`].
    pub fn take(&mut self, key: K, rate: Rate, amount: u64, now: Duration) -> Result<(), Duration> {
        if self.buckets.len() >= self.keys_max && !self.buckets.contains_key(&key) {
            self.sweep(now);
            if self.buckets.len() >= self.keys_max {
                return self.rest.take(rate, amount, now);
            }
        }
        self.buckets.entry(key).or_default().take(rate, amount, now)
    }

    /// What [`Rates::take`] would say, without taking.
    pub fn peek(&self, key: &K, rate: Rate, amount: u64, now: Duration) -> Result<(), Duration> {
        let unknown = || if self.buckets.len() < self.keys_max { Bucket::default() } else { self.rest };
        let mut bucket = self.buckets.get(key).copied().unwrap_or_else(unknown);
        bucket.take(rate, amount, now)
    }

    /// Keys that have a bucket of their own now.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn sweep(&mut self, now: Duration) {
        if now >= self.sweep_at {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.sweep_at = now.saturating_add(SWEEP_PAUSE);
        }
    }
}
