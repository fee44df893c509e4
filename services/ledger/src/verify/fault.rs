//! What speaks against books, each with a code that `docs/errors/` explains.

use crate::error::OpenError;
use std::path::PathBuf;
use tidegate_engine_book::{Contradiction, NotAFact};
use tidegate_kernel_audit::{AuditError, Recounted};
use tidegate_kernel_journal::Finding;
use tidegate_kernel_plug::with_causes;

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("record {seq} of the book {book} cannot be read as a fact: {why}")]
    NotAFact { book: String, seq: u64, why: NotAFact },
    #[error("record {seq} of the book {book} cannot follow from those before it: {why}")]
    Contradiction { book: String, seq: u64, why: Contradiction },
    #[error("books/{} is damaged at byte {}, where record {} should be: {}", .0.file, .0.offset, .0.seq.unwrap_or_default(), .0.what)]
    Damaged(Finding),
    #[error(
        "the first {size} records of the book {book} do not have the {tree} root that was signed{}",
        .first_other.map_or_else(String::new, |seq| format!("; record {seq} is the first that differs from the tree's files"))
    )]
    OtherRoot { book: String, tree: &'static str, size: u64, first_other: Option<u64> },
    #[error(
        "the book {book} has {have} records, and its {tree} checkpoint was signed over {size}: its end is missing, from record {from} on"
    )]
    Short { book: String, tree: &'static str, size: u64, have: u64, from: u64 },
    #[error("{tree} of the book {book}: {why}")]
    Checkpoint { book: String, tree: &'static str, why: AuditError },
    #[error("records of {book} belong to no book that the journal names")]
    Nameless { book: String },
    #[error("the facts of the book {book} are in a database, and were not read: no balance was added up")]
    Unread { book: String },
    #[error("the facts of the book {book} cannot be read: {}", with_causes(.why))]
    Database { book: String, why: OpenError },
    #[error(
        "the balance that the database keeps of account {account} of the book {book} is not the sum of its entries"
    )]
    Row { book: String, account: String },
    #[error("{} has no books", .data.display())]
    NoBook { data: PathBuf },
}

impl Fault {
    /// `from` is the number of the first record that the journal does not have.
    pub(super) fn of_roots(book: &str, counted: &Recounted, from: u64) -> Vec<Fault> {
        let (tree, have) = (counted.profile.name(), counted.size);
        let broken = counted.broken.as_ref().map(|broken| {
            let (size, first_other) = (broken.size, counted.first_other);
            Fault::OtherRoot { book: book.to_owned(), tree, size, first_other }
        });
        let short = counted.beyond.as_ref().map(|beyond| Fault::Short {
            book: book.to_owned(),
            tree,
            size: beyond.size,
            have,
            from,
        });
        broken.into_iter().chain(short).collect()
    }

    /// The number of the record it is about.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Fault::NotAFact { seq, .. } | Fault::Contradiction { seq, .. } => Some(*seq),
            Fault::Damaged(finding) => finding.seq,
            Fault::OtherRoot { first_other, .. } => *first_other,
            Fault::Short { from, .. } => Some(*from),
            _ => None,
        }
    }

    /// What names a record comes before what does not.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Fault::NotAFact { .. } | Fault::Contradiction { .. } => 0,
            Fault::OtherRoot { .. } => 1,
            Fault::Damaged(_) => 2,
            Fault::Nameless { .. } | Fault::Checkpoint { .. } | Fault::Database { .. } => 3,
            Fault::Short { .. } | Fault::NoBook { .. } => 4,
            Fault::Row { .. } | Fault::Unread { .. } => 5,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Fault::NotAFact { .. } => "TG-LE-041",
            Fault::Contradiction { .. } => "TG-LE-060",
            Fault::Damaged(_) => "TG-JR-013",
            Fault::OtherRoot { .. } => "TG-LE-061",
            Fault::Short { .. } => "TG-LE-062",
            Fault::Checkpoint { why, .. } => why.code(),
            Fault::Nameless { .. } => "TG-LE-063",
            Fault::NoBook { .. } => "TG-LE-064",
            Fault::Unread { .. } => "TG-LE-065",
            Fault::Database { why, .. } => why.code(),
            Fault::Row { .. } => "TG-LE-066",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Fault::NotAFact { .. } => "verify it with the version that wrote it, or with a later one",
            Fault::Contradiction { .. } | Fault::OtherRoot { .. } => {
                "keep the copy as evidence, and compare it with a backup and with checkpoints kept elsewhere"
            }
            Fault::Damaged(_) => "copy the folder again; if it is damaged there as well, restore a good one",
            Fault::Short { .. } => {
                "copy the folder again, whole; if it is short there as well, records were lost"
            }
            Fault::Checkpoint { why, .. } => why.hint(),
            Fault::Nameless { .. } => "copy the folder again, whole",
            Fault::Unread { .. } => {
                "give --config with the [ledger.postgres] of the node, where its database can be reached"
            }
            Fault::Database { why, .. } => why.hint(),
            Fault::Row { .. } => "keep a copy of the database as evidence; the facts say what the balance is",
            Fault::NoBook { .. } => "give the folder that `tidegate up` was given with --data",
        }
    }
}
