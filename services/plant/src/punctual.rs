//! How one group of one device keeps its time: how far apart its last reads were, and how each time it was due ended. Pure.

use crate::config::Scan;
use crate::counters::{Cycle, Shared};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Intervals that are looked back on.
const INTERVALS_MAX: usize = 128;

/// A group of a device, and how it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStand {
    pub group: String,
    /// How often it is to be read.
    pub every: Duration,
    pub tags: Vec<Arc<str>>,
    /// Nothing before its second read; the time it was off scan is none.
    pub interval: Option<Interval>,
    /// Times it was due since the device is asked as it is, of which some ended badly.
    pub cycles: u64,
    pub partial: u64,
    pub failed: u64,
    pub missed: u64,
}

/// Of the last reads, from the beginning of one to that of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub mean: Duration,
    pub p99: Duration,
    /// By how much an interval is longer or shorter than it should be.
    pub jitter_p99: Duration,
}

/// What the task of a bus notes of one group.
#[derive(Debug, Default)]
pub(crate) struct Punctuality {
    intervals: VecDeque<Duration>,
    cycles: [u64; Cycle::ALL.len()],
}

/// A group as whoever asks finds it.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Of all devices of a template the same.
    scans: Arc<[Scan]>,
    at: usize,
    punctuality: Arc<Shared<Punctuality>>,
}

impl Punctuality {
    /// A read has begun so long after the one before.
    pub(crate) fn note(&mut self, interval: Duration) {
        if self.intervals.len() == INTERVALS_MAX {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    pub(crate) fn cycle(&mut self, cycle: Cycle, many: u64) {
        self.cycles[cycle as usize] += many;
    }

    fn interval(&self, every: Duration) -> Option<Interval> {
        let many = u32::try_from(self.intervals.len()).ok().filter(|many| *many > 0)?;
        let jitters = self.intervals.iter().map(|interval| interval.abs_diff(every));
        Some(Interval {
            mean: self.intervals.iter().sum::<Duration>() / many,
            p99: p99(self.intervals.iter().copied()),
            jitter_p99: p99(jitters),
        })
    }
}

/// The smallest that 99 of 100 do not exceed.
fn p99(spans: impl Iterator<Item = Duration>) -> Duration {
    let mut spans: Vec<Duration> = spans.collect();
    let at = (spans.len() * 99).div_ceil(100).saturating_sub(1);
    *spans.select_nth_unstable(at).1
}

impl Watched {
    pub(crate) fn new(scans: &Arc<[Scan]>, at: usize, punctuality: Arc<Shared<Punctuality>>) -> Watched {
        Watched { scans: scans.clone(), at, punctuality }
    }

    pub(crate) fn stand(&self) -> GroupStand {
        let (scan, punctuality) = (&self.scans[self.at], self.punctuality.lock());
        let of = |cycle: Cycle| punctuality.cycles[cycle as usize];
        GroupStand {
            group: scan.group.clone(),
            every: scan.every,
            tags: scan.tags.iter().map(|tag| tag.name.clone()).collect(),
            interval: punctuality.interval(scan.every),
            cycles: punctuality.cycles.iter().sum(),
            partial: of(Cycle::Partial),
            failed: of(Cycle::Failed),
            missed: of(Cycle::Missed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(200);

    #[test]
    fn one_late_read_of_a_hundred_is_not_in_the_p99_and_two_are() {
        let mut punctuality = Punctuality::default();
        assert_eq!(punctuality.interval(EVERY), None);
        (0..99).for_each(|_| punctuality.note(EVERY));
        punctuality.note(2 * EVERY);
        let interval = punctuality.interval(EVERY).unwrap();
        let of = |mean| Interval { mean, p99: EVERY, jitter_p99: Duration::ZERO };
        assert_eq!(interval, of(Duration::from_millis(202)));
        punctuality.note(EVERY / 2);
        let interval = punctuality.interval(EVERY).unwrap();
        assert_eq!((interval.p99, interval.jitter_p99), (EVERY, EVERY / 2), "too early is jitter as well");
    }

    #[test]
    fn only_the_last_reads_are_looked_back_on() {
        let mut punctuality = Punctuality::default();
        (0..10).for_each(|_| punctuality.note(9 * EVERY));
        (0..INTERVALS_MAX).for_each(|_| punctuality.note(EVERY));
        let interval = Interval { mean: EVERY, p99: EVERY, jitter_p99: Duration::ZERO };
        assert_eq!(punctuality.interval(EVERY), Some(interval));
    }
}
