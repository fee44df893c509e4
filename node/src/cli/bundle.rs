//! Commands on what is carried to a node without internet.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Bundle {
    /// Say whether a bundle is what the holder of the key signed: every file of it, and no older than this program
    #[command(after_help = "\
Example:
  tidegate bundle verify tidegate-0.2.0-amd64.bundle --key release.pub.pem --to ./tidegate-0.2.0
  sudo dpkg -i ./tidegate-0.2.0/tidegate_0.2.0_amd64.deb

The key has to come another way than the bundle. Nothing is unpacked before all of it was found to be genuine.

Exit status: 0 genuine; 1 not, the error has a code; 2 usage")]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The public key (Ed25519) of whoever signs, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Put its files there: a folder that is empty or not there
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Accept a bundle of a version before this program's
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
}
