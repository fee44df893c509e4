//! When to start again what has panicked: soon, later each time, and not any more after too many panics within a while.
//!
//! Pure: the caller says when it is.

use std::collections::VecDeque;
use std::time::Duration;

/// How patient to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartLimits {
    /// The wait after a panic that is the only one within the window; each further one doubles it.
    pub wait: Duration,
    pub wait_max: Duration,
    pub window: Duration,
    /// Panics within the window that are started from again; one more ends it.
    pub panics_max: usize,
}

/// The panics within the window.
#[derive(Debug, Clone)]
pub struct Restarts {
    limits: RestartLimits,
    recent: VecDeque<Duration>,
}

impl Restarts {
    pub fn new(limits: RestartLimits) -> Restarts {
        Restarts { limits, recent: VecDeque::new() }
    }

    /// How long to wait after a panic at `now` before the next start; nothing if there were too many.
    pub fn wait(&mut self, now: Duration) -> Option<Duration> {
        let RestartLimits { wait, wait_max, window, panics_max } = self.limits;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|at| *at + window < now) {
            self.recent.pop_front();
        }
        let doublings = self.recent.len().saturating_sub(1).min(31) as u32;
        (self.recent.len() <= panics_max).then(|| wait.saturating_mul(1 << doublings).min(wait_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RestartLimits = RestartLimits {
        wait: Duration::from_millis(50),
        wait_max: Duration::from_millis(300),
        window: Duration::from_secs(10),
        panics_max: 5,
    };

    fn waits(seconds: &[u64]) -> Vec<Option<u64>> {
        let mut restarts = Restarts::new(LIMITS);
        let wait = |second: &u64| Some(restarts.wait(Duration::from_secs(*second))?.as_millis() as u64);
        seconds.iter().map(wait).collect()
    }

    #[test]
    fn each_panic_of_a_row_waits_longer_up_to_the_longest_wait_and_one_too_many_ends_it() {
        let expected = [Some(50), Some(100), Some(200), Some(300), Some(300), None];
        assert_eq!(waits(&[0, 1, 2, 3, 4, 5]), expected);
    }

    #[test]
    fn a_panic_that_is_longer_ago_than_the_window_counts_no_more() {
        assert_eq!(waits(&[0, 10, 11, 22]), [Some(50), Some(100), Some(100), Some(50)]);
        assert_eq!(waits(&[0, 3, 6, 9, 12, 15, 18, 21, 24]).last(), Some(&Some(300)));
    }
}
