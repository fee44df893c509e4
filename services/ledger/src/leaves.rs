//! The facts of a book as records that trees are grown over, whatever gear keeps them.
//!
//! A book that moved into another gear is one log from its beginning: what it had on the journal went into the trees as the journal has
//! it, which is never given up, and what came later goes in as the other gear has it.

use crate::embedded::known_stream;
use crate::error::OpenError;
use crate::mark::{self, Origin};
use crate::store::Store;
use std::sync::Arc;
use tidegate_engine_book::Fact;
use tidegate_kernel_audit::{AuditError, Found, Source, Streams};
use tidegate_kernel_journal::{Flags, Head, Id, Journal, Record};
use tidegate_kernel_plug::with_causes;

/// In entries of facts that were never on a journal, in place of its stream.
pub const NO_STREAM: u16 = u16::MAX;

/// A fact as a record, by its bytes. What is no fact has its number alone.
pub fn leaf(seq: u64, bytes: Vec<u8>) -> Record {
    let flags = Flags { critical: true, ..Flags::default() };
    let none = Head { stream: NO_STREAM, flags, seq, ..Head::default() };
    let head = Fact::decode(&bytes).map_or(none, |fact| Head {
        kind: u16::from(fact.kind()),
        version: Fact::version(),
        stamp_ms: fact.at_ms(),
        id: id_of(&fact),
        ..none
    });
    Record { head, payload: bytes.into() }
}

/// Under which id a fact is kept.
pub(crate) fn id_of(fact: &Fact) -> Id {
    match fact {
        Fact::Posting(posting) => Id(posting.id.0),
        Fact::Opened { .. } | Fact::Limited { .. } => Id::NIL,
    }
}

/// Of a book that is kept on the journal.
pub(crate) fn on_journal(journal: &Journal, book: &str) -> Option<Box<dyn Source>> {
    let stream = known_stream(journal, book)?;
    Some(Box::new(Streams::new(journal.clone(), &[stream])))
}

/// Of a book that another gear keeps.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    store: Arc<dyn Store>,
    /// What it had on the journal before it moved, and the number none of that is above.
    before: Option<(Streams, u64)>,
}

impl Elsewhere {
    pub(crate) fn new(journal: &Journal, book: &str, store: Arc<dyn Store>) -> Elsewhere {
        let streams = |origin: Origin| (Streams::new(journal.clone(), &[origin.stream]), origin.through);
        Elsewhere { store, before: mark::moved_from(journal, book).map(streams) }
    }
}

impl Source for Elsewhere {
    fn read(&self, after: u64, most: usize) -> Result<Found, AuditError> {
        if let Some((before, _)) = self.before.as_ref().filter(|(_, through)| after < *through) {
            let (records, _) = before.read(after, most)?;
            if let Some(through) = records.last().map(|last| last.head.seq) {
                return Ok((records, through));
            }
        }
        self.store.leaves(after, most).map_err(unread)
    }

    fn kept_seq(&self) -> u64 {
        self.store.kept_seq()
    }

    fn read_again(&self, after: u64, most: usize) -> Result<Option<Found>, AuditError> {
        self.store.leaves_again(after, most).map(Some).map_err(unread)
    }
}

fn unread(error: OpenError) -> AuditError {
    AuditError::Source { code: error.code(), hint: error.hint(), message: with_causes(&error) }
}
