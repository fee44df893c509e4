//! Commands that look: at a running node, at the machine, at what whoever helps wants to see.

use crate::cli::Running;
use clap::Args;
use std::path::PathBuf;

/// How often it is looked at.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Print one screen and end
    #[arg(long)]
    pub(crate) once: bool,
    /// From one look to the next; rates are over this time
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) interval: u32,
    #[command(flatten)]
    pub(crate) node: Running,
}

/// What is looked at, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Also compare with the security baseline
    #[arg(long)]
    pub(crate) hardening: bool,
    /// One JSON object a line: code, severity, title, title_zh, evidence, hint, hint_zh
    #[arg(long)]
    pub(crate) json: bool,
    /// The language; by default as LC_ALL, LC_MESSAGES or LANG say
    #[arg(long)]
    pub(crate) lang: Option<Tongue>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// A language for people.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Tongue {
    Zh,
    En,
}

/// What of a node goes into the bundle, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct SupportBundle {
    /// The file to write; refuses to write over another one
    #[arg(long, value_name = "FILE", default_value = "./tidegate-support.txt")]
    pub(crate) out: PathBuf,
    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) node: Running,
}

/// Where a node's file and data are, whether it runs or not.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The configuration file; by default DIR/tidegate.toml or else ./tidegate.toml, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder; ./tidegate-data by default
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
}
