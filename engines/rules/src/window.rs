//! The values of the last while in a ring of parts: bounded memory, and one addition for a value. Pure.
//!
//! Time is cut into parts of `span / 16`. A window takes in the part of the present moment and the fifteen before it, so it reaches
//! back between fifteen and sixteen sixteenths of its span, and moves on by whole parts.

use crate::form::{Aggregate, BUCKETS};
use crate::value::{Known, Unknown};

/// One part. The default is an empty one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Which part of time it holds.
    pub(crate) part: u64,
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    pub(crate) first: (u64, f64),
    pub(crate) last: (u64, f64),
}

/// A ring of parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) part_ms: u64,
    pub(crate) buckets: Vec<Bucket>,
}

/// What one window takes in memory.
pub const WINDOW_BYTES: usize = BUCKETS * size_of::<Bucket>() + size_of::<Window>();

impl Bucket {
    pub(crate) const EMPTY: Bucket = Bucket {
        part: 0,
        count: 0,
        sum: 0.0,
        least: f64::INFINITY,
        greatest: f64::NEG_INFINITY,
        first: (u64::MAX, 0.0),
        last: (0, 0.0),
    };

    fn add(&mut self, at: u64, value: f64) {
        if self.count == 0 {
            self.first = (at, value);
        }
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        self.last = (at, value);
    }

    /// Takes in another part, whichever of the two is the older.
    fn merge(&mut self, other: &Bucket) {
        if other.count == 0 {
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        if other.first.0 < self.first.0 {
            self.first = other.first;
        }
        if other.last.0 >= self.last.0 {
            self.last = other.last;
        }
    }

    fn read(&self, read: Aggregate) -> Known<f64> {
        match (read, self.count) {
            (Aggregate::Count, count) => Ok(count as f64),
            (Aggregate::Sum, _) => Ok(self.sum),
            (_, 0) => Err(Unknown::EmptyWindow),
            (Aggregate::Average, count) => Ok(self.sum / count as f64),
            (Aggregate::Least, _) => Ok(self.least),
            (Aggregate::Greatest, _) => Ok(self.greatest),
            (Aggregate::First, _) => Ok(self.first.1),
            (Aggregate::Last, _) => Ok(self.last.1),
            (Aggregate::Rate, _) if self.last.0 == self.first.0 => Err(Unknown::TooFew),
            (Aggregate::Rate, _) => {
                Ok((self.last.1 - self.first.1) / ((self.last.0 - self.first.0) as f64 / 1000.0))
            }
        }
    }
}

impl Window {
    pub(crate) fn new(span_ms: u64) -> Window {
        let part_ms = span_ms.div_ceil(BUCKETS as u64).max(1);
        Window { part_ms, buckets: vec![Bucket::EMPTY; BUCKETS] }
    }

    pub(crate) fn add(&mut self, at: u64, value: f64) {
        let part = at / self.part_ms;
        let bucket = &mut self.buckets[(part % BUCKETS as u64) as usize];
        if bucket.part != part {
            *bucket = Bucket { part, ..Bucket::EMPTY };
        }
        bucket.add(at, value);
    }

    /// The aggregate at `now`, as if `fresh` had been added already.
    pub(crate) fn read(&self, read: Aggregate, now: u64, fresh: Option<f64>) -> Known<f64> {
        let present = now / self.part_ms;
        let oldest = (present + 1).saturating_sub(BUCKETS as u64);
        let mut whole = Bucket::EMPTY;
        for bucket in self.buckets.iter().filter(|bucket| (oldest..=present).contains(&bucket.part)) {
            whole.merge(bucket);
        }
        if let Some(value) = fresh {
            whole.add(now, value);
        }
        whole.read(read)
    }
}
