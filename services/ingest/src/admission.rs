//! Who was let in: every packet that was received is accepted, quarantined, malformed or refused, and the sums say so.
//!
//! What is in the journal is not counted here but there, in its own records, so it is right whatever moment the process is
//! killed at. The rest is written to a register now and then. Pure but for the journal's numbers, which are handed in.

use crate::accounts::{AdmissionAccount, Crash};
use crate::class::Class;
use crate::error::Declined;
use crate::promise::Promise;
use crate::quarantine::Held;
use crate::reading::Source;
use crate::register::{RECENT_CRASHES_MAX, Register};
use crate::sources::Sources;
use crate::stake::Stake;
use std::collections::BTreeMap;

/// What the journal counts of ours, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Journaled {
    /// Readings, be they received or made by rules.
    pub(crate) readings: u64,
    pub(crate) quarantined: u64,
}

/// What the journal's records say that no register knows of yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tail {
    pub(crate) sources: Sources,
    pub(crate) held: Held,
    pub(crate) last_seq: u64,
}

/// The counts of this life and of those before.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Counted by itself, so that the sum of the outcomes can be held against it.
    received: u64,
    kept: Register,
    pub(crate) promise: Promise,
    /// The drain has begun; nothing is taken any more.
    pub(crate) closed: bool,
    /// What each sink has of readings that are not in the journal.
    pub(crate) stakes: BTreeMap<String, Stake>,
    /// As they are in the journal.
    pub(crate) stakes_written: BTreeMap<String, Vec<u8>>,
    /// What was received or derived when the register was last written.
    written_at: u64,
    /// What was received at the last checkpoint, from which the rate of arrival is taken.
    checkpoint_at: u64,
}

impl Admission {
    /// Goes on from the register that was found and from what the journal counted. A register that no orderly end wrote means
    /// a crash, at which as much was in memory as its ceiling leaves open.
    pub(crate) fn recovered(
        found: Option<Register>,
        journaled: Journaled,
        tail: Tail,
        now_ms: u64,
    ) -> Admission {
        let mut kept = found.unwrap_or(Register { clean: true, ..Register::default() });
        kept.count_tail(tail);
        let received = kept.received(journaled);
        let written_at = received + kept.sources.derived();
        if !kept.clean {
            kept.note_crash(Crash { noticed_ms: now_ms, lost_max: kept.ceiling.saturating_sub(received) });
        }
        kept.clean = false;
        Admission {
            received,
            kept,
            promise: Promise::none(),
            closed: false,
            stakes: BTreeMap::new(),
            stakes_written: BTreeMap::new(),
            written_at,
            checkpoint_at: received,
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.kept.sources
    }

    pub(crate) fn held(&self) -> Held {
        self.kept.held
    }

    /// In the journal as record `seq`.
    pub(crate) fn count_journaled(&mut self, source: Source, class: Class, seq: u64) {
        self.kept.as_of_seq = Some(seq);
        self.count_kept(source, class);
    }

    /// In the journal or in memory.
    pub(crate) fn count_kept(&mut self, source: Source, class: Class) {
        self.receive(source);
        self.kept.sources.keep(source, class);
    }

    /// Nothing in it was news.
    pub(crate) fn count_absorbed(&mut self, source: Source, class: Class) {
        self.receive(source);
        self.kept.sources.absorb(source, class);
    }

    pub(crate) fn count_quarantined(&mut self, seq: u64, bytes: usize) {
        self.received += 1;
        self.kept.as_of_seq = Some(seq);
        self.kept.held.add(seq, bytes as u64);
    }

    pub(crate) fn count_malformed(&mut self, code: &str) {
        self.received += 1;
        self.kept.malformed.add(code);
    }

    pub(crate) fn count_refused(&mut self, reason: &str) {
        self.received += 1;
        self.kept.refused.add(reason);
    }

    /// What never will be taken, under its code; what is busy is not counted.
    pub(crate) fn count_declined(&mut self, declined: Declined) {
        match declined {
            Declined::Malformed { code } => self.count_malformed(code),
            Declined::Refused { code } => self.count_refused(code),
            Declined::Busy => {}
        }
    }

    /// The same of what came by this way; what rules make was never received.
    pub(crate) fn count_declined_of(&mut self, source: Source, declined: Declined) {
        if source != Source::Rule {
            self.count_declined(declined);
        }
    }

    /// Everything in quarantine is let go of; how many readings that were.
    pub(crate) fn release_quarantine(&mut self) -> u64 {
        self.kept.held.release()
    }

    /// The journal has nothing left from before this record.
    pub(crate) fn forget_before(&mut self, oldest_seq: u64) {
        if self.kept.held.readings > 0 && self.kept.held.last_seq < oldest_seq {
            self.kept.held.release();
        }
    }

    /// What rules make was not received.
    fn receive(&mut self, source: Source) {
        self.received += u64::from(source != Source::Rule);
    }

    /// Ends the interval; whether the register should be written: for new counts, or for a ceiling nearer by.
    pub(crate) fn checkpoint(&mut self) -> bool {
        self.promise.fit(self.received - self.checkpoint_at);
        self.checkpoint_at = self.received;
        let news = self.received_or_derived() != self.written_at || self.promise.is_loose(self.received);
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
        self.written_at = self.received_or_derived();
    }

    /// Grows with all that the register knows of.
    fn received_or_derived(&self) -> u64 {
        self.received + self.kept.sources.derived()
    }

    /// What was accepted: in the journal, in memory, absorbed; without what rules made.
    pub(crate) fn accepted(&self, journaled: Journaled) -> u64 {
        self.kept.accepted(journaled)
    }

    pub(crate) fn account(&self, journaled: Journaled) -> AdmissionAccount {
        let (malformed, refused) = (self.kept.malformed.total(), self.kept.refused.total());
        let accepted = self.accepted(journaled);
        let quarantined = journaled.quarantined;
        AdmissionAccount {
            received: self.received,
            accepted,
            quarantined,
            malformed,
            refused,
            malformed_by_code: self.kept.malformed.0.clone(),
            refused_by_reason: self.kept.refused.0.clone(),
            difference: difference(self.received, accepted + quarantined + malformed + refused),
            sources: self.kept.sources.accounts(),
            sources_difference: difference(journaled.readings, self.kept.sources.journaled()),
            quarantine: self.kept.held,
            crashes: self.kept.crashes,
            lost_at_crash_max: self.kept.lost_max,
            recent_crashes: self.kept.recent.clone(),
        }
    }
}

impl Register {
    fn accepted(&self, journaled: Journaled) -> u64 {
        (journaled.readings + self.sources.unjournaled()).saturating_sub(self.sources.derived())
    }

