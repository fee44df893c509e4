//! What `tidegate ingest` can be told.

use crate::cli::{Asked, Devices};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Ingest {
    /// Readings that a sink refused for good, with its reason
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Templates and devices of the configuration as rows of a spreadsheet
    #[command(subcommand)]
    Devices(Devices),
    /// Servers of OPC UA
    #[command(subcommand)]
    Opcua(Opcua),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Opcua {
    /// Certificates of servers and clients, and which of them are trusted
    #[command(subcommand)]
    Trust(TrustList),
    /// List the variables of a server, or write them as tags
    #[command(after_help = "\
Example:
  tidegate ingest opcua browse line-1 --glob 'Objects/Line*/Temp*'
  tidegate ingest opcua browse 'opc.tcp://10.0.0.11:4840?security=None' --toml >> tidegate.toml

The running node connects to it. In a glob * is anything within a name, and ** any number of names.")]
    Browse(Browse),
}

#[derive(Debug, Args)]
pub(crate) struct Browse {
    /// A device of the configuration, or an address as `address` has it
    #[arg(value_name = "DEVICE|ADDRESS")]
    pub(crate) server: String,
    /// Which ones, by their names from the root
    #[arg(long, default_value = "Objects/**")]
    pub(crate) glob: String,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) many: usize,
    /// As tags of a template, ready for the configuration
    #[arg(long, conflicts_with = "json")]
    pub(crate) toml: bool,
    #[command(flatten)]
    pub(crate) node: Asked,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustList {
    /// List those that servers and clients have shown
    #[command(after_help = "Example:\n  tidegate ingest opcua trust list")]
    List(Asked),
    /// Trust the server or client that shows this one
    #[command(after_help = "\
Example:
  tidegate ingest opcua trust accept 5f3c1d0a9b7e4c2d8f6a1b3c5d7e9f0a2b4c6d8e

Compare the thumbprint with what the server or client itself shows before. A device is connected to at its next turn.")]
    Accept {
        /// The thumbprint, as the list or the error shows it
        thumbprint: String,
        #[command(flatten)]
        node: Asked,
    },
    /// Trust it no more
    #[command(
        after_help = "Example:\n  tidegate ingest opcua trust reject 5f3c1d0a9b7e4c2d8f6a1b3c5d7e9f0a2b4c6d8e"
    )]
    Reject {
        /// The thumbprint, as the list shows it
        thumbprint: String,
        #[command(flatten)]
        node: Asked,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List those that are kept, oldest first
    #[command(after_help = "Example:\n  tidegate ingest dead-letters list --sink plant --reason TG-IX-003")]
    List {
        #[command(flatten)]
        pick: Picked,
        #[command(flatten)]
        node: Asked,
    },
    /// Show one with its reading
    #[command(
        after_help = "Example:\n  tidegate ingest dead-letters show 019aa9c4-5e5b-7c10-8000-000000000000"
    )]
    Show {
        /// The letter's id, as the list shows it
        letter: String,
        #[command(flatten)]
        node: Asked,
    },
    /// Put readings on their way again, each to the sink that refused it; they count as new and are marked as replay
    #[command(after_help = "\
Example:
  tidegate ingest dead-letters replay --sink plant --dry-run
  tidegate ingest dead-letters replay --sink plant

Without --sink, --reason and --letter it is all of them.")]
    Replay {
        #[command(flatten)]
        pick: Picked,
        /// Only this letter
        #[arg(long, value_name = "ID")]
        letter: Option<String>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        node: Asked,
    },
}

/// Which dead letters are meant.
#[derive(Debug, Args)]
pub(crate) struct Picked {
    /// Only those of this sink
    #[arg(long, value_name = "NAME")]
    pub(crate) sink: Option<String>,
    /// Only those with this error code
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Option<String>,
}
