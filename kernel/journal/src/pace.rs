//! How long the committer lets records gather before it takes the next batch. Pure.
//!
//! A sync costs about the same for one record as for a hundred: with 2,000 connections that publish 15,000 times a second, one as
//! soon as the last has ended is 4,000 syncs a second for four records each. So where records come by themselves, a pause before
//! each batch pays. Where the writers wait for this very sync, it only keeps them waiting. Two things tell which of both it is. The
//! pause itself: in its second half records still come, or they do not; it is doubled while they do and halved while they do not.
//! And the rate: in a trial with pauses as many records come as without, or the pauses end and are tried again later.

use std::time::Duration;

/// Batches of fewer records, taken together, are not waited for: a writer that is alone is never held up.
const RECORDS_MIN: u64 = 3;
/// The shortest pause, and the longest.
const PAUSE_MIN: Duration = Duration::from_micros(125);
const PAUSE_MAX: Duration = Duration::from_millis(2);
/// So many pauses of one length, with so many records in them, are looked at together: what comes in lumps leaves most halves of
/// short ones empty.
const ALIKE_MIN: u32 = 8;
const ALIKE_RECORDS_MIN: u64 = 32;
/// With so much to write already, another sync is cheap beside it.
pub(crate) const GATHERED_BYTES_MAX: usize = 64 << 10;
/// Over so long a rate without pauses is taken, and so long is one with pauses judged by what is plain at once.
const STRETCH: Duration = Duration::from_millis(50);
/// Over so long a rate with pauses is taken before less than that counts against it: two thousand writers come in waves.
const TRIAL: Duration = Duration::from_millis(100);
/// What must be left of the rate without pauses at the end of a trial, and what at the end of its first stretch.
const RATE_KEPT: f64 = 0.85;
const RATE_KEPT_AT_ONCE: f64 = 0.65;
/// After so long with pauses the rate without them is taken anew.
const REVIEW_AFTER: Duration = Duration::from_secs(3);
/// Pauses that cost rate are tried again after so long, twice that the next time, and so on.
const ABSTAIN_MIN: Duration = Duration::from_secs(1);
const ABSTAIN_MAX: Duration = Duration::from_secs(8);

/// The pause before the next batch. Times are since the committer began.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pause: Duration,
    /// How many pauses there were as long as this one, and the records of their first and of their second halves.
    alike: (u32, u64, u64),
    stretch: Stretch,
    /// Records a second without pauses; half of it is the last stretch of that kind, half what was before.
    plain_rate: f64,
    /// Since then batches of some size are paused for; nothing where none is.
    trial_since: Option<Duration>,
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

    /// After a pause: how many records came in either half of it.
    pub(crate) fn gathered(&mut self, first_half: u64, second_half: u64) {
        let (pauses, first, second) =
            (self.alike.0 + 1, self.alike.1 + first_half, self.alike.2 + second_half);
        self.alike = (pauses, first, second);
        if pauses < ALIKE_MIN || first + second < ALIKE_RECORDS_MIN {
            return;
        }
        let comes_more = second > 0 && 2 * second >= first;
        let pause = if comes_more { (self.pause * 2).min(PAUSE_MAX) } else { self.pause / 2 };
        self.set_pause(if pause < PAUSE_MIN { Duration::ZERO } else { pause });
    }

    fn set_pause(&mut self, pause: Duration) {
        (self.pause, self.alike) = (pause, (0, 0, 0));
    }

    /// After a batch: how many records it had.
    pub(crate) fn committed(&mut self, records: u64, now: Duration) {
        self.stretch.records += records;
        self.stretch.batches += 1;
        let took = now.saturating_sub(self.stretch.began);
        let rate = self.stretch.records as f64 / took.as_secs_f64();
        match self.trial_since {
            // There was nothing to write for a while: whoever comes next may be alone.
            Some(_) if took >= 2 * TRIAL => self.begin_plain(now),
            None if took >= STRETCH => self.after_plain(rate, now),
            Some(_) if took >= STRETCH && rate < RATE_KEPT_AT_ONCE * self.plain_rate => self.abstain(now),
            Some(since) if took >= TRIAL => self.after_trial(rate, since, now),
            Some(_) if self.pause.is_zero() && records >= RECORDS_MIN => self.set_pause(PAUSE_MIN),
            _ => {}
        }
    }

    fn after_plain(&mut self, rate: f64, now: Duration) {
        self.plain_rate = if self.plain_rate > 0.0 { (self.plain_rate + rate) / 2.0 } else { rate };
        let is_worth_it = self.stretch.records >= RECORDS_MIN * self.stretch.batches;
        self.trial_since = (is_worth_it && now >= self.abstain_until).then_some(now);
        self.stretch = Stretch { began: now, ..Stretch::default() };
    }

    fn after_trial(&mut self, rate: f64, since: Duration, now: Duration) {
        if rate < RATE_KEPT * self.plain_rate {
            self.abstain(now);
        } else if now - since >= REVIEW_AFTER {
            self.abstention = Duration::ZERO;
            self.begin_plain(now);
        } else {
            self.stretch = Stretch { began: now, ..Stretch::default() };
        }
    }

    fn abstain(&mut self, now: Duration) {
        self.abstention = (self.abstention * 2).clamp(ABSTAIN_MIN, ABSTAIN_MAX);
        self.abstain_until = now + self.abstention;
        self.begin_plain(now);
    }

    fn begin_plain(&mut self, now: Duration) {
        self.trial_since = None;
        self.set_pause(Duration::ZERO);
        self.stretch = Stretch { began: now, ..Stretch::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC_US: u64 = 200;

    /// Batches of ten seconds, each with its pause and its records; `came` tells how many come between two moments, in microseconds
    /// since the last release.
    fn batches_of(mut came: impl FnMut(u64, u64) -> u64) -> Vec<(u64, u64)> {
        let (mut pace, mut now_us) = (Pace::default(), 0);
        let mut batches = Vec::new();
        while now_us < 10_000_000 {
            let pause = pace.pause().as_micros() as u64;
            let (half, whole) = (SYNC_US + pause / 2, SYNC_US + pause);
            let (before, first, second) = (came(0, SYNC_US), came(SYNC_US, half), came(half, whole));
            if pause > 0 {
                pace.gathered(first, second);
            }
            now_us += whole;
            let records = before + first + second;
            if records > 0 {
                pace.committed(records, Duration::from_micros(now_us));
                batches.push((pause, records));
            }
        }
        batches
    }

    /// The same where as many come each time.
    fn batches(come: impl Fn(u64) -> u64) -> Vec<(u64, u64)> {
        batches_of(|from, to| come(to) - if from > 0 { come(from) } else { 0 })
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
    fn records_that_come_by_themselves_in_lumps_are_gathered_too() {
        // So many at once, each millisecond: most halves of short pauses see none of them.
        for lump in [15, 60] {
            let mut now_us = 0;
            let batches = batches_of(|from, to| {
                let before_us = now_us;
                now_us += to - from;
                (now_us / 1000 - before_us / 1000) * lump
            });
            let (syncs, records) = shares(&batches, |us| us * lump / 1000);
            assert!(syncs < 0.15 && records > 0.95, "{lump}: {syncs} {records}");
        }
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
