//! How often something took how long: counts below fixed bounds, and the sum. Adds up; says nothing about single ones. Pure.

use std::time::Duration;

/// Seconds; what took longer than the last one is counted as well.
const BOUNDS_S: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.02, 0.05, 0.1, 0.2,
    0.5, 1.0, 2.0, 5.0,
];

/// Since the journal was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    counts: [u64; BOUNDS_S.len() + 1],
    sum_us: u64,
}

impl Durations {
    pub(crate) fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[BOUNDS_S.partition_point(|bound| *bound < seconds)] += 1;
        self.sum_us = self.sum_us.saturating_add(took.as_micros() as u64);
    }

    /// Upper bounds in seconds, rising.
    pub fn bounds_s() -> &'static [f64] {
        &BOUNDS_S
    }

    /// How many there are up to each bound and above the one before; the last one counts what is above all of them.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Those that came since `before`, which was the same count once.
    #[must_use]
    pub fn since(&self, before: &Durations) -> Durations {
        let counts = std::array::from_fn(|at| self.counts[at].saturating_sub(before.counts[at]));
        Durations { counts, sum_us: self.sum_us.saturating_sub(before.sum_us) }
    }

    /// What this share of them, 0 to 1, did not exceed, as near as the bounds tell; nothing where there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = (self.counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut below = 0;
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if below + count >= rank {
                let low = at.checked_sub(1).map_or(0.0, |at| BOUNDS_S[at]);
                let high = BOUNDS_S.get(at).copied().unwrap_or(2.0 * low);
                let part = (rank - below) as f64 / *count as f64;
                return Some(Duration::from_secs_f64(low + (high - low) * part));
            }
            below += count;
        }
        None
    }

    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bounds_and_there_is_none_of_nothing() {
        let mut durations = Durations::default();
        (0..99).for_each(|_| durations.add(Duration::from_micros(700)));
        let before = durations;
        durations.add(Duration::from_secs(60));
        let median = durations.quantile(0.5).expect("there are some");
        assert!((500..=1000).contains(&median.as_micros()), "{median:?}");
        assert_eq!(durations.since(&before).quantile(0.01), Some(Duration::from_secs(10)));
        assert_eq!(before.since(&before).quantile(0.5), None);
    }

    #[test]
    fn a_duration_is_counted_below_the_next_bound_and_in_the_sum() {
        let mut durations = Durations::default();
        [50, 51, 9_000_000].into_iter().for_each(|us| durations.add(Duration::from_micros(us)));
        assert_eq!((durations.counts()[0], durations.counts()[1], durations.counts()[18]), (1, 1, 1));
        assert_eq!(durations.sum(), Duration::from_micros(9_000_101));
    }
}
