//! What trees are over: administrative acts, or the facts of one book. Each has its folder, its names and its streams. Pure.

use super::AUDIT;
use std::path::{Path, PathBuf};
use tidegate_kernel_audit::Profile;
use tidegate_kernel_journal::Journal;
use tidegate_service_ledger::{known_stream, trees_folder};

/// Below the data folder.
pub(crate) const FOLDER: &str = "audit";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Log {
    Acts,
    Book(String),
}

impl Log {
    /// That of acts first.
    pub(crate) fn all(books: impl Iterator<Item = String>) -> Vec<Log> {
        [Log::Acts].into_iter().chain(books.map(Log::Book)).collect()
    }

    /// In metrics and messages.
    pub(super) fn name(&self) -> String {
        match self {
            Log::Acts => "acts".to_owned(),
            Log::Book(book) => format!("ledger/{book}"),
        }
    }

    /// What one of its trees is called, behind the origin.
    pub(super) fn tree(&self, profile: Profile) -> String {
        match self {
            Log::Acts => profile.name().to_owned(),
            Log::Book(_) => format!("{}/{}", self.name(), profile.name()),
        }
    }

    pub(super) fn folder(&self, data: &Path) -> PathBuf {
        match self {
            Log::Acts => data.join(FOLDER),
            Log::Book(book) => trees_folder(data, book),
        }
    }

    /// Nothing for a book that has no place in the journal yet.
    pub(super) fn stream(&self, journal: &Journal) -> Option<u16> {
        match self {
            Log::Acts => Some(AUDIT),
            Log::Book(book) => known_stream(journal, book),
        }
    }
}
