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
    /// a crash, at which as much was in memory as its ceiling leaves open, and as `received_max` where somebody still knows.
    pub(crate) fn recovered(
        found: Option<Register>,
        journaled: Journaled,
        tail: Tail,
        (now_ms, received_max): (u64, u64),
    ) -> Admission {
        let mut kept = found.unwrap_or(Register { clean: true, ..Register::default() });
        kept.count_tail(tail);
        let received = kept.received(journaled);
        let written_at = received + kept.sources.derived();
        if !kept.clean {
            let lost_max = kept.ceiling.min(received_max).saturating_sub(received);
            kept.note_crash(Crash { noticed_ms: now_ms, lost_max });
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

    /// Taken, and perhaps not counted: the counts are to be made anew.
    pub(crate) fn count_unsure(&mut self) {
        self.received += 1;
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
mod tests;
