//! Who was let in: every packet that was received is accepted, malformed or refused, and the sums say so.
//!
//! `accepted` is not kept here: it is what the journal counts in its own records, so it is right whatever moment the process is
//! killed at. The rest is written to a register now and then. Pure but for the journal's numbers, which are handed in.

use crate::accounts::{AdmissionAccount, Crash};
use crate::promise::Promise;
use crate::register::{RECENT_CRASHES_MAX, Register};

/// The counts of this life and of those before.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Counted by itself, so that the sum of the outcomes can be held against it.
    received: u64,
    kept: Register,
    pub(crate) promise: Promise,
    /// The drain has begun; nothing is taken any more.
    pub(crate) closed: bool,
    /// What was received when the register was last written.
    written_at: u64,
    /// What was received at the last checkpoint, from which the rate of arrival is taken.
    checkpoint_at: u64,
}

impl Admission {
    /// Goes on from the register that was found and from what the journal counted. A register that no orderly end wrote means
    /// a crash, at which as much was in memory as its ceiling leaves open.
    pub(crate) fn recovered(found: Option<Register>, accepted: u64, now_ms: u64) -> Admission {
        let mut kept = found.unwrap_or(Register { clean: true, ..Register::default() });
        let received = accepted + kept.not_accepted();
        if !kept.clean {
            kept.note_crash(Crash { noticed_ms: now_ms, lost_max: kept.ceiling.saturating_sub(received) });
        }
        kept.clean = false;
        Admission {
            received,
            kept,
            promise: Promise::none(),
            closed: false,
            written_at: received,
            checkpoint_at: received,
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn count_accepted(&mut self) {
        self.received += 1;
    }

    pub(crate) fn count_malformed(&mut self, code: &str) {
        self.received += 1;
        self.kept.malformed.add(code);
    }

    pub(crate) fn count_refused(&mut self, reason: &str) {
        self.received += 1;
        self.kept.refused.add(reason);
    }

    /// Ends the interval; whether the register should be written: for new counts, or for a ceiling nearer by.
    pub(crate) fn checkpoint(&mut self) -> bool {
        self.promise.fit(self.received - self.checkpoint_at);
        self.checkpoint_at = self.received;
        let news = self.received != self.written_at || self.promise.is_loose(self.received);
        news && !self.promise.is_asked()
    }

    /// The register to write now.
    pub(crate) fn register(&self) -> Register {
        let ceiling = self.promise.next(self.received);
        Register { clean: self.closed, ceiling, ..self.kept.clone() }
    }

    /// The register was appended as record `seq`.
    pub(crate) fn written(&mut self, seq: u64, ceiling: u64) {
        self.promise.ask(seq, ceiling);
        self.written_at = self.received;
    }

    pub(crate) fn account(&self, accepted: u64) -> AdmissionAccount {
        let (malformed, refused) = (self.kept.malformed.total(), self.kept.refused.total());
        AdmissionAccount {
            received: self.received,
            accepted,
            malformed,
            refused,
            malformed_by_code: self.kept.malformed.0.clone(),
            refused_by_reason: self.kept.refused.0.clone(),
            difference: difference(self.received, accepted + malformed + refused),
            crashes: self.kept.crashes,
            lost_at_crash_max: self.kept.lost_max,
            recent_crashes: self.kept.recent.clone(),
        }
    }
}

impl Register {
    fn note_crash(&mut self, crash: Crash) {
        self.crashes += 1;
        self.lost_max += crash.lost_max;
        self.recent.push(crash);
        if self.recent.len() > RECENT_CRASHES_MAX {
            self.recent.remove(0);
        }
    }
}

/// What came in and has no way out among `parts`; zero in an account that closes.
pub(crate) fn difference(whole: u64, parts: u64) -> i64 {
    (i128::from(whole) - i128::from(parts)).clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Accepted,
        Malformed,
        Refused,
        Checkpoint,
        /// Of the records since the last checkpoint so many are not found again.
        Crash {
            lost: u64,
        },
        End,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            8 => Just(Event::Accepted),
            1 => Just(Event::Malformed),
            1 => Just(Event::Refused),
            2 => Just(Event::Checkpoint),
            1 => (0..20_u64).prop_map(|lost| Event::Crash { lost }),
            1 => Just(Event::End),
        ];
        prop::collection::vec(event, 1..300)
    }

    /// Writes the register as the capability does, with the journal's part played at once.
    fn write(admission: &mut Admission, disk: &mut (Option<Register>, u64), accepted: u64) {
        let register = admission.register();
        admission.written(1, register.ceiling);
        admission.promise.settle(1);
        *disk = (Some(register), accepted);
    }

    proptest! {
        #[test]
        fn the_sums_close_after_any_history_and_the_bound_covers_what_is_missing(events in events()) {
            let mut disk = (None, 0);
            let (mut accepted, mut sent) = (0, 0);
            let mut admission = Admission::recovered(None, 0, 0);
            write(&mut admission, &mut disk, 0);
            for event in events {
                match event {
                    Event::Accepted => { admission.count_accepted(); accepted += 1; sent += 1 }
                    Event::Malformed => { admission.count_malformed("TG-MQ-003"); sent += 1 }
                    Event::Refused => { admission.count_refused("stalled"); sent += 1 }
                    Event::Checkpoint => write(&mut admission, &mut disk, accepted),
                    Event::Crash { lost } => {
                        accepted = disk.1.max(accepted.saturating_sub(lost));
                        admission = Admission::recovered(disk.0.clone(), accepted, 0);
                        write(&mut admission, &mut disk, accepted);
                    }
                    Event::End => {
                        admission.closed = true;
                        write(&mut admission, &mut disk, accepted);
                        admission = Admission::recovered(disk.0.clone(), accepted, 0);
                        write(&mut admission, &mut disk, accepted);
                    }
                }
                let account = admission.account(accepted);
                prop_assert_eq!(account.difference, 0);
                prop_assert!(account.received <= sent && sent <= account.received + account.lost_at_crash_max);
            }
        }
    }

    #[test]
    fn a_count_that_is_missing_shows_as_a_difference() {
        let mut admission = Admission::recovered(None, 0, 0);
        admission.count_accepted();
        admission.count_refused("stalled");
        assert_eq!(admission.account(1).difference, 0);
        assert_eq!(admission.account(0).difference, 1);
    }

    #[test]
    fn an_orderly_end_is_no_crash_and_a_crash_is_noted_once() {
        let register = Register { clean: true, ceiling: 2000, ..Register::default() };
        assert_eq!(Admission::recovered(Some(register.clone()), 10, 1).account(10).crashes, 0);
        let crashed = Admission::recovered(Some(Register { clean: false, ..register }), 10, 1);
        assert_eq!(crashed.account(10).recent_crashes, [Crash { noticed_ms: 1, lost_max: 1990 }]);
        let next = Admission::recovered(Some(crashed.register()), 10, 2);
        assert_eq!((next.account(10).crashes, next.account(10).lost_at_crash_max), (2, 1990 + 1024));
    }
}
