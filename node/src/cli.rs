//! The command line, as clap reads it. Usage faults end the process here, with status 2.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_codec_mqtt::TopicFilter;

const EXIT_CODES: &str = "\
Exit status:
  0    all went well
  1    it failed, or `journal verify` found damage; the error has a code, and `tidegate explain CODE` says more
  2    the command line was not understood
  3    `up` was told to stop and could not finish everything in time; it printed what is left
  130  `up` was told to stop twice and ended at once

Environment:
  TIDEGATE_LOG  what is logged, `warn,tidegate=info` by default
  NO_COLOR      set to anything: no colours in the log";

/// One file for the edge of a site: pull the cable and it keeps working; plug it back and every event is accounted for.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, after_long_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node until it is told to stop (SIGTERM or Ctrl-C)
    #[command(
        after_help = "Example:\n  tidegate up --critical 'alarm/#'\n  mosquitto_pub -q 1 -t line/7/temp -m 21.5"
    )]
    Up(Up),
    /// Look into the journals of a data folder; locks, writes and makes nothing, also while a node runs on it
    #[command(subcommand)]
    Journal(Journal),
    /// Bring a data folder of an older version to this version's format; the old files are kept
    #[command(after_help = "\
Example:
  tidegate upgrade ./tidegate-data

The node must be stopped. A folder that is of this format already is left as it is, which is a success. One that was cut off
starts over when it is called again.

Exit status: 0 upgraded, or nothing to do; 1 it failed, the error has a code; 2 usage")]
    Upgrade {
        /// The data folder
        #[arg(value_name = "DIR")]
        data: PathBuf,
    },
    /// Measure this machine with this build, and say what was measured; judges nothing
    #[cfg(feature = "lab")]
    #[command(after_help = "Example:\n  tidegate bench journal --json --data /var/lib/tidegate")]
    Bench(Bench),
    /// Make a secret for a device or a token for a person or program, and show it once
    #[command(subcommand)]
    Identity(Identity),
    /// Say what an error code means and what to do; without a code, list them all
    #[command(after_help = "Example:\n  tidegate explain TG-JR-010")]
    Explain { code: Option<String> },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Journal {
    /// Show what is there: streams, cursors and their lag, segments, registers, snapshots, and what is wrong
    #[command(after_help = "\
Example:
  tidegate journal inspect ./tidegate-data
  tidegate journal inspect ./tidegate-data --json | jq '.journals[].cursors[] | {cursor, lag}'

Exit status: 0 it could be read, whatever was found; 1 it could not, the error has a code; 2 usage")]
    Inspect(Look),
    /// Read every record and say whether a start will find all that was acknowledged
    #[command(after_help = "\
Example:
  tidegate journal verify ./tidegate-data && echo sound

An unfinished end, as a kill or a power cut leaves it, is explained and is no damage.

Exit status: 0 sound; 1 damaged or not readable, the error has a code; 2 usage")]
    Verify(Look),
}

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
}

/// Which folder to look into, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Look {
    /// The data folder
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// One JSON object instead of words; its shape is in node/README.md
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `tidegate up` can be told.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The data folder; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "./tidegate-data")]
    pub(crate) data: PathBuf,
    /// Open a data folder on NFS, SMB, 9P or AFS, whose syncs may promise more than they keep
    #[arg(long)]
    pub(crate) allow_network_folder: bool,
    /// Where devices publish; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883")]
    pub(crate) mqtt: SocketAddr,
    /// Where devices send readings over HTTP; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7301")]
    pub(crate) http: SocketAddr,
    /// Where metrics, readiness and accounts are; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7300")]
    pub(crate) admin: SocketAddr,
    /// The file readings are delivered to; DIR/ingest/readings.ndjson by default
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Readings on topics that match are critical: acknowledged only once they are synced; may be given up to 64 times
    #[arg(long, value_name = "FILTER")]
    pub(crate) critical: Vec<TopicFilter>,
    /// How long the end may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) drain_timeout: u32,
}

/// What `tidegate bench` can be told.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub(crate) struct Bench {
    pub(crate) subject: Subject,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Where a scratch folder is made, on the disk to be measured; it is removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// With `models`: also find how many workers and how much queue are enough on this machine
    #[arg(long)]
    pub(crate) sweep: bool,
    #[command(flatten)]
    pub(crate) peer: Peer,
}

/// A broker that runs already, for `bench mqtt`.
#[cfg(feature = "lab")]
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Put the load on this broker instead of on a node of our own
    #[arg(long, value_name = "ADDR")]
    pub(crate) broker: Option<SocketAddr>,
    /// The process whose CPU time and memory are that broker's
    #[arg(long, requires = "broker")]
    pub(crate) pid: Option<u32>,
}

/// What can be measured.
#[cfg(feature = "lab")]
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Commits with 1, 16 and 256 writers beside a bare group commit, and appends to memory
    Journal,
    /// From a publication to its line in a file, on a schedule of 15,000 and of 75,000 messages a second
    Ingest,
    /// The broker alone: 2,000 connections with one publication out, 10 with 100, and one publisher to 10 subscribers
    Mqtt,
    /// A task per message, one bounded channel, and bounded workers for each class, on one load with a sink that stalls
    Models,
    /// The time to the first ready answer, idle memory, and opening a journal of ten million records
    Start,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_filter_that_is_none_is_a_usage_fault() {
        let refused = Cli::try_parse_from(["tidegate", "up", "--critical", "a/#/b"]).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
    }
}
