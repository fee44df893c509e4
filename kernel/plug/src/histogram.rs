//! How often a measure fell below each of some fixed bounds. Adds up; says nothing about single measures. Pure.

/// Counts per bucket and the sum, in the unit of the bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last one holds what is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// `bounds` rise; what lies above the last one is counted as well.
    pub fn new(bounds: &'static [f64]) -> Histogram {
        debug_assert!(bounds.is_sorted(), "bounds rise");
        Histogram { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// What was counted elsewhere: how many up to each bound and above the one before, and above all of them.
    pub fn of_counts(bounds: &'static [f64], counts: &[u64], sum: f64) -> Histogram {
        debug_assert!(counts.len() == bounds.len() + 1, "one count more than bounds");
        Histogram { bounds, counts: counts.to_vec(), sum }
    }

    pub fn record(&mut self, measure: f64) {
        self.counts[self.bounds.partition_point(|bound| *bound < measure)] += 1;
        self.sum += measure;
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound with how many measures were at or below it; infinity is the last.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }
}
