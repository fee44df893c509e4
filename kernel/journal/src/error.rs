//! What can go wrong, each with a code that `docs/errors/` explains.

use std::io;
use std::path::PathBuf;

/// Why an append was not taken. Nothing of it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the journal has {0} bytes waiting to be written already")]
    Busy(usize),
    #[error("a record of {0} bytes is larger than the journal takes")]
    TooLarge(usize),
    #[error("the journal stopped writing after a failed write or sync")]
    Stopped,
    #[error("the journal has {0} cursors already")]
    TooManyCursors(usize),
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Busy(_) => "TG-JR-001",
            Refusal::TooLarge(_) => "TG-JR-002",
            Refusal::Stopped => "TG-JR-003",
            Refusal::TooManyCursors(_) => "TG-JR-004",
        }
    }
}

/// Why a data folder could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path} is in use by another process")]
    Locked { path: PathBuf },
    #[error("{path} has format {found}, and this version knows formats up to {known}")]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{path} holds files but no FORMAT, so it is not a data folder or was copied only half")]
    NotAFolder { path: PathBuf },
    #[error("the journal in {path} is damaged at byte {offset}")]
    Corrupt { path: PathBuf, offset: u64 },
    #[error("could not use {path}")]
    Io { path: PathBuf, source: io::Error },
}

impl OpenError {
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Locked { .. } => "TG-JR-010",
            OpenError::Newer { .. } => "TG-JR-011",
            OpenError::NotAFolder { .. } => "TG-JR-012",
            OpenError::Corrupt { .. } => "TG-JR-013",
            OpenError::Io { .. } => "TG-JR-014",
        }
    }
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("record {seq} is damaged on disk")]
    Corrupt { seq: u64 },
    #[error("could not read the journal")]
    Io(#[from] io::Error),
}

impl ReadError {
    pub fn code(&self) -> &'static str {
        match self {
            ReadError::Corrupt { .. } => "TG-JR-020",
            ReadError::Io(_) => "TG-JR-021",
        }
    }
}
