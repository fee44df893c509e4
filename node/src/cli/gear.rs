//! What `tidegate gear` can be told.

use crate::cli::Place;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Gear {
    /// Copy everything to the other gear, compare both sides, and only then let the folder be the other one's
    #[command(after_help = "\
Example:
  tidegate gear move ledger --to postgres --config /etc/tidegate.toml

The node must be stopped. [ledger.postgres] says which database. One that was cut off has changed nothing and begins anew when it is
called again. Afterwards write the gear into the configuration; a start with another one is refused. What the first gear has is left
where it is. The audit trees of a book go on into the database; on the way back others begin under another name, which witnesses
have to be told.

Exit status: 0 moved, or moved before; 1 refused, or not the same on both sides, the error has a code; 2 usage")]
    Move(GearMove),
}

#[derive(Debug, Args)]
pub(crate) struct GearMove {
    /// Whose data
    #[arg(value_parser = ["ledger"])]
    pub(crate) capability: String,
    /// The gear that is to have it
    #[arg(long, value_name = "GEAR", value_parser = ["embedded", "postgres"])]
    pub(crate) to: String,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}
