//! What `tidegate ingest devices` can be told.

use crate::cli::{Place, Running};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Devices {
    /// Take over the rows of a CSV file: all of them, or none
    #[command(after_help = "\
Example:
  tidegate ingest devices import plant.csv --dry-run
  tidegate ingest devices import plant.csv --reload
  tidegate ingest devices import meter.csv --driver modbus    # tags that EMQX Neuron exported

They end in a file beside the configuration, tidegate.devices.toml with tidegate.toml, which the node reads as well and which is
written anew each time; the configuration itself is left as it is. What is changed is printed: + added, - taken away, ~ from and to.
Every fault is told with row and column, and then nothing is written.

Exit status: 0 imported, or nothing to change; 1 refused, the error has a code; 2 usage; 3 with --dry-run: there is something to change")]
    Import(Box<Import>),
    /// Print templates and devices as the CSV that import takes
    #[command(after_help = "Example:\n  tidegate ingest devices export --out plant.csv")]
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The CSV file; its first row names the columns
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only print what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take away what was imported before and is not in the file
    #[arg(long)]
    pub(crate) replace: bool,
    /// Ask the running node to take it up, as `config reload` does
    #[arg(long)]
    pub(crate) reload: bool,
    /// How the file is written; Excel in China saves gb18030 unless told "CSV UTF-8"
    #[arg(long, value_name = "NAME", default_value = "utf-8")]
    pub(crate) encoding: Encoding,
    /// What the devices speak, for the tags of Neuron's file: its addresses are rewritten
    #[arg(long, value_name = "NAME", value_parser = ["modbus", "s7"])]
    pub(crate) driver: Option<String>,
    /// The template that the tags of Neuron's file make; by default the file's name
    #[arg(long, value_name = "NAME", requires = "driver")]
    pub(crate) template: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) node: Running,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write, over another one as well; standard output by default
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// How letters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Encoding {
    #[value(name = "utf-8")]
    Utf8,
    #[value(name = "gb18030", alias = "gbk")]
    Gb18030,
}
