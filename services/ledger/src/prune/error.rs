//! Why a book was not pruned, each with a code that `docs/errors/` explains.

use crate::base::NotABase;
use std::io;
use tidegate_engine_book::{Contradiction, Difference, NotAFact};
use tidegate_kernel_audit::AuditError;
use tidegate_kernel_journal::{OpenError, ReadError};

/// Why nothing is pruned, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    #[error("the folder has no book {0} in its journal")]
    NoBook(String),
    #[error("the books of this folder are kept by the gear {0}")]
    Gear(String),
    #[error("the folder cannot be read: {0}")]
    Folder(#[from] OpenError),
    #[error("record {seq} cannot be read as a fact: {why}")]
    NotAFact { seq: u64, why: NotAFact },
    #[error("record {seq} cannot follow from those before it: {why}")]
    Contradiction { seq: u64, why: Contradiction },
    #[error("the state as of record {seq} is not what its facts come to: {why}")]
    Differs { seq: u64, why: Difference },
    #[error("the snapshot that stands for what was pruned before cannot be used: {0}")]
    Base(#[from] NotABase),
    #[error("no checkpoint covers what is to go: {0}")]
    Trees(#[from] AuditError),
    #[error("the snapshot was not written: {0}")]
    Snapshot(io::Error),
    #[error("not all segments were written anew; what was done so far stays done: {0}")]
    Segments(#[from] ReadError),
}

impl PruneError {
    pub fn code(&self) -> &'static str {
        match self {
            PruneError::NoBook(_) => "TG-LE-035",
            PruneError::Gear(_) => "TG-LE-050",
            PruneError::Folder(error) => error.code(),
            PruneError::NotAFact { .. } => "TG-LE-041",
            PruneError::Contradiction { .. } => "TG-LE-060",
            PruneError::Differs { .. } => "TG-LE-082",
            PruneError::Base(_) => "TG-LE-081",
            PruneError::Trees(error) => error.code(),
            PruneError::Snapshot(_) => "TG-LE-033",
            PruneError::Segments(error) => error.code(),
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            PruneError::NoBook(_) => "name a book of this folder with --book",
            PruneError::Gear(_) => "prune them where they are kept; nothing was changed here",
            PruneError::Folder(error) => error.hint(),
            PruneError::Trees(error) => error.hint(),
            PruneError::Snapshot(_) => "make room on the disk; nothing was pruned",
            PruneError::Segments(_) => "make room for one more segment on the disk, and do it once more",
            _ => "nothing was pruned; see `tidegate ledger verify`",
        }
    }
}
