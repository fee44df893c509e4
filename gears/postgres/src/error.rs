//! What can be wrong with a database, each with a code that `docs/errors/` explains.

use std::time::Duration;
use tidegate_engine_book::NotAFact;
use tidegate_kernel_id::NoRandomness;
use tidegate_kernel_journal::Refusal;
use tidegate_kernel_outbound::OutboundError;
use tidegate_service_ledger::OpenError;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("the database cannot be reached")]
    Away(#[from] OutboundError),
    #[error("the database refused, or broke off")]
    Sql(#[from] tokio_postgres::Error),
    #[error("the database took longer than {0:?}")]
    Slow(Duration),
    #[error("the database has {setting} = {value}, with which what it calls done can be lost")]
    NotDurable { setting: &'static str, value: String },
    #[error("the tables are of version {there}, and this is version {here}")]
    Version { there: i32, here: i32 },
    #[error("this is not the database that this folder's books are in")]
    OtherDatabase,
    #[error("the book {book} is held by another node, {holder}")]
    Held { book: String, holder: String },
    #[error("another node has taken the book over, under epoch {epoch}")]
    Overtaken { epoch: i64 },
    #[error("the book {book} is on its way here or was moved elsewhere, from another folder")]
    Moving { book: String },
    #[error("the book {book} is there already")]
    Taken { book: String },
    #[error("facts are missing before number {seq}")]
    Missing { seq: u64 },
    #[error("the row with number {seq} is no fact")]
    NotAFact { seq: u64, source: NotAFact },
    #[error("an account that was written to is not in the table of accounts, up to number {seq}")]
    NoRow { seq: u64 },
    #[error("which database this is was not written down")]
    Mark(#[from] Refusal),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl Trouble {
    pub fn code(&self) -> &'static str {
        match self {
            Trouble::Away(_) | Trouble::Sql(_) | Trouble::Slow(_) => "TG-PG-001",
            Trouble::Held { .. } | Trouble::Overtaken { .. } => "TG-PG-002",
            Trouble::Version { .. } | Trouble::OtherDatabase => "TG-PG-003",
            Trouble::Missing { .. } | Trouble::NotAFact { .. } | Trouble::NoRow { .. } => "TG-PG-004",
            Trouble::NotDurable { .. } => "TG-PG-005",
            Trouble::Moving { .. } | Trouble::Taken { .. } => "TG-PG-006",
            Trouble::Mark(refusal) => refusal.code(),
            Trouble::NoRandomness(_) => "TG-PG-001",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Trouble::Away(_) | Trouble::Slow(_) | Trouble::NoRandomness(_) => {
                "look at the database, and at ledger.postgres.url and the network between"
            }
            Trouble::Sql(_) => {
                "see what the database says, and the role, database and rights it is asked with"
            }
            Trouble::Held { .. } | Trouble::Overtaken { .. } => {
                "let one node at a time have the book; it is free once its lease has run out"
            }
            Trouble::Version { .. } => "start the version of tidegate that made the tables",
            Trouble::OtherDatabase => "set ledger.postgres.url to the database the books were in",
            Trouble::Missing { .. } | Trouble::NotAFact { .. } | Trouble::NoRow { .. } => {
                "rows were changed by somebody else; restore the database from its backup"
            }
            Trouble::NotDurable { .. } => "turn it on in postgresql.conf, and start the database again",
            Trouble::Moving { .. } | Trouble::Taken { .. } => {
                "let the folder it belongs to have it, or name another database or another book"
            }
            Trouble::Mark(_) => "look at the disk under the data folder",
        }
    }

    /// Asking again changes nothing: the book is not this node's any more, or not what it wrote.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Trouble::Overtaken { .. }
                | Trouble::Missing { .. }
                | Trouble::NotAFact { .. }
                | Trouble::NoRow { .. }
        )
    }

    pub(crate) fn of(self, book: &str) -> OpenError {
        let (code, hint) = (self.code(), self.hint());
        OpenError::Gear { book: book.to_owned(), code, hint, source: Box::new(self) }
    }
}
