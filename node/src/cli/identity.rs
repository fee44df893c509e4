//! `tidegate identity` and `tidegate audit` as clap reads them: who may come in, and what they did.

use crate::cli::{Asked, Running};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Identity {
    /// A secret that a device shows with its name, as MQTT's password or in HTTP's Basic
    #[command(after_help = "Example:\n  tidegate identity secret press-7")]
    Secret {
        /// What the device is called
        name: String,
    },
    /// A token that a person or a program shows as `Authorization: Bearer`
    #[command(after_help = "Example:\n  tidegate identity token ada")]
    Token {
        /// What its bearer is called
        name: String,
    },
    /// The lines that let a person log in; the password is asked for, or read from standard input
    #[command(after_help = "Example:\n  tidegate identity person lin >> tidegate.toml")]
    Person {
        /// What the person is called
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List administrative acts, oldest first: who, what, when, from where, and what came of it
    #[command(after_help = "\
Example:
  TIDEGATE_TOKEN=... tidegate audit list --after 0

It takes the role of auditor. Exit status: 0 listed; 1 not, the error has a code; 2 usage")]
    List {
        /// Begin behind this number
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        node: Asked,
    },
    /// Print the keys of the node's audit trees, one a line, for whoever checks proofs and checkpoints
    #[command(after_help = "Example:\n  tidegate audit keys")]
    Keys {
        #[command(flatten)]
        node: Asked,
    },
    /// Print the proof that an act or an outcome is in a tree: a text that opens with the tree's key and nothing else
    #[command(after_help = "\
Example:
  TIDEGATE_TOKEN=... tidegate audit proof 0199a0f0-0000-7000-8000-000000000000 > act.tlog-proof

It takes the role of auditor. Exit status: 0 printed; 1 not, the error has a code; 2 usage")]
    Proof {
        /// The id, as `audit list --json` shows it
        id: String,
        /// SHA-256 with Ed25519, or SM3 with SM2
        #[arg(long, value_parser = ["sha256", "sm3"], default_value = "sha256")]
        tree: String,
        #[command(flatten)]
        node: Running,
    },
    /// Check a proof, without any node, and print what it proves
    #[command(after_help = "\
Example:
  tidegate audit check-proof act.tlog-proof --key example.com/gate-7/sha256+3c1f6c0a+AQ...

Exit status: 0 it holds; 1 it does not, the error has a code; 2 usage")]
    CheckProof {
        /// The proof
        file: PathBuf,
        /// The key of the tree, as `audit keys` prints it at the node
        #[arg(long)]
        key: String,
        /// JSON instead of words
        #[arg(long)]
        json: bool,
    },
}
