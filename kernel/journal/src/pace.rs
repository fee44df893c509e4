//! How long the committer lets records gather before it takes the next batch. Pure.
//!
//! A sync costs about the same for one record as for a hundred: with 2,000 connections that publish 15,000 times a second, one as
//! soon as the last has ended is 4,000 syncs a second for four records each. So where records come by themselves, a pause before
//! each batch pays. Where the writers wait for this very sync, it only keeps them waiting. Two things tell which of both it is. The
//! pause itself: in its second half records still come, or they do not; it is doubled while they do and halved while they do not.
//! And the rate: with pauses as many records come as without, or the pauses end and are tried again later.

use std::time::Duration;

/// Batches of fewer records, taken together, are not waited for: a writer that is alone is never held up.
const RECORDS_MIN: u64 = 3;
/// The shortest pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_micros(125);
const PAUSE_MAX: Duration = Duration::from_millis(2);
/// With so much to write already, another sync is cheap beside it.
pub(crate) const GATHERED_BYTES_MAX: usize = 64 << 10;
/// Over so long a rate is taken.
const STRETCH: Duration = Duration::from_millis(50);
/// What must be left of the rate without pauses; a load that comes by itself varies less from stretch to stretch.
const RATE_KEPT: f64 = 0.8;
/// After so long with pauses the rate without them is taken anew.
const REVIEW_AFTER: Duration = Duration::from_secs(3);
/// Pauses that cost rate are tried again after so long, twice that the next time, and so on.
const ABSTAIN_MIN: Duration = Duration::from_secs(1);
const ABSTAIN_MAX: Duration = Duration::from_secs(32);

/// The pause before the next batch. Times are since the committer began.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pause: Duration,
    stretch: Stretch,
    /// Records a second in the last stretch without pauses.
    plain_rate: f64,
    /// The first stretch with pauses after one without began then.
    paused_since: Duration,
    /// No pause before that, and how long the last abstention was.
    abstain_until: Duration,
    abstention: Duration,
}

#[derive(Debug, Default)]
struct Stretch {
    began: Duration,
    records: u64,
    batches: u64,
}

impl Pace {
    pub(crate) fn pause(&self) -> Duration {
        self.pause
    }

    /// Nothing is left to write.
    pub(crate) fn rest(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// After a pause: how many records came in either half of it.
    pub(crate) fn gathered(&mut self, first_half: u64, second_half: u64) {
        let comes_more = second_half > 0 && 2 * second_half >= first_half;
        self.pause = if comes_more { (self.pause * 2).min(PAUSE_MAX) } else { self.pause / 2 };
        if self.pause < PAUSE_MIN {
            self.pause = Duration::ZERO;
        }
    }

    /// After a batch: how many records it had.
    pub(crate) fn committed(&mut self, records: u64, now: Duration) {
        self.stretch.records += records;
        self.stretch.batches += 1;
        let took = now.saturating_sub(self.stretch.began);
        if took >= STRETCH {
            let rate = self.stretch.records as f64 / took.as_secs_f64();
            let is_worth_it = self.stretch.records >= RECORDS_MIN * self.stretch.batches;
            self.stretch = Stretch { began: now, ..Stretch::default() };
            if self.pause.is_zero() {
                self.after_plain(rate, is_worth_it, now)
            } else {
                self.after_paused(rate, now)
            }
        }
    }

    fn after_plain(&mut self, rate: f64, is_worth_it: bool, now: Duration) {
        self.plain_rate = rate;
        if is_worth_it && now >= self.abstain_until {
            (self.pause, self.paused_since) = (PAUSE_MIN, now);
        }
    }

    fn after_paused(&mut self, rate: f64, now: Duration) {
        if rate < RATE_KEPT * self.plain_rate {
            self.abstention = (self.abstention * 2).clamp(ABSTAIN_MIN, ABSTAIN_MAX);
            self.abstain_until = now + self.abstention;
            self.pause = Duration::ZERO;
        } else if now - self.paused_since >= REVIEW_AFTER {
            (self.pause, self.abstention) = (Duration::ZERO, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC_US: u64 = 200;

    /// Batches of ten seconds, each with its pause and its records; `come` tells how many come within so many microseconds of the
    /// last release.
    fn batches(come: impl Fn(u64) -> u64) -> Vec<(u64, u64)> {
        let (mut pace, mut now_us) = (Pace::default(), 0);
        let mut batches = Vec::new();
        while now_us < 10_000_000 {
            let pause = pace.pause().as_micros() as u64;
            let (half, whole) = (come(SYNC_US + pause / 2), come(SYNC_US + pause));
            if pause > 0 {
                pace.gathered(half - come(SYNC_US), whole - half);
            }
            now_us += SYNC_US + pause;
            pace.committed(whole, Duration::from_micros(now_us));
            batches.push((pause, whole));
        }
        batches
    }

    /// Of all syncs there could have been, and the records of all there would have been without pauses.
    fn shares(batches: &[(u64, u64)], come: impl Fn(u64) -> u64) -> (f64, f64) {
        let without = 10_000_000 / SYNC_US;
        let records: u64 = batches.iter().map(|(_, records)| records).sum();
        (batches.len() as f64 / without as f64, records as f64 / (without * come(SYNC_US)) as f64)
    }

    #[test]
    fn records_that_come_by_themselves_are_gathered_as_long_as_it_goes() {
        let come = |us| us * 15 / 1000;
        let batches = batches(come);
        let (syncs, records) = shares(&batches, come);
        assert!(syncs < 0.15 && records > 0.99, "{syncs} {records}");
        assert!(batches.iter().any(|(pause, _)| *pause == 2000));
    }

    #[test]
    fn one_writer_is_never_held_up() {
        assert!(batches(|us| u64::from(us > 20)).iter().all(|(pause, _)| *pause == 0));
    }

    #[test]
    fn writers_that_wait_for_the_sync_are_not_waited_for_once_all_are_back() {
        // Sixteen, the last of which is back 350 microseconds after its release.
        let batches = batches(|us| (us * 16 / 350).min(16));
        assert!(batches.iter().all(|(pause, _)| *pause <= 250), "{batches:?}");
    }

    #[test]
    fn writers_that_wait_lose_little_to_pauses_however_they_come_back() {
        // Most are back before the sync has ended, the others one by one, so that some come in every half of every pause.
        let come = |us: u64| if us <= SYNC_US { 12 } else { 12 + (us - SYNC_US) / 60 };
        let (_, records) = shares(&batches(come), come);
        assert!(records > 0.95, "{records}");
    }
}
