//! A place for each group among all that are read as often, so that their reads lie evenly in time. Holds a lock for a step.

use crate::counters::Shared;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many groups of each period have begun.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Shared<BTreeMap<Duration, u64>>);

impl Numbers {
    pub(crate) fn next(&self, every: Duration) -> u64 {
        let mut begun = self.0.lock();
        let number = begun.entry(every).or_default();
        *number += 1;
        *number
    }
}
