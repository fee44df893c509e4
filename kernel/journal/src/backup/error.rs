//! Why there is no backup, or nothing can be made of one.

use crate::error::OpenError;
use std::io;
use std::path::{Path, PathBuf};

/// Nothing that was there before has been changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path} is no backup, or one that was not finished")]
    NotABackup { path: PathBuf },
    #[error("{path} is a backup of format {found}, and this version knows {known}")]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{path} is there already and not empty")]
    NotEmpty { path: PathBuf },
    #[error("segment {number} of {journal}, which {path} builds on, is in none of the backups before it")]
    Gap { path: PathBuf, journal: String, number: u64 },
    #[error("{path} is not what was backed up")]
    Damaged { path: PathBuf },
    #[error("the backups do not go to {what}")]
    OutOfReach { what: String },
    #[error(transparent)]
    Folder(#[from] OpenError),
    #[error("could not use {path}")]
    Io { path: PathBuf, source: io::Error },
}

impl BackupError {
    pub fn code(&self) -> &'static str {
        match self {
            BackupError::NotABackup { .. } => "TG-BK-001",
            BackupError::Newer { .. } => "TG-BK-002",
            BackupError::NotEmpty { .. } => "TG-BK-003",
            BackupError::Gap { .. } => "TG-BK-004",
            BackupError::Damaged { .. } => "TG-BK-005",
            BackupError::OutOfReach { .. } => "TG-BK-006",
            BackupError::Folder(error) => error.code(),
            BackupError::Io { .. } => "TG-BK-007",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            BackupError::NotABackup { .. } => {
                "give a folder or a file that `tidegate backup` made to its end"
            }
            BackupError::Newer { .. } => "use the version that made it, or a later one",
            BackupError::NotEmpty { .. } => "give an empty folder, or a name that is not there yet",
            BackupError::Gap { .. } => "give all backups from the full one on, in the order they were made",
            BackupError::Damaged { .. } => {
                "fetch it again from where the backup is kept, or use another backup"
            }
            BackupError::OutOfReach { .. } => {
                "ask for a place between the first and the last record of the backups"
            }
            BackupError::Folder(error) => error.hint(),
            BackupError::Io { .. } => "look at the permissions and at the disk",
        }
    }
}

pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Io { path: path.clone(), source }
}
