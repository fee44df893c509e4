//! Reading a book back: the newest snapshot, or the one that stands for pruned facts, and the facts behind it. Reads the disk in the calling thread.

use crate::base::{Base, NotABase};
use crate::embedded::known_stream;
use crate::error::OpenError;
use crate::store::{AT_ONCE, Store, StoreCounts};
use std::hash::{BuildHasher, RandomState};
use tidegate_engine_book::{BookLimit, Fact, State};
use tidegate_kernel_audit::{Snapshot, Verifier};
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
        snapshot_name(&self.book)
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
        if record.head.flags.pruned {
            return Err(OpenError::Pruned { book: self.book.clone(), seq });
        }
        let fact = Fact::decode(&record.payload);
        let fact = fact.map_err(|source| OpenError::NotAFact { book: self.book.clone(), seq, source })?;
        Ok((seq, fact))
    }
}

/// What the snapshots for quick starts are called in the journal.
pub(crate) fn snapshot_name(book: &str) -> String {
    format!("ledger-{book}")
}

/// A seed that nobody outside this process can guess.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// The book as its store has it.
pub(crate) fn open(book: &str, store: &dyn Store, limit: BookLimit) -> Result<State, OpenError> {
    let base = base(book, store, limit)?;
    let is_newer = |state: &State| base.as_ref().is_none_or(|base| base.seq() <= state.seq());
    let newest = from_snapshot(book, store, limit).filter(is_newer);
    let mut state = newest.or(base).unwrap_or_else(|| State::new(limit, seed()));
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

/// The state that stands for what is pruned; nothing where all facts are there.
pub(crate) fn base(book: &str, store: &dyn Store, limit: BookLimit) -> Result<Option<State>, OpenError> {
    let Some(bytes) = store.base()? else { return Ok(None) };
    let base = Base::parse(&bytes).and_then(|base| base.state(|bytes| State::decode(bytes, limit, seed())));
    base.map(Some).map_err(|why| OpenError::Base { book: book.to_owned(), why })
}

/// That what stands for pruned facts of a book on the journal, if there is any, was signed by the keys of its trees: the scrubber begins with it, and
/// would find nothing.
pub fn require_signed(journal: &Journal, book: &str, keys: &[Verifier]) -> Result<(), OpenError> {
    let Some(stream) = known_stream(journal, book) else { return Ok(()) };
    let Some(bytes) = Place::new(journal.clone(), stream, book).base()? else { return Ok(()) };
    let check = || -> Result<(), NotABase> {
        let base = Base::parse(&bytes)?;
        base.notes.iter().zip(keys).try_for_each(|(note, key)| Snapshot::open(note, key).map(drop))?;
        Ok(())
    };
    check().map_err(|why| OpenError::Base { book: book.to_owned(), why })
}

/// One that cannot be read costs time, not the book: everything is in the store.
fn from_snapshot(book: &str, store: &dyn Store, limit: BookLimit) -> Option<State> {
    let state = State::decode(&store.snapshot()?, limit, seed());
    state.inspect_err(|error| tracing::warn!(book, %error, "a snapshot cannot be read; all facts are")).ok()
}
