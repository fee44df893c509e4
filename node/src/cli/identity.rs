//! `tidegate identity` and `tidegate audit` as clap reads them: who may come in, and what they did.

use crate::cli::Asked;
use clap::Subcommand;

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
}
