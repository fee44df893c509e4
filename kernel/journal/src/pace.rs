//! How long the committer lets records gather before it takes the next batch. Pure.
//!
//! A sync costs about the same for one record as for a hundred: with 2,000 connections that publish 15,000 times a second, one as
//! soon as the last has ended is 4,000 syncs a second for four records each. So where records come by themselves, a pause before
//! each batch pays. Where the writers wait for this very sync, it only keeps them waiting. Which of both it is, the pause itself
//! tells: in its second half records still come, or they do not. It is doubled while they do and halved while they do not, so that
//! with writers that wait it ends about when all of them are back.

use std::time::Duration;

/// A batch with fewer records is not waited for: a writer that is alone is never held up.
const RECORDS_MIN: u64 = 3;
/// The shortest pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_micros(125);
const PAUSE_MAX: Duration = Duration::from_millis(2);
/// With so much to write already, another sync is cheap beside it.
pub(crate) const GATHERED_BYTES_MAX: usize = 64 << 10;

/// The pause before the next batch.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pause: Duration,
}

impl Pace {
    pub(crate) fn pause(&self) -> Duration {
        self.pause
    }

    /// After a batch that had a pause before it: how many records came in either half of that.
    pub(crate) fn gathered(&mut self, first_half: u64, second_half: u64) {
        let comes_more = second_half > 0 && 2 * second_half >= first_half;
        self.pause = if comes_more { (self.pause * 2).min(PAUSE_MAX) } else { self.pause / 2 };
        if self.pause < PAUSE_MIN {
            self.pause = Duration::ZERO;
        }
    }

    /// After a batch without a pause: how many records it had.
    pub(crate) fn committed(&mut self, records: u64) {
        if records >= RECORDS_MIN {
            self.pause = PAUSE_MIN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses of 200 batches; `come` tells how many records come within so many microseconds of the last release.
    fn pauses(come: impl Fn(u64) -> u64) -> Vec<u64> {
        const SYNC_US: u64 = 200;
        let mut pace = Pace::default();
        let batch = |_| {
            let pause = pace.pause().as_micros() as u64;
            if pause == 0 {
                pace.committed(come(SYNC_US));
            } else {
                let (half, whole) = (come(SYNC_US + pause / 2), come(SYNC_US + pause));
                pace.gathered(half - come(SYNC_US), whole - half);
            }
            pause
        };
        (0..200).map(batch).collect()
    }

    #[test]
    fn records_that_come_by_themselves_are_gathered_as_long_as_it_goes() {
        let pauses = pauses(|us| us * 15 / 1000);
        assert!(pauses[20..].iter().all(|pause| *pause == 2000), "{pauses:?}");
    }

    #[test]
    fn one_writer_is_never_held_up() {
        assert!(pauses(|us| u64::from(us > 20)).iter().all(|pause| *pause == 0));
    }

    #[test]
    fn writers_that_wait_for_the_sync_are_not_waited_for_once_all_are_back() {
        // Sixteen, the last of which is back 350 microseconds after its release.
        let pauses = pauses(|us| (us * 16 / 350).min(16));
        assert!(pauses.iter().all(|pause| *pause <= 250), "{pauses:?}");
    }
}
