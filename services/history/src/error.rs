//! What can go wrong with the history, each with a code that `docs/errors/` explains.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("the history has no room for one tag")]
    TooSmall,
    #[error("could not read or write a snapshot of the history")]
    Snapshot(#[source] io::Error),
}

impl HistoryError {
    pub fn code(&self) -> &'static str {
        match self {
            HistoryError::TooSmall => "TG-HI-001",
            HistoryError::Snapshot(_) => "TG-HI-002",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            HistoryError::TooSmall => "give history.bytes_max 64 KiB or more",
            HistoryError::Snapshot(_) => "look at the disk under the data folder",
        }
    }
}
