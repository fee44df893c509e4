//! What is counted: by driver, and for each group of a template how punctual its reads are. Locks are held for a look or a step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_kernel_plug::Histogram;

/// Seconds.
const LATE: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];
const EVERY: &[f64] = &[0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0, 1.25, 2.0, 5.0, 10.0, 60.0];

/// How a time a group was due ended. Each ends in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cycle {
    /// Every tag has a value.
    Good,
    /// The device answered, and some tags could not be read.
    Partial,
    /// The device did not answer.
    Failed,
    /// It was due once more while it, or a neighbour on its bus, was being read, or while it rested after a failure.
    Missed,
    /// The node was told to end, or to ask otherwise, before there was a connection.
    Cut,
}

impl Cycle {
    pub(crate) const ALL: [Cycle; 5] =
        [Cycle::Good, Cycle::Partial, Cycle::Failed, Cycle::Missed, Cycle::Cut];

    pub(crate) fn name(self) -> &'static str {
        ["good", "partial", "failed", "missed", "cut"][self as usize]
    }
}

/// What became of what was read. Each sample ends in exactly one but for those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    Refused,
    /// There was no room for it until newer ones came.
    GivenUp,
}

impl Fate {
    pub(crate) const ALL: [Fate; 3] = [Fate::Taken, Fate::Refused, Fate::GivenUp];

    pub(crate) fn name(self) -> &'static str {
        ["taken", "refused", "given_up"][self as usize]
    }
}

/// The counts of one driver.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) cycles: [u64; Cycle::ALL.len()],
    pub(crate) samples: [u64; Fate::ALL.len()],
    /// Samples that wait for room now.
    pub(crate) waiting: u64,
    pub(crate) connections: u64,
    pub(crate) values: u64,
    /// Tags that could not be read, each time, by code.
    pub(crate) bad: BTreeMap<&'static str, u64>,
    pub(crate) demotions: u64,
    pub(crate) switches: u64,
}

/// How punctual the reads of one group are, over all devices of its template.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// From when a read was due to when it began.
    pub(crate) late: Histogram,
    /// From the beginning of one read to that of the next.
    pub(crate) every: Histogram,
}

/// One that many add to.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By driver.
pub(crate) type Tallies = BTreeMap<&'static str, Arc<Shared<Tally>>>;
/// By template and group.
pub(crate) type Paces = BTreeMap<(Arc<str>, String), Arc<Shared<Pace>>>;

/// All of them; what the configuration does not name any more keeps its counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) tallies: Shared<Tallies>,
    pub(crate) paces: Shared<Paces>,
}

impl Counters {
    pub(crate) fn tally(&self, driver: &'static str) -> Arc<Shared<Tally>> {
        self.tallies.lock().entry(driver).or_default().clone()
    }

    pub(crate) fn pace(&self, template: &Arc<str>, group: &str) -> Arc<Shared<Pace>> {
        self.paces.lock().entry((template.clone(), group.to_owned())).or_default().clone()
    }
}

impl Tally {
    pub(crate) fn cycle(&mut self, cycle: Cycle, many: u64) {
        self.cycles[cycle as usize] += many;
    }
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { late: Histogram::new(LATE), every: Histogram::new(EVERY) }
    }
}
