//! Reading a book back: the newest snapshot, and the facts behind it. Reads the disk in the calling thread.

use crate::error::OpenError;
use crate::store::{AT_ONCE, Store, StoreCounts};
use std::hash::{BuildHasher, RandomState};
use tidegate_engine_book::{BookLimit, Fact, State};
use tidegate_kernel_journal::{Journal, ReadLimit, Record};

/// Where a book of the embedded gear is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) journal: Journal,
    pub(crate) stream: u16,
    pub(crate) book: String,
    pub(crate) counts: StoreCounts,
}

impl Place {
    pub(crate) fn new(journal: Journal, stream: u16, book: &str) -> Place {
        Place { journal, stream, book: book.to_owned(), counts: StoreCounts::default() }
    }

    pub(crate) fn snapshot_name(&self) -> String {
        format!("ledger-{}", self.book)
    }

    /// The facts behind `after`, some at once, and how far was looked.
    pub(crate) fn read(&self, after: u64, limit: ReadLimit) -> Result<(Vec<(u64, Fact)>, u64), OpenError> {
        let read = self.journal.read(self.stream, after, limit);
        let (records, through) =
            read.map_err(|source| OpenError::Read { book: self.book.clone(), source })?;
        let facts = records.iter().map(|record| self.fact(record)).collect::<Result<_, _>>()?;
        Ok((facts, through))
    }

    pub(crate) fn fact(&self, record: &Record) -> Result<(u64, Fact), OpenError> {
        let seq = record.head.seq;
        let fact = Fact::decode(&record.payload);
        let fact = fact.map_err(|source| OpenError::NotAFact { book: self.book.clone(), seq, source })?;
        Ok((seq, fact))
    }
}

/// A seed that nobody outside this process can guess.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// The book as its store has it.
pub(crate) fn open(book: &str, store: &dyn Store, limit: BookLimit) -> Result<State, OpenError> {
    let mut state = from_snapshot(book, store, limit).unwrap_or_else(|| State::new(limit, seed()));
    let (mut through, kept) = (state.seq(), store.kept_seq());
    while through < kept {
        let (facts, looked_at) = store.facts(through, AT_ONCE)?;
        facts.iter().for_each(|(seq, fact)| state.apply(*seq, fact));
        through = looked_at;
    }
    match state.strays() {
        0 => Ok(state),
        strays => Err(OpenError::Strays { book: book.to_owned(), strays }),
    }
}

/// One that cannot be read costs time, not the book: everything is in the store.
fn from_snapshot(book: &str, store: &dyn Store, limit: BookLimit) -> Option<State> {
    let state = State::decode(&store.snapshot()?, limit, seed());
    state.inspect_err(|error| tracing::warn!(book, %error, "a snapshot cannot be read; all facts are")).ok()
}
