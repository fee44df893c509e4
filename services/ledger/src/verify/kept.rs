//! The snapshots beside a book, while its facts are read: each has to be what the facts up to its number come to, and the one that stands
//! for pruned facts has to be what was signed. Reads files in the calling thread.

use super::fault::Fault;
use super::trust::Trust;
use crate::base::{self, Base, NotABase};
use crate::replay::snapshot_name;
use std::path::Path;
use tidegate_engine_book::{Reckoning, State};
use tidegate_kernel_audit::{Checkpoint, Profile};
use tidegate_kernel_journal::snapshots_in_books;

/// The state that stands for the first facts of a book.
#[derive(Debug)]
pub(super) struct Ground {
    base: Base,
    state: State,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) ground: Option<Ground>,
    quick: Vec<Quick>,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<String>,
}

/// A snapshot for quick starts.
#[derive(Debug)]
struct Quick {
    state: State,
    /// The fact it is as of was there.
    is_met: bool,
}

impl Kept {
    pub(super) fn of(data: &Path, book: &str, (log, stream): (&str, u16), trust: &Trust) -> Kept {
        let mut kept = Kept::default();
        kept.read_ground(data, book, (log, stream), trust);
        for (seq, bytes) in snapshots_in_books(data, &snapshot_name(book)).unwrap_or_default() {
            match bytes.and_then(|bytes| State::decode_all(&bytes).ok()) {
                Some(state) => kept.quick.push(Quick { state, is_met: false }),
                None => kept.notes.push(format!(
                    "books/{}-{seq:020}.snap cannot be read; a start does without it",
                    snapshot_name(book)
                )),
            }
        }
        kept
    }

    fn read_ground(&mut self, data: &Path, book: &str, (log, stream): (&str, u16), trust: &Trust) {
        let name = base::name_of(stream);
        let found = snapshots_in_books(data, &name).unwrap_or_default();
        // A start takes the newest that is whole.
        let Some((seq, bytes)) = found.iter().rev().find(|(_, bytes)| bytes.is_some()).or(found.last())
        else {
            return;
        };
        for (seq, _) in found.iter().filter(|(_, bytes)| bytes.is_none()) {
            self.notes.push(format!("books/{name}-{seq:020}.snap cannot be read"));
        }
        let read = || {
            let base = Base::parse(bytes.as_deref().ok_or(NotABase::Form)?)?;
            for (note, profile) in base.notes.iter().zip(Profile::ALL) {
                trust.open_snapshot(note, log, profile)?;
            }
            let state = base.state(State::decode_all)?;
            Ok(Ground { base, state })
        };
        match read() {
            Ok(ground) => self.ground = Some(ground),
            Err(why) => {
                self.faults.push(Fault::Base {
                    book: book.to_owned(),
                    file: format!("{name}-{seq:020}.snap"),
                    why,
                });
            }
        }
    }

    /// What the snapshot was signed to lie under.
    pub(super) fn claim(&self, profile: Profile) -> Option<Checkpoint> {
        self.ground.as_ref().map(|ground| ground.base.signed[profile as usize].checkpoint.clone())
    }

    /// Compares what is as of this fact.
    pub(super) fn compare(&mut self, book: &str, seq: u64, reckoning: &Reckoning) {
        for quick in self.quick.iter_mut().filter(|quick| quick.state.seq() == seq) {
            quick.is_met = true;
            let difference = reckoning.difference(&quick.state);
            self.faults
                .extend(difference.map(|why| differs(book, &snapshot_name(book), seq, &why.to_string())));
        }
    }

    /// Behind the last fact: a snapshot as of another number is of no fact of the book, unless it is older than those that are there.
    pub(super) fn finish(&mut self, book: &str, first_seq: u64) {
        let grounded = self.ground.as_ref().map_or(0, |ground| ground.base.seq());
        for Quick { state, .. } in self.quick.iter().filter(|quick| !quick.is_met) {
            let seq = state.seq();
            if seq > grounded.max(first_seq) {
                self.faults.push(differs(
                    book,
                    &snapshot_name(book),
                    seq,
                    "no fact of the book has its number",
                ));
            }
        }
    }
}

fn differs(book: &str, name: &str, seq: u64, why: &str) -> Fault {
    Fault::Snapshot { book: book.to_owned(), file: format!("{name}-{seq:020}.snap"), why: why.to_owned() }
}

impl Ground {
    pub(super) fn seq(&self) -> u64 {
        self.base.seq()
    }

    /// Whether as many facts led to it as were signed for, and it is what they come to, where all of them are there.
    pub(super) fn fault(
        &self,
        book: &str,
        stream: u16,
        leaves: u64,
        whole: Option<&Reckoning>,
    ) -> Option<Fault> {
        let said = self.base.leaves();
        let why = match whole.and_then(|whole| whole.difference(&self.state)) {
            _ if said != leaves => format!("it was signed for {said} facts, and {leaves} lead to it"),
            Some(difference) => difference.to_string(),
            None => return None,
        };
        Some(differs(book, &base::name_of(stream), self.seq(), &why))
    }

    pub(super) fn resume(&self, reckoning: &mut Reckoning) {
        reckoning.resume(&self.state);
    }
}
