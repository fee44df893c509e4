//! Many durations and what lies in their middle and at their end. Pure.

use hdrhistogram::Histogram;
use std::ops::AddAssign;
use std::time::Duration;

/// The longest duration told from longer ones.
const LONGEST: Duration = Duration::from_secs(60);
/// Significant digits kept of each duration.
const DIGITS: u8 = 3;

/// Durations from a nanosecond to a minute, each kept to three digits; longer ones count as a minute.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> Latencies {
        let bounds = Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS);
        Latencies(bounds.expect("the bounds are in order and three digits are allowed"))
    }

    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(duration.as_nanos().min(LONGEST.as_nanos()) as u64);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds that this share of the durations, from 0 to 1, did not exceed; 0 if there is none.
    pub fn quantile_us(&self, share: f64) -> f64 {
        let nanos = self.0.lowest_equivalent(self.0.value_at_quantile(share));
        (nanos as f64 / 100.0).round() / 10.0
    }
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies::new()
    }
}

impl AddAssign<Latencies> for Latencies {
    fn add_assign(&mut self, other: Latencies) {
        self.0 += other.0;
    }
}

/// The middle one, or the upper of the two in the middle; 0 if there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value that this share of them, from 0 to 1, does not exceed; 0 if there is none.
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Between which the median of what these are drawn from lies with 95 %, whatever their distribution: by the signs of the differences,
/// of which half are positive. The extremes where there are few.
pub fn median_bounds(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let rank = ((count - 1.96 * count.sqrt()) / 2.0).max(1.0) as usize;
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    [at(rank - 1), at(values.len().saturating_sub(rank))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_not_rounded_into_the_middle() {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|us| latencies.record(Duration::from_micros(us)));
        let mut more = Latencies::new();
        (0..20).for_each(|_| more.record(Duration::from_millis(80)));
        latencies += more;
        assert!((509.0..=512.0).contains(&latencies.quantile_us(0.5)));
        assert!((79_900.0..=80_100.0).contains(&latencies.quantile_us(0.99)));
    }

    #[test]
    fn the_bounds_of_a_median_are_closer_the_more_values_there_are() {
        let values = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(median_bounds(values(3)), [1.0, 3.0]);
        // For 36 the table of the sign test has the 12th and the 25th.
        assert_eq!(median_bounds(values(36)), [12.0, 25.0]);
        assert_eq!((quantile(values(36), 0.25), quantile(values(36), 0.75)), (10.0, 28.0));
        assert_eq!((median_bounds(Vec::new()), quantile(Vec::new(), 0.5)), ([0.0, 0.0], 0.0));
    }

    #[test]
    fn one_wild_value_does_not_move_a_median() {
        assert_eq!(median(vec![3.0, 900.0, 2.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
