//! The embedded gear: each book is a stream of the journal `books`, and a register says which.

use crate::arriving::Arriving;
use crate::base;
use crate::error::{OpenError, Setback};
use crate::leaves::id_of;
use crate::ledger::STREAM_MIN;
use crate::mark::EMBEDDED;
use crate::moving::Arrival;
use crate::port::{Guarantees, OneWriter};
use crate::replay::Place;
use crate::store::{AT_ONCE, Gear, Gone, Reaching, Row, Store, StoreCounts};
use std::sync::Arc;
use tidegate_engine_book::{AccountNumber, Fact, Id as BookId};
use tidegate_kernel_audit::Found;
use tidegate_kernel_journal::{Entry, Journal, Level, ReadLimit, Refusal, Registers, Unknown};

/// Bytes of facts read at once.
const BYTES_AT_ONCE: usize = 1 << 20;
/// A register of the journal for each book says which stream is its own.
pub(crate) const REGISTER: &str = "ledger.";

/// Books on the journal.
#[derive(Debug)]
pub struct Embedded(pub Journal);

impl Gear for Embedded {
    fn name(&self) -> &'static str {
        EMBEDDED
    }

    fn open(&self, book: &str) -> Result<Arc<dyn Store>, OpenError> {
        let stream = self.stream(book);
        let stream = stream.map_err(|source| OpenError::Place { book: book.to_owned(), source })?;
        Ok(Arc::new(Place::new(self.0.clone(), stream, book)))
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn arrival(&self, book: &str) -> Result<Box<dyn Arrival>, OpenError> {
        Ok(Box::new(Arriving::new(self.0.clone(), book)?))
    }

    fn leave(&self, _book: &str) -> Result<(), OpenError> {
        Ok(())
    }
}

impl Embedded {
    /// The stream a book has, or the next one that no book has.
    fn stream(&self, book: &str) -> Result<u16, Refusal> {
        if let Some(stream) = known_stream(&self.0, book) {
            return Ok(stream);
        }
        let stream = self.fresh_stream()?;
        self.give(book, stream, 1)?;
        Ok(stream)
    }

    /// A stream that no book has, and that none will have but by [`Embedded::give`].
    pub(crate) fn fresh_stream(&self) -> Result<u16, Refusal> {
        let last = format!("{REGISTER}.last");
        let stream = number(&self.0, &last).map_or(STREAM_MIN, |stream| stream + 1);
        // In this order a crash before it is given leaves a stream that nobody has.
        self.0.set_register(&last, &stream.to_le_bytes())?;
        Ok(stream)
    }

    /// From here on the book is what this stream has, which is that log of it.
    pub(crate) fn give(&self, book: &str, stream: u16, edition: u16) -> Result<(), Refusal> {
        let bytes = [stream.to_le_bytes(), edition.to_le_bytes()].concat();
        self.0.set_register(&format!("{REGISTER}{book}"), &bytes).map(|_| ())
    }
}

/// The stream a book has; nothing before it was opened for the first time.
pub fn known_stream(journal: &Journal, book: &str) -> Option<u16> {
    number(journal, &format!("{REGISTER}{book}"))
}

/// The stream a book has by these registers of a journal.
pub(crate) fn stream_in(registers: &Registers, book: &str) -> Option<u16> {
    let bytes = registers.get(&format!("{REGISTER}{book}"))?;
    bytes.first_chunk().copied().map(u16::from_le_bytes)
}

/// Which log of the book its stream is, from 1 on.
pub(crate) fn known_edition(journal: &Journal, book: &str) -> u16 {
    journal.register(&format!("{REGISTER}{book}")).map_or(1, |bytes| edition_in(&bytes))
}

