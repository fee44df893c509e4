//! What can go wrong, each with a code that `docs/errors/` explains.

use std::io;
use std::path::PathBuf;

/// Why an append was not taken. Nothing of it is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the journal has {0} bytes waiting to be written already")]
    Busy(usize),
    #[error("{0} bytes are more than one record, or one batch, may have")]
    TooLarge(usize),
    #[error("the journal is closed, or stopped writing after a failed write or sync")]
    Stopped,
    #[error("the journal has {0} cursors already, or the name is too long")]
    TooManyCursors(usize),
    #[error("the journal has no room left")]
    Full,
    #[error("this id was accepted before, as record {seq}")]
    Known { seq: u64 },
    #[error("this id is older than the window of ids that are remembered")]
    TooOld,
    #[error("this id was made more than five minutes in the future")]
    Ahead,
    #[error("the journal has {0} registers already, or the name or value is too long")]
    TooManyRegisters(usize),
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Busy(_) => "TG-JR-001",
            Refusal::TooLarge(_) => "TG-JR-002",
            Refusal::Stopped => "TG-JR-003",
            Refusal::TooManyCursors(_) => "TG-JR-004",
            Refusal::Full => "TG-JR-005",
            Refusal::Known { .. } => "TG-JR-006",
            Refusal::TooOld => "TG-JR-007",
            Refusal::Ahead => "TG-JR-008",
            Refusal::TooManyRegisters(_) => "TG-JR-009",
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
    #[error("{file} is damaged at byte {offset}: {what}")]
    Corrupt { file: String, offset: u64, what: &'static str },
    #[error("{path} has format {found}, which this version only reads")]
    Older { path: PathBuf, found: u32 },
    #[error("{path} is on a network file system ({name})")]
    Network { path: PathBuf, name: &'static str },
    #[error("{path} needs {needed} bytes of room to be upgraded, and {free} are free")]
    Scarce { path: PathBuf, needed: u64, free: u64 },
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
            OpenError::Older { .. } => "TG-JR-015",
            OpenError::Network { .. } => "TG-JR-016",
            OpenError::Scarce { .. } => "TG-JR-017",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            OpenError::Locked { .. } => "stop the other process, or choose another folder with --data",
            OpenError::Newer { .. } => "start the version that wrote it; nothing was changed",
            OpenError::Older { .. } => "run `tidegate upgrade` on it; the old files are kept",
            OpenError::NotAFolder { .. } => {
                "choose an empty or new folder with --data, or copy the whole folder again"
            }
            OpenError::Corrupt { .. } => {
                "keep a copy of the folder before anything else, then see `tidegate journal verify`; nothing was changed"
            }
            OpenError::Network { .. } => {
                "choose a folder on a local disk, or insist with --allow-network-folder"
            }
            OpenError::Scarce { .. } => {
                "make room on that disk, or move the folder to a larger one; nothing was changed"
            }
            OpenError::Io { .. } => "look at the folder's permissions and at the disk",
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
    #[error("record {seq} is gone: its segment was given up")]
    Gone { seq: u64 },
}

impl ReadError {
    pub fn code(&self) -> &'static str {
        match self {
            ReadError::Corrupt { .. } => "TG-JR-020",
            ReadError::Io(_) => "TG-JR-021",
            ReadError::Gone { .. } => "TG-JR-022",
        }
    }
}
