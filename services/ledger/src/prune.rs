//! Retention: what facts of a book say goes, up to a number, behind a signed snapshot of the book. Each fact stays with its head and its
//! hashes, so that both trees can still be made again and every proof holds. Reads and writes the disk in the calling thread, and is alone
//! with the folder.
//!
//! ```text
//!   verified ── planned ── trees signed ── snapshot signed and kept ── payloads go, oldest first
//! ```
//!
//! Cut off anywhere, the book is as it was, or pruned as far as that went; doing it once more goes on.

mod error;
mod walk;

pub use error::PruneError;

use crate::base::{self, Base};
use crate::embedded::stream_in;
use crate::ledger::trees_folder;
use crate::mark::{gear_elsewhere, log_of};
use crate::verify::Verification;
use std::path::Path;
use tidegate_engine_book::BookLimit;
use tidegate_kernel_audit::{AuditError, Builder, Note, Profile, Signer, Snapshot, Stub};
use tidegate_kernel_journal::{Head, Journal, Pruned, Record, examine_books};
use walk::Walk;

/// Which facts go: those before a number, or before a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Seq(u64),
    Ms(u64),
}

/// What is to go, and the state that is to stand for it.
#[derive(Debug)]
pub struct Plan {
    pub book: String,
    /// Number and time of the last fact that goes.
    pub through: u64,
    pub at_ms: u64,
    /// Facts that go, and all up to that number, those that went before included.
    pub facts: u64,
    pub leaves: u64,
    stream: u16,
    /// Nothing where there is a snapshot as of this fact or a later one.
    state: Option<Vec<u8>>,
    /// The snapshot that stood for what went before.
    base: Option<Base>,
}

/// What was done.
#[derive(Debug)]
pub struct Pruning {
    pub pruned: Pruned,
    /// What stands for what is gone, as signed for each tree.
    pub signed: Vec<Snapshot>,
}

impl Before {
    fn holds(self, head: &Head) -> bool {
        match self {
            Before::Seq(seq) => head.seq < seq,
            Before::Ms(ms) => head.stamp_ms < ms,
        }
    }
}

/// What would be done in a folder in which nothing speaks against the books; nothing where there is nothing to do. Changes nothing.
pub fn plan(
    data: &Path,
    sound: &Verification,
    (book, limit): (&str, BookLimit),
    before: Before,
) -> Result<Option<Plan>, PruneError> {
    let registers = &sound.journal.registers;
    if let Some(gear) = gear_elsewhere(registers) {
        return Err(PruneError::Gear(gear));
    }
    let stream = stream_in(registers, book).ok_or_else(|| PruneError::NoBook(book.to_owned()))?;
    let mut walk = Walk::of(data, stream, limit)?;
    examine_books(data, &mut |record, _| {
        if record.head.stream == stream && before.holds(&record.head) {
            walk.step(record);
        }
    })?;
    let walk = walk.end()?;
    Ok((walk.facts > 0).then(|| Plan {
        book: book.to_owned(),
        through: walk.last.seq,
        at_ms: walk.last.stamp_ms,
        facts: walk.facts,
        leaves: walk.leaves,
        stream,
        state: (walk.last.seq > walk.begun()).then(|| walk.state.encode()),
        base: walk.base,
    }))
}

/// Does it: signs the trees over all there is, keeps the signed snapshot, and lets the payloads go. `signer` gives the key of each tree.
/// What lies in the segment that is written to stays until the next time.
pub fn prune(
    journal: &Journal,
    data: &Path,
    plan: &Plan,
    signer: &dyn Fn(Profile) -> Signer,
) -> Result<Pruning, PruneError> {
    let before = plan.signed_before(signer)?;
    let path = trees_folder(data, &log_of(journal, &plan.book));
    let (mut builder, _) = Builder::open(&path, journal, &[plan.stream], Profile::ALL.map(signer).into())?;
    while builder.step()?.records > 0 {}
    builder.sign()?;
    let signed = match &plan.state {
        Some(state) => plan.keep(state, journal, &builder, signer)?,
        None => before,
    };
    let mut stubs = |record: &Record| {
        let is_its = record.head.stream == plan.stream;
        is_its.then(|| Stub::of(&record.payload).to_bytes().to_vec())
    };
    let pruned = journal.prune(plan.through, &mut stubs)?;
    Ok(Pruning { pruned, signed })
}

impl Plan {
    /// Signs the state for both trees, each of which has all facts by now, and keeps it.
    fn keep(
        &self,
        state: &[u8],
        journal: &Journal,
        builder: &Builder,
        signer: &dyn Fn(Profile) -> Signer,
    ) -> Result<Vec<Snapshot>, PruneError> {
        let (mut signed, mut notes) = (Vec::new(), Vec::<Note>::new());
        for tree in builder.trees() {
            let checkpoint = tree.signed()?.ok_or(AuditError::NoCheckpoint)?;
            let (profile, seq, stamp_ms, leaves) = (tree.profile(), self.through, self.at_ms, self.leaves);
            let snapshot = Snapshot { seq, stamp_ms, leaves, state: profile.hash(state), checkpoint };
            notes.push(snapshot.sign(&signer(profile))?);
            signed.push(snapshot);
        }
        let (name, bytes) = (base::name_of(self.stream), base::to_bytes(&notes, state));
        journal.write_snapshot(&name, self.through, &bytes).map_err(PruneError::Snapshot)?;
        Ok(signed)
    }

    /// What stood for facts before, if these keys have signed it.
    fn signed_before(&self, signer: &dyn Fn(Profile) -> Signer) -> Result<Vec<Snapshot>, AuditError> {
        let notes = self.base.iter().flat_map(|base| base.notes.iter().zip(Profile::ALL));
        notes.map(|(note, profile)| Snapshot::open(note, &signer(profile).verifier())).collect()
    }
}