/// Out of a book's register, which had none once.
pub(crate) fn edition_in(register: &[u8]) -> u16 {
    register.get(2..4).map_or(1, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn number(journal: &Journal, register: &str) -> Option<u16> {
    let bytes = journal.register(register)?;
    bytes.first_chunk().copied().map(u16::from_le_bytes)
}

impl Store for Place {
    fn guarantees(&self) -> Guarantees {
        let (gear, one_writer) = (EMBEDDED, OneWriter::Folder);
        Guarantees { gear, durability: Level::Disk, one_writer, strictly_serializable: true }
    }

    fn append(&self, facts: &[Fact]) -> Result<u64, Setback> {
        let (mut bytes, mut ends) = (Vec::with_capacity(128 * facts.len()), Vec::with_capacity(facts.len()));
        for fact in facts {
            fact.encode(&mut bytes);
            ends.push(bytes.len());
        }
        let begins = [0].into_iter().chain(ends.iter().copied());
        let payloads = begins.zip(&ends).map(|(begin, end)| &bytes[begin..*end]);
        let entries: Vec<Entry<'_>> =
            facts.iter().zip(payloads).map(|(fact, payload)| entry(self.stream, fact, payload)).collect();
        match self.journal.append_all(&entries) {
            Ok(ticket) => Ok(ticket.seq()),
            Err(Refusal::Busy(_)) => Err(Setback::Busy),
            Err(refusal) => Err(Setback::Closed(refusal.to_string())),
        }
    }

    fn reached(&self, seq: u64) -> Reaching<'_> {
        Box::pin(async move {
            let reached = self.journal.synced().reached(seq).await;
            reached.map_err(|Unknown| Gone("the journal stopped writing".to_owned()))
        })
    }

    fn settle(&self) -> Result<(), Gone> {
        let settled = self.journal.synced().wait(self.journal.status().head_seq);
        settled.map_err(|Unknown| Gone("the journal stopped writing".to_owned()))
    }

    fn kept_seq(&self) -> u64 {
        self.journal.synced().value()
    }

    fn check(&self) -> Result<(), Setback> {
        Ok(())
    }

    fn facts(&self, after: u64, most: usize) -> Result<(Vec<(u64, Fact)>, u64), OpenError> {
        self.read(after, ReadLimit { records: most, bytes: BYTES_AT_ONCE })
    }

    fn leaves(&self, after: u64, most: usize) -> Result<Found, OpenError> {
        let read = self.journal.read(self.stream, after, ReadLimit { records: most, bytes: BYTES_AT_ONCE });
        read.map_err(|source| OpenError::Read { book: self.book.clone(), source })
    }

    /// Nobody else writes on the journal.
    fn leaves_again(&self, after: u64, most: usize) -> Result<Found, OpenError> {
        self.leaves(after, most)
    }

    fn seq_before(&self, at_ms: u64) -> Result<u64, OpenError> {
        Ok(self.journal.seq_before(at_ms))
    }

    fn rows(&self, _from: AccountNumber, _most: usize) -> Result<Vec<Row>, OpenError> {
        Ok(Vec::new())
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.journal.snapshot(&self.snapshot_name()).ok().flatten().map(|(_, bytes)| bytes)
    }

    fn write_snapshot(&self, seq: u64, bytes: &[u8]) -> Result<(), OpenError> {
        let written = self.journal.write_snapshot(&self.snapshot_name(), seq, bytes);
        written.map_err(|source| OpenError::Snapshot { book: self.book.clone(), source })
    }

    fn base(&self) -> Result<Option<Vec<u8>>, OpenError> {
        match self.journal.snapshot(&base::name_of(self.stream)) {
            Ok(Some((_, bytes))) => Ok(Some(bytes)),
            // A book without it has all of its facts, or cannot be read any more.
            Ok(None) | Err(_) => match self.read(0, ReadLimit { records: 1, bytes: BYTES_AT_ONCE }) {
                Err(OpenError::Pruned { book, .. }) => Err(OpenError::NoBase { book }),
                _ => Ok(None),
            },
        }
    }

    fn pruned(&self, id: BookId, after: u64) -> Result<Option<(u64, u64)>, OpenError> {
        let (mut through, limit) = (after, ReadLimit { records: AT_ONCE, bytes: BYTES_AT_ONCE });
        while through < self.kept_seq() {
            let read = self.journal.read(self.stream, through, limit);
            let (records, looked_at) =
                read.map_err(|source| OpenError::Read { book: self.book.clone(), source })?;
            let mut heads = records.iter().map(|record| record.head).take_while(|head| head.flags.pruned);
            if let Some(head) = heads.by_ref().find(|head| head.id.0 == id.0) {
                return Ok(Some((head.seq, head.stamp_ms)));
            }
            if records.last().is_some_and(|last| !last.head.flags.pruned) {
                break;
            }
            through = looked_at;
        }
        Ok(None)
    }

    fn counts(&self) -> &StoreCounts {
        &self.counts
    }
}

fn entry<'a>(stream: u16, fact: &Fact, payload: &'a [u8]) -> Entry<'a> {
    let (kind, version) = (u16::from(fact.kind()), Fact::version());
    Entry { stream, kind, version, critical: true, id: id_of(fact), payload, ..Entry::default() }
}
