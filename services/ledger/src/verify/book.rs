//! One book while its records are read.

use super::fault::Fault;
use super::kept::Kept;
use super::trust::{Signed, Trust};
use super::{Gone, Tree, Verified};
use crate::embedded::{REGISTER, edition_in};
use crate::ledger::trees_folder;
use crate::mark::log_named;
use std::path::Path;
use tidegate_engine_book::{Fact, Id, Reckoning};
use tidegate_kernel_audit::{AuditError, Profile, Recount};
use tidegate_kernel_journal::{Record, Registers};

pub(super) struct Book {
    pub(super) name: String,
    /// Nothing where it has no record.
    stream: Option<u16>,
    pub(super) reckoning: Reckoning,
    seqs: Option<(u64, u64)>,
    pub(super) is_read: bool,
    leaves: u64,
    gone: Option<Gone>,
    pub(super) trees: Vec<(Recount, Option<bool>)>,
    kept: Kept,
    /// Nothing more of it is taken in behind the first.
    pub(super) contradiction: Option<Fault>,
    pub(super) faults: Vec<Fault>,
}

impl Book {
    pub(super) fn on_journal(
        data: &Path,
        name: String,
        (stream, registers): (u16, &Registers),
        trust: &Trust,
    ) -> Book {
        let register = registers.get(&format!("{REGISTER}{name}"));
        let log = log_named(&name, register.map_or(1, |register| edition_in(register)));
        Book::of(data, name, (&log, Some(stream)), trust)
    }

    /// By what its log is called, and where it is on the journal.
    pub(super) fn of(data: &Path, name: String, (log, stream): (&str, Option<u16>), trust: &Trust) -> Book {
        let kept = stream.map_or_else(Kept::default, |stream| Kept::of(data, &name, (log, stream), trust));
        let (mut trees, mut faults) = (Vec::new(), Vec::new());
        for profile in Profile::ALL {
            let path = trees_folder(data, log).join(profile.name());
            match trust.signed(&path, log, profile) {
                Ok(Signed { published, mut claims, is_trusted }) => {
                    claims.extend(kept.claim(profile));
                    trees.push((Recount::beside(&path, profile, published, claims), is_trusted));
                }
                Err(why) => faults.push(Fault::Checkpoint { of: of_book(&name), tree: profile.name(), why }),
            }
        }
        Book {
            name,
            stream,
            reckoning: Reckoning::default(),
            seqs: None,
            is_read: true,
            leaves: 0,
            gone: None,
            trees,
            kept,
            contradiction: None,
            faults,
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        self.take_with(record, Recount::push);
    }

    pub(super) fn take_with(
        &mut self,
        record: &Record,
        push: fn(&mut Recount, &Record) -> Result<(), AuditError>,
    ) {
        let seq = record.head.seq;
        self.seqs = Some((self.seqs.map_or(seq, |(first, _)| first), seq));
        self.leaves += 1;
        if self.contradiction.is_none() {
            self.contradiction = self.reckon(seq, record).err();
        }
        if self.contradiction.is_none() {
            self.compare(seq);
        }
        for (tree, _) in &mut self.trees {
            if let Err(why) = push(tree, record) {
                self.faults.push(unread(&self.name, why));
            }
        }
    }

    fn reckon(&mut self, seq: u64, record: &Record) -> Result<(), Fault> {
        let (book, head) = (|| self.name.clone(), record.head);
        if head.flags.pruned {
            self.reckoning.pass_over(seq, head.kind, Id(head.id.0));
            return self.miss(record);
        }
        let fact = Fact::decode(&record.payload);
        let fact = fact.map_err(|why| Fault::NotAFact { book: book(), seq, why })?;
        if !self.adds_up() {
            self.reckoning.pass_over(seq, head.kind, Id(head.id.0));
            return Ok(());
        }
        let taken = self.reckoning.take(seq, &fact);
        taken.map_err(|why| Fault::Contradiction { book: self.name.clone(), seq, why })
    }

    fn miss(&mut self, record: &Record) -> Result<(), Fault> {
        let (seq, at_ms) = (record.head.seq, record.head.stamp_ms);
        let ground = self.kept.ground.as_ref().map(|ground| ground.seq());
        let facts = self.gone.map_or(0, |gone| gone.facts) + 1;
        self.gone = Some(Gone { facts, through: seq, at_ms, snapshot_seq: ground });
        // One that is there and cannot be relied on is said once.
        match ground {
            Some(ground) if seq <= ground => Ok(()),
            _ => Err(Fault::Unfounded { book: self.name.clone(), seq }),
        }
    }

    /// Whether what was read so far is all there is to add up: behind a pruned fact only from the snapshot on.
    fn adds_up(&self) -> bool {
        let last = self.seqs.map_or(0, |(_, last)| last);
        self.gone.is_none_or(|gone| gone.snapshot_seq.is_some_and(|ground| ground < last))
    }

    /// Snapshots as of the fact that was just taken in.
    fn compare(&mut self, seq: u64) {
        if let (Some(ground), Some(stream)) = (&self.kept.ground, self.stream)
            && ground.seq() == seq
        {
            let whole = self.gone.is_none().then_some(&self.reckoning);
            self.faults.extend(ground.fault(&self.name, stream, self.leaves, whole));
            if self.gone.is_some() {
                ground.resume(&mut self.reckoning);
            }
        } else if !self.adds_up() {
            return;
        }
        self.kept.compare(&self.name, seq, &self.reckoning);
    }

    /// `end` is the number of the last record there is; without one, that of the book's last.
    pub(super) fn finish(mut self, end: Option<u64>) -> Verified {
        let book = self.name;
        let next_seq = end.or(self.seqs.map(|(_, last)| last)).unwrap_or(0) + 1;
        if self.contradiction.is_none()
            && let Err((seq, why)) = self.reckoning.close()
        {
            self.contradiction = Some(Fault::Contradiction { book: book.clone(), seq, why });
        }
        if self.contradiction.is_none() {
            self.kept.finish(&book, self.seqs.map_or(0, |(first, _)| first));
        }
        let counted = |(tree, is_trusted): (Recount, _)| Tree { counted: tree.finish(), is_trusted };
        let trees: Vec<_> = self.trees.into_iter().map(counted).collect();
        let of = of_book(&book);
        let roots = trees.iter().flat_map(|tree| Fault::of_roots(&of, &tree.counted, next_seq));
        let faults =
            self.contradiction.into_iter().chain(self.faults).chain(self.kept.faults).chain(roots).collect();
        let (pruned, notes, is_read) = (self.gone, self.kept.notes, self.is_read);
        Verified { book, reckoning: self.reckoning, seqs: self.seqs, is_read, trees, pruned, faults, notes }
    }
}

fn of_book(book: &str) -> String {
    format!("the book {book}")
}

pub(super) fn unread(book: &str, why: AuditError) -> Fault {
    Fault::Checkpoint { of: of_book(book), tree: "files", why }
}
