//! What can go wrong, each with a code that `docs/errors/` explains.

use crate::base::NotABase;
use crate::memos::MemoError;
use std::error::Error;
use std::io;
use tidegate_engine_book::{NotAFact, Refused};
use tidegate_kernel_journal::{ReadError, Refusal as JournalRefusal};

/// Why a book could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the facts of the book {book} contradict each other, {strays} times")]
    Strays { book: String, strays: u64 },
    #[error("record {seq} of the book {book} cannot be read as a fact")]
    NotAFact { book: String, seq: u64, source: NotAFact },
    #[error("the journal of the book {book} cannot be read")]
    Read { book: String, source: ReadError },
    #[error("the book {book} was not given a place in the journal")]
    Place { book: String, source: JournalRefusal },
    #[error("a snapshot of the book {book} was not written")]
    Snapshot { book: String, source: io::Error },
    /// Of another gear than the embedded one, which says itself what to do.
    #[error("the book {book} is not to be had")]
    Gear { book: String, code: &'static str, hint: &'static str, source: Box<dyn Error + Send + Sync> },
    #[error("the books of this folder are kept by the gear {there}, and `ledger.gear` says {asked}")]
    OtherGear { there: String, asked: String },
    #[error("the book {book} is not the same after its move: {what}")]
    Differs { book: String, what: String },
    #[error("fact {seq} of the book {book} is pruned")]
    Pruned { book: String, seq: u64 },
    #[error("facts of the book {book} are pruned, and the snapshot that stands for them is not there")]
    NoBase { book: String },
    #[error("the snapshot that stands for pruned facts of the book {book} cannot be used: {why}")]
    Base { book: String, why: NotABase },
    #[error("which gear keeps the books was not written down")]
    Mark { source: JournalRefusal },
}

/// Why something asked of a book was not done, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    #[error(transparent)]
    Refused(Refused),
    #[error("there is no account {name}")]
    NoAccount { at: usize, name: String },
    /// It is in the journal, or it is not.
    #[error("the outcome is unknown")]
    Unknown,
    #[error("the book is busy")]
    Busy,
    /// Nothing was done.
    #[error("the book takes no orders: {0}")]
    Closed(String),
    #[error("the journal cannot be read: {0}")]
    Read(String),
    #[error("there is nothing under this id")]
    NoTransfer,
    /// Nothing was done.
    #[error("what keeps the book cannot be reached: {0}")]
    Away(String),
    #[error("there is no book {0}")]
    NoBook(String),
    /// Facts up to this number; `known` is what there still is to say.
    #[error("facts up to record {through} are pruned; {known}")]
    Pruned { through: u64, known: String },
    /// The order never came to the book.
    #[error("the memo is not sealed: {why}")]
    Memo { at: usize, why: MemoError },
}

impl Setback {
    /// Which of linked orders it is about.
    pub fn at(&self) -> usize {
        match self {
            Setback::Refused(refused) => refused.at,
            Setback::NoAccount { at, .. } | Setback::Memo { at, .. } => *at,
            _ => 0,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Setback::Refused(refused) => refused.why.code(),
            Setback::NoAccount { .. } => "TG-LE-002",
            Setback::Unknown => "TG-LE-030",
            Setback::Busy => "TG-LE-031",
            Setback::Closed(_) => "TG-LE-032",
            Setback::Read(_) => "TG-LE-033",
            Setback::NoTransfer => "TG-LE-034",
            Setback::NoBook(_) => "TG-LE-035",
            Setback::Away(_) => "TG-LE-037",
            Setback::Pruned { .. } => "TG-LE-080",
            Setback::Memo { why, .. } => why.code(),
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Setback::Refused(refused) => refused.why.hint(),
            Setback::NoAccount { .. } => "open the account first, or compare its name",
            Setback::Unknown => "send it again with the same ids: what was done is not done twice",
            Setback::Busy => "send it again in a moment, with the same ids",
            Setback::Closed(_) => "look at /readyz of the node and at the disk under its data folder",
            Setback::Read(_) => "look at the disk under the data folder",
            Setback::NoTransfer => "compare the id with the one that was sent",
            Setback::Memo { why, .. } => why.hint(),
            Setback::NoBook(_) => "compare it with GET /v1/ledger, or name it under [ledger.books]",
            Setback::Away(_) => {
                "send it again with the same ids once /readyz of the node says that it is ready"
            }
            Setback::Pruned { .. } => {
                "ask for what came later; whoever has a proof of the record can still check it"
            }
        }
    }
}

impl OpenError {
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Strays { .. } => "TG-LE-040",
            OpenError::NotAFact { .. } => "TG-LE-041",
            OpenError::Read { source, .. } => source.code(),
            OpenError::Place { source, .. } | OpenError::Mark { source } => source.code(),
            OpenError::Snapshot { .. } => "TG-LE-033",
            OpenError::Gear { code, .. } => code,
            OpenError::OtherGear { .. } => "TG-LE-050",
            OpenError::Differs { .. } => "TG-LE-051",
            OpenError::Pruned { .. } => "TG-LE-080",
            OpenError::NoBase { .. } | OpenError::Base { .. } => "TG-LE-081",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            OpenError::Strays { .. } => {
                "keep a copy of the data folder before anything else; nothing was changed"
            }
            OpenError::NotAFact { .. } => "start the version that wrote it, or go back to a backup",
            OpenError::Read { .. } => "see `tidegate journal verify`; nothing was changed",
            OpenError::Place { .. } | OpenError::Snapshot { .. } | OpenError::Mark { .. } => {
                "look at the disk under the data folder"
            }
            OpenError::Gear { hint, .. } => hint,
            OpenError::Pruned { .. } => {
                "a book with pruned facts stays in the gear it is in; nothing was changed"
            }
            OpenError::NoBase { .. } | OpenError::Base { .. } => {
                "put the snapshot back from a backup, or restore one; nothing was changed"
            }
            OpenError::Differs { .. } => "nothing was changed; keep both sides as they are and ask for help",
            OpenError::OtherGear { .. } => {
                "set `ledger.gear` back, or move the books with `tidegate gear move ledger`"
            }
        }
    }
}