    fn received(&self, journaled: Journaled) -> u64 {
        self.accepted(journaled) + journaled.quarantined + self.malformed_and_refused()
    }

    fn count_tail(&mut self, tail: Tail) {
        self.sources.add(&tail.sources);
        self.as_of_seq = Some(self.as_of_seq.unwrap_or(0).max(tail.last_seq));
        if tail.held.readings > 0 {
            self.held.readings += tail.held.readings;
            self.held.bytes += tail.held.bytes;
            self.held.last_seq = tail.held.last_seq;
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
        Journaled(Source, Class),
        Telemetry(Source),
        Absorbed(Source, Class),
        Quarantined,
        Malformed,
        Refused,
        Checkpoint,
        /// Of the records since the last checkpoint so many are not found again.
        Crash {
            lost: usize,
        },
        End,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let source = || prop::sample::select(&Source::ALL[..]);
        let class = || prop::sample::select(&[Class::Critical, Class::Process][..]);
        let event = prop_oneof![
            8 => (source(), class()).prop_map(|(source, class)| Event::Journaled(source, class)),
            4 => source().prop_map(Event::Telemetry),
            2 => (source(), class()).prop_map(|(source, class)| Event::Absorbed(source, class)),
            2 => Just(Event::Quarantined),
            1 => Just(Event::Malformed),
            1 => Just(Event::Refused),
            2 => Just(Event::Checkpoint),
            1 => (0..20_usize).prop_map(|lost| Event::Crash { lost }),
            1 => Just(Event::End),
        ];
        prop::collection::vec(event, 1..300)
    }

    /// The journal, as far as admission sees it.
    #[derive(Debug, Default)]
    struct Disk {
        register: Option<Register>,
        /// What each record is: a reading, or one in quarantine. A record's number is its place, from 1.
        records: Vec<Option<(Source, Class)>>,
        written: usize,
    }

    impl Disk {
        fn journaled(&self) -> Journaled {
            let readings = self.records.iter().flatten().count() as u64;
            Journaled { readings, quarantined: self.records.len() as u64 - readings }
        }

        /// Writes the register as the capability does, with the journal's part played at once.
        fn write(&mut self, admission: &mut Admission) {
            let register = admission.register();
            admission.written(1, register.ceiling);
            admission.promise.settle(1);
            self.register = Register::decode(&register.encode());
            self.written = self.records.len();
        }

        fn start(&mut self) -> Admission {
            let as_of = self.register.as_ref().and_then(|register| register.as_of_seq).unwrap_or(0);
            let mut tail = Tail { last_seq: self.records.len() as u64, ..Tail::default() };
            for (at, record) in self.records.iter().enumerate().skip(as_of as usize) {
                match record {
                    Some((source, class)) => tail.sources.keep(*source, *class),
                    None => tail.held.add(at as u64 + 1, 10),
                }
            }
            let mut admission = Admission::recovered(self.register.clone(), self.journaled(), tail, 0);
            self.write(&mut admission);
            admission
        }
    }

    fn play(event: Event, admission: &mut Admission, disk: &mut Disk) {
        match event {
            Event::Journaled(source, class) => {
                disk.records.push(Some((source, class)));
                admission.count_journaled(source, class, disk.records.len() as u64);
            }
            Event::Quarantined => {
                disk.records.push(None);
                admission.count_quarantined(disk.records.len() as u64, 10);
            }
            Event::Telemetry(source) => admission.count_kept(source, Class::Telemetry),
            Event::Absorbed(source, class) => admission.count_absorbed(source, class),
            Event::Malformed => admission.count_malformed("TG-MQ-003"),
            Event::Refused => admission.count_refused("stalled"),
            Event::Checkpoint => disk.write(admission),
            Event::Crash { lost } => {
                disk.records.truncate(disk.written.max(disk.records.len().saturating_sub(lost)));
                *admission = disk.start();
            }
            Event::End => {
                admission.closed = true;
                disk.write(admission);
                *admission = disk.start();
            }
        }
    }

    fn is_received(event: Event) -> bool {
        match event {
            Event::Journaled(source, _) | Event::Telemetry(source) | Event::Absorbed(source, _) => {
                source != Source::Rule
            }
            Event::Quarantined | Event::Malformed | Event::Refused => true,
            Event::Checkpoint | Event::Crash { .. } | Event::End => false,
        }
    }

    proptest! {
        #[test]
        fn the_sums_close_after_any_history_and_the_bound_covers_what_is_missing(events in events()) {
            let mut disk = Disk::default();
            let mut admission = disk.start();
            let mut sent = 0;
            for event in events {
                sent += u64::from(is_received(event));
                play(event, &mut admission, &mut disk);
                let account = admission.account(disk.journaled());
                prop_assert_eq!((account.difference, account.sources_difference), (0, 0));
                prop_assert_eq!(account.quarantine.readings, account.quarantined);
                prop_assert!(account.received <= sent && sent <= account.received + account.lost_at_crash_max);
                let of_sources: u64 = account.sources.iter().map(|source| source.accepted).sum();
                prop_assert_eq!(of_sources, account.accepted + admission.sources().derived());
            }
        }
    }

    const ONE: Journaled = Journaled { readings: 1, quarantined: 0 };

    fn start(register: Register) -> Admission {
        let sources = Sources::default();
        Admission::recovered(Some(register), ONE, Tail { sources, ..Tail::default() }, 1)
    }

    #[test]
    fn a_count_that_is_missing_shows_as_a_difference() {
        let mut admission = Admission::recovered(None, Journaled::default(), Tail::default(), 0);
        admission.count_journaled(Source::Mqtt, Class::Process, 1);
        admission.count_refused("stalled");
        assert_eq!(admission.account(ONE).difference, 0);
        let none = admission.account(Journaled::default());
        assert_eq!((none.difference, none.sources_difference), (1, -1));
        let other = admission.account(Journaled { readings: 0, quarantined: 1 });
        assert_eq!((other.difference, other.sources_difference), (0, -1));
    }

    #[test]
    fn an_orderly_end_is_no_crash_and_a_crash_is_noted_once() {
        let register = Register { clean: true, ceiling: 2000, ..Register::default() };
        assert_eq!(start(register.clone()).account(ONE).crashes, 0);
        let crashed = start(Register { clean: false, ..register });
        assert_eq!(crashed.account(ONE).recent_crashes, [Crash { noticed_ms: 1, lost_max: 1999 }]);
        let next = start(crashed.register());
        assert_eq!((next.account(ONE).crashes, next.account(ONE).lost_at_crash_max), (2, 1999 + 1024));
    }

    #[test]
    fn what_the_journal_no_longer_has_is_no_longer_held() {
        let mut admission = Admission::recovered(None, Journaled::default(), Tail::default(), 0);
        admission.count_quarantined(5, 10);
        admission.forget_before(5);
        assert_eq!(admission.held().readings, 1);
        admission.forget_before(6);
        assert_eq!((admission.held().readings, admission.held().bytes), (0, 0));
    }
}
