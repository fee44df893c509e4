//! `tidegate ledger` as clap reads it: what an auditor does with books.

use crate::cli::Running;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tidegate_service_ledger::Before;

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Verify the books of a data folder, or of a copy of one, without any node, and print their trial balance
    #[command(after_help = "\
Example:
  tidegate ledger verify ./copy --key example.com/gate-7/ledger/main/sha256+3c1f6c0a+AQ...

Every record is read; every balance is added up again from its entries, and every root from its records and compared with what was
signed. It locks, writes and makes nothing. Copy the folder of a node that is stopped, or use a backup's restore.
Of books in PostgreSQL the folder has trees and checkpoints alone; with --config the facts and balances in the database are read too, as of
one moment, and without it that they were not is an error (TG-LE-065).

Exit status: 0 nothing speaks against the books; 1 something does, the error has a code and names the first bad record; 2 usage")]
    Verify(Verify),
    /// Let the content of old facts of a book go, behind a signed snapshot of it: balances, trees and proofs stay
    #[command(after_help = "\
Example:
  tidegate ledger prune ./tidegate-data --before 2026-01-01T00:00:00+08:00 --dry-run
  tidegate ledger prune ./tidegate-data --before 2026-01-01T00:00:00+08:00

The node must be stopped. Everything is verified first, and nothing goes if something speaks against the books. Of each fact its number,
time, id and hashes stay; what it said does not come back but from a backup. It is written down as an administrative act. One that was
cut off is gone on with when it is called again.

Exit status: 0 pruned, or nothing to do; 1 refused or failed, the error has a code; 2 usage")]
    Prune(Prune),
    /// Print the proof that a transfer is in a tree of its book: a text that opens with the tree's key and nothing else
    #[command(after_help = "\
Example:
  TIDEGATE_TOKEN=... tidegate ledger proof 019aaaac-267b-7000-8000-000000000001 > transfer.tlog-proof
  tidegate audit check-proof transfer.tlog-proof --key example.com/gate-7/ledger/main/sha256+3c1f6c0a+AQ...

It takes the role of auditor. Exit status: 0 printed; 1 not, the error has a code; 2 usage")]
    Proof {
        /// The id of the order, or the number of any record of the book
        id: String,
        /// The book
        #[arg(long, value_name = "NAME", default_value = "main")]
        book: String,
        /// SHA-256 with Ed25519, or SM3 with SM2
        #[arg(long, value_parser = ["sha256", "sm3"], default_value = "sha256")]
        tree: String,
        #[command(flatten)]
        node: Running,
    },
    /// Make the memos of one subject unreadable for ever by deleting its key; every proof stays valid
    #[command(after_help = "\
Example:
  TIDEGATE_TOKEN=... tidegate ledger shred c-17

Nothing brings them back. It takes the role of admin and is written down. A copy of DATA/memos that was made before still has the key:
delete those copies, or the outer key that belongs to them.

Exit status: 0 shredded, now or before; 1 not, the error has a code; 2 usage")]
    Shred {
        /// Whose memos: the subject that orders name, or `book.NAME` for those of a book that name none
        subject: String,
        #[command(flatten)]
        node: Running,
    },
    /// Put the keys of all subjects under a new key, and delete the one before; memos and proofs stay as they are
    #[command(after_help = "\
Example:
  TIDEGATE_TOKEN=... tidegate ledger rotate-key

The node goes on working. It takes the role of admin and is written down. Copies of DATA/memos/subjects.keys made before cannot be opened
with the new key: make new copies of both.

Exit status: 0 rotated; 1 not, the error has a code; 2 usage")]
    RotateKey {
        #[command(flatten)]
        node: Running,
    },
}

/// Which facts go.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// The data folder
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Facts before this go: a time such as 2026-01-01T00:00:00+08:00, or the number of a record
    #[arg(long, value_name = "TIME|SEQ", value_parser = before)]
    pub(crate) before: Before,
    /// The book
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(crate) book: String,
    /// Only verify and say what would be done; changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
    /// The configuration file; by default DIR/tidegate.toml or else ./tidegate.toml, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn before(text: &str) -> Result<Before, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Before::Seq(seq));
    }
    let time: Option<jiff::Timestamp> = text.parse().ok();
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    ms.map(Before::Ms).ok_or_else(|| "write a time such as 2026-01-01T00:00:00+08:00, or a number".to_owned())
}

/// Which folder, and what is believed.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The data folder, or a copy of it
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The key of a tree, as `audit keys` prints it at the node; may be given more than once, and then every checkpoint has to be signed by one
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// Whose [ledger.postgres] says where the database is, if the books of the folder are in one; it is only read
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere, in a file as `audit.copy_to` writes it; the last ones are enough
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Every account with its balance, and not only the sums
    #[arg(long)]
    pub(crate) accounts: bool,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
}
