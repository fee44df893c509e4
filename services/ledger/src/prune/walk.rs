//! The facts that are to go, one after the other: into the state that is to stand for them, and by the second set of rules, for what they
//! said cannot be read again.

use super::PruneError;
use crate::base::{self, Base};
use crate::replay::seed;
use std::path::Path;
use tidegate_engine_book::{BookLimit, Fact, Id, Reckoning, State};
use tidegate_kernel_journal::{Head, Record, snapshots_in_books};

pub(super) struct Walk {
    pub(super) state: State,
    reckoning: Reckoning,
    /// The snapshot before.
    pub(super) base: Option<Base>,
    pub(super) last: Head,
    /// That are not pruned yet.
    pub(super) facts: u64,
    pub(super) leaves: u64,
    wrong: Option<PruneError>,
}

impl Walk {
    pub(super) fn of(data: &Path, stream: u16, limit: BookLimit) -> Result<Walk, PruneError> {
        let (mut state, mut reckoning, mut base) = (State::new(limit, seed()), Reckoning::default(), None);
        let kept = snapshots_in_books(data, &base::name_of(stream)).map_err(PruneError::Snapshot)?;
        if let Some(bytes) = kept.into_iter().rev().find_map(|(_, bytes)| bytes) {
            let before = Base::parse(&bytes)?;
            state = before.state(|bytes| State::decode(bytes, limit, seed()))?;
            reckoning.resume(&state);
            base = Some(before);
        }
        Ok(Walk { state, reckoning, base, last: Head::default(), facts: 0, leaves: 0, wrong: None })
    }

    /// Up to which fact the snapshot before stands for them.
    pub(super) fn begun(&self) -> u64 {
        self.base.as_ref().map_or(0, Base::seq)
    }

    pub(super) fn step(&mut self, record: &Record) {
        let head = record.head;
        self.last = head;
        self.leaves += 1;
        self.facts += u64::from(!head.flags.pruned);
        if head.seq <= self.begun() {
            self.reckoning.pass_over(head.seq, head.kind, Id(head.id.0));
        } else if self.wrong.is_none() {
            self.wrong = self.take(record).err();
        }
    }

    fn take(&mut self, record: &Record) -> Result<(), PruneError> {
        let seq = record.head.seq;
        let fact = Fact::decode(&record.payload).map_err(|why| PruneError::NotAFact { seq, why })?;
        self.state.apply(seq, &fact);
        self.reckoning.take(seq, &fact).map_err(|why| PruneError::Contradiction { seq, why })
    }

    /// Both came to the same.
    pub(super) fn end(mut self) -> Result<Walk, PruneError> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let seq = self.last.seq;
        let is_new = seq > self.begun();
        match is_new.then(|| self.reckoning.difference(&self.state)).flatten() {
            Some(why) => Err(PruneError::Differs { seq, why }),
            None => Ok(self),
        }
    }
}
