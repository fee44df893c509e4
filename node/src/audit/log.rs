//! What trees are over: administrative acts, or the facts of one book. Each has its folder, its names and its source.

use super::AUDIT;
use std::path::{Path, PathBuf};
use tidegate_kernel_audit::{Profile, Source, Streams};
use tidegate_kernel_journal::Journal;
use tidegate_service_ledger::{Ledger, known_stream, log_of, trees_folder};

/// Below the data folder.
pub(super) const FOLDER: &str = "audit";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Log {
    Acts,
    Book {
        book: String,
        /// What it is called: the book, or, once that came back from another gear, which log of it this is.
        log: String,
    },
}

impl Log {
    /// That of acts first.
    pub(crate) fn all<'a>(journal: &Journal, books: impl Iterator<Item = &'a str>) -> Vec<Log> {
        [Log::Acts].into_iter().chain(books.map(|book| Log::of(journal, book))).collect()
    }

    /// Over a book as the folder has it.
    pub(crate) fn of(journal: &Journal, book: &str) -> Log {
        Log::Book { book: book.to_owned(), log: log_of(journal, book) }
    }

    /// Nothing for that over acts.
    pub(super) fn book(&self) -> Option<&str> {
        match self {
            Log::Acts => None,
            Log::Book { book, .. } => Some(book),
        }
    }

    /// In metrics and messages.
    pub(super) fn name(&self) -> String {
        self.book().map_or_else(|| "acts".to_owned(), |book| format!("ledger/{book}"))
    }

    /// What one of its trees is called, behind the origin.
    pub(super) fn tree(&self, profile: Profile) -> String {
        match self {
            Log::Acts => profile.name().to_owned(),
            Log::Book { log, .. } => format!("ledger/{log}/{}", profile.name()),
        }
    }

    pub(super) fn folder(&self, data: &Path) -> PathBuf {
        match self {
            Log::Acts => data.join(FOLDER),
            Log::Book { log, .. } => trees_folder(data, log),
        }
    }

    /// What its trees are grown over: a book as the ledger has it, or, without one, as the journal has it. Nothing for a book that was never
    /// opened, or is not open yet.
    pub(super) fn source(&self, journal: &Journal, ledger: Option<&Ledger>) -> Option<Box<dyn Source>> {
        let stream = match (self.book(), ledger) {
            (None, _) => AUDIT,
            (Some(book), Some(ledger)) => return ledger.leaves(book),
            (Some(book), None) => known_stream(journal, book)?,
        };
        Some(Box::new(Streams::new(journal.clone(), &[stream])))
    }
}
