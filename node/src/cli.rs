//! The command line, as clap reads it. Usage faults end the process here, with status 2.

mod bundle;
mod devices;
mod gear;
mod identity;
mod ingest;
#[cfg(feature = "lab")]
mod lab;
mod ledger;
mod look;

pub(crate) use bundle::{Bundle, Verify};
pub(crate) use devices::{Devices, Encoding, Export, Import};
pub(crate) use gear::{Gear, GearMove};
pub(crate) use identity::{Audit, Identity};
pub(crate) use ingest::{Browse, DeadLetters, Ingest, Opcua, Picked, TrustList};
#[cfg(feature = "lab")]
pub(crate) use lab::{Bench, Demo, Extent, Peer, Plant, Plcs, Protocol, Sim, SimLedger, Subject};
pub(crate) use ledger::{Ledger, Prune as PruneBook, Verify as VerifyBooks};
pub(crate) use look::{Doctor, Place, SupportBundle, Tongue, Top};

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_codec_mqtt::TopicFilter;

const EXIT_CODES: &str = "\
Exit status:
  0    all went well
  1    it failed, or `journal verify` or `ledger verify` found something wrong; the error has a code, and
       `tidegate explain CODE` says more
  2    the command line was not understood
  3    `up` was told to stop and could not finish everything in time; it printed what is left. `upgrade --check`: an upgrade
       is needed
  130  `up` was told to stop twice and ended at once

Environment:
  TIDEGATE_LOG    what is logged, `warn,tidegate=info,opcua=off` by default
  TIDEGATE_ADMIN  which running node is asked, where --admin does not say
  TIDEGATE_TOKEN  who asks a running node, where that lets nobody in without a token
  NO_COLOR        set to anything: no colours in the log";

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
    Up(Box<Up>),
    /// Write, check, show and reload the configuration file
    #[command(subcommand)]
    Config(Config),
    /// Ask a running node about the way of readings; bring devices in from a spreadsheet
    #[command(subcommand)]
    Ingest(Ingest),
    /// Ask a running node about the channels that tell people of alarms
    #[command(subcommand)]
    Notice(Notice),
    /// Tell a reading's way from its admission to each sink, with times, out of a running node's journal
    #[command(after_help = "\
Example:
  tidegate story 019be2b2-6f0a-7e1c-8a55-3a0f51c9d2ee

Exit status: 0 told; 1 there is no such story, the error has a code; 2 usage")]
    Story(Story),
    /// Look into the journals of a data folder; locks, writes and makes nothing, also while a node runs on it
    #[command(subcommand)]
    Journal(Journal),
    /// Copy what the journals of a data folder have, also while a node runs on it; changes nothing there
    #[command(after_help = "\
Example:
  tidegate backup ./tidegate-data --to /mnt/backup/monday
  tidegate backup ./tidegate-data --to /mnt/backup/tuesday --since /mnt/backup/monday
  tidegate backup ./tidegate-data --to /mnt/backup/today.tar

Exit status: 0 the backup is whole; 1 it is not, the error has a code; 2 usage")]
    Backup(Backup),
    /// Make a data folder of a full backup and those made since it, to their end or to an earlier place
    #[command(after_help = "\
Example:
  tidegate restore /mnt/backup/monday /mnt/backup/tuesday --to ./tidegate-data
  tidegate restore /mnt/backup/monday --to ./tidegate-data --until 2026-11-26T12:00:00+08:00
  tidegate restore /mnt/backup/today.tar --check

All that is needed is read before anything is made. What was delivered behind the place where the folder ends is delivered again.

Exit status: 0 the folder is whole, or could be made; 1 there is none, the error has a code; 2 usage")]
    Restore(Restore),
    /// Bring a data folder of an older version to this version's format; the old files are kept
    #[command(after_help = "\
Example:
  tidegate upgrade --check ./tidegate-data
  tidegate upgrade ./tidegate-data

The node must be stopped. A folder that is of this format already is left as it is, which is a success. One that was cut off
starts over when it is called again. What is refused is refused before anything is written.

Exit status: 0 upgraded, or nothing to do; 1 refused or failed, the error has a code; 2 usage; 3 with --check: an upgrade is
needed, and nothing speaks against it")]
    Upgrade(Upgrade),
    /// Move what a capability keeps from one gear to another, such as books into a database
    #[command(subcommand)]
    Gear(Gear),
    /// Look at a signed bundle that was carried here, before anything of it is installed
    #[command(subcommand)]
    Bundle(Bundle),
    /// Take the steps of the demonstration that `up --demo` runs, from another terminal
    #[cfg(feature = "lab")]
    #[command(subcommand)]
    Demo(Demo),
    /// Stand in for a site where there is none
    #[cfg(feature = "lab")]
    #[command(subcommand)]
    Sim(Sim),
    /// Measure this machine with this build, and say what was measured; judges nothing
    #[cfg(feature = "lab")]
    #[command(after_help = "Example:\n  tidegate bench journal --json --data /var/lib/tidegate")]
    Bench(Bench),
    /// Make a secret for a device or a token for a person or program, and show it once
    #[command(subcommand)]
    Identity(Identity),
    /// Read who did what to a running node, as its auditor
    #[command(subcommand)]
    Audit(Audit),
    /// Verify books without any node, prove transfers, and look after the keys of memos
    #[command(subcommand)]
    Ledger(Ledger),
    /// Show a running node on one screen: rates, sinks and what waits for them, breakers, alarms
    #[command(after_help = "\
Example:
  tidegate top
  tidegate top --once

Exit status: 0 shown once; 1 the node did not answer, the error has a code; 2 usage; without --once it ends with Ctrl-C")]
    Top(Top),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = "Example:\n  tidegate completions bash > /etc/bash_completion.d/tidegate")]
    Completions { shell: clap_complete::Shell },
    /// Look at the machine, the data folder and the configuration, and say what is wrong and what to do; changes nothing
    #[command(after_help = "\
Example:
  tidegate doctor --hardening
  tidegate doctor --json | jq -r .code

Run it as the user of the node. Exit status: 0 nothing worse than a note; 1 warnings or errors; 2 usage")]
    Doctor(Box<Doctor>),
    /// Write one file for whoever helps: the doctor's findings, settings without secrets, and what a running node says of itself
    #[command(after_help = "\
Example:
  tidegate support-bundle
  tidegate support-bundle --yes --out /tmp/node-3.txt

What is to be in it is listed first; without --yes it is asked for, or, where there is no terminal, not written.
Exit status: 0 written, or not wanted; 1 it could not be written, the error has a code; 2 usage")]
    SupportBundle(Box<SupportBundle>),
    /// Say what an error code means and what to do; without a code, list them all
    #[command(after_help = "Example:\n  tidegate explain TG-JR-010")]
    Explain { code: Option<String> },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Notice {
    /// Say of each channel where its notices are, and why it is not well
    #[command(after_help = "Example:\n  tidegate notice list")]
    List(Asked),
    /// Send a test message through the running node and show what the other side answers
    #[command(after_help = "\
Example:
  tidegate notice test ops

It counts as every other message of the minute. Exit status: 0 taken; 1 not, the error has a code; 2 usage")]
    Test {
        /// The channel, NAME of [notice.channels.NAME]
        channel: String,
        #[command(flatten)]
        node: Running,
    },
}

/// Which node is asked, and for whom.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    #[command(flatten)]
    pub(crate) node: Running,
    /// JSON instead of words
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The data folder
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Only say what would be done, how much room that takes and what speaks against it; changes nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The data folder
    #[arg(value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where the backup goes: a folder that is empty or not there, or a file that is not there, whose name ends in .tar
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: PathBuf,
    /// A backup made before; what is in it, or in those it builds on, is not copied again
    #[arg(long, value_name = "BACKUP")]
    pub(crate) since: Option<PathBuf>,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A full backup, then each one that builds on those before it; folders and files
    #[arg(value_name = "BACKUP", required = true)]
    pub(crate) backups: Vec<PathBuf>,
    /// The new data folder: one that is empty or not there
    #[arg(long, value_name = "DIR", required_unless_present = "check")]
    pub(crate) to: Option<PathBuf>,
    /// Only read all that would be needed and say how far it goes; makes nothing
    #[arg(long, conflicts_with = "to")]
    pub(crate) check: bool,
    /// Leave out what was appended later, such as 2026-11-26T12:00:00+08:00
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<jiff::Timestamp>,
    /// Leave out what is behind this record, and what came later in the other journal, such as queues:1200
    #[arg(long, value_name = "JOURNAL:SEQ", value_parser = place, conflicts_with = "until")]
    pub(crate) until_record: Option<(String, u64)>,
    /// One JSON object instead of words
    #[arg(long)]
    pub(crate) json: bool,
}

fn place(text: &str) -> Result<(String, u64), String> {
    let parts = text.split_once(':').and_then(|(journal, seq)| Some((journal.to_owned(), seq.parse().ok()?)));
    parts
        .filter(|(journal, _)| journal == "queues" || journal == "books")
        .ok_or_else(|| "write queues:N or books:N".to_owned())
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

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Write a file that says every setting with its default; refuses to write over another one
    #[command(after_help = "Example:\n  tidegate config init --out /etc/tidegate.toml")]
    Init {
        /// The file to write; - for standard output
        #[arg(long, value_name = "FILE", default_value = "./tidegate.toml")]
        out: PathBuf,
        /// Only this section
        #[arg(long, value_name = "NAME")]
        section: Option<String>,
    },
    /// Look at a file and tell all that is wrong with it, each with line and column
    #[command(after_help = "\
Example:
  tidegate config check /etc/tidegate.toml && systemctl reload tidegate

Secrets that the file says are elsewhere are looked for, but not shown. Exit status: 0 no fault; 1 faults; 2 usage")]
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show what would hold with this file and these options
    #[command(after_help = "Example:\n  tidegate config show --origin --config /etc/tidegate.toml")]
    Show {
        /// Say of each where it comes from: default, line of the file, command line
        #[arg(long)]
        origin: bool,
        /// One JSON object a line: key, value, origin; line and column where it is in the file
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        up: Box<Up>,
    },
    /// Ask the running node to read its file again; all of it is taken up, or none
    #[command(after_help = "\
Example:
  tidegate config check ./tidegate.toml && tidegate config reload

SIGHUP does the same. Exit status: 0 taken up, or nothing had changed; 1 refused, with every reason; 2 usage")]
    Reload(Running),
    /// Print the reference page
    #[command(hide = true)]
    Reference,
}

/// A node that runs, to be asked.
#[derive(Debug, Args)]
pub(crate) struct Running {
    /// The management listener of the node
    #[arg(long, value_name = "ADDR", env = "TIDEGATE_ADMIN", default_value = "127.0.0.1:7300")]
    pub(crate) admin: SocketAddr,
}

/// Which reading's story.
#[derive(Debug, Args)]
pub(crate) struct Story {
    /// The id, as it is in a row of a sink
    pub(crate) id: String,
    /// One JSON object instead of words; its shape is that of GET /api/v1/story/ID
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) node: Running,
}

/// What `tidegate up` can be told. What the file says as well goes before the file, and has no default here.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The configuration file; by default DIR/tidegate.toml or else ./tidegate.toml, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder; made if it is not there; ./tidegate-data by default
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Run only these capabilities in this process, of broker, ingest, history, notice and ledger; all by default
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = crate::only::NAMES.to_vec())]
    pub(crate) only: Vec<String>,
    /// How the log is written on standard output; text by default. With json the greeting goes to standard error
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"])]
    pub(crate) log: Option<String>,
    /// Open a data folder on NFS, SMB, 9P or AFS, whose syncs may promise more than they keep
    #[arg(long)]
    pub(crate) allow_network_folder: bool,
    /// Where devices publish; port 0 takes any free one; 127.0.0.1:1883 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtt: Option<SocketAddr>,
    /// Where devices send readings over HTTP; port 0 takes any free one; 127.0.0.1:7301 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Where devices publish over TLS, where there is a certificate; 127.0.0.1:8883 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) mqtts: Option<SocketAddr>,
    /// The certificate with its chain, in PEM; with it HTTP is HTTPS, and MQTT is there over TLS as well
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_cert: Option<String>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_key: Option<String>,
    /// Authorities, in PEM, of which every client has to show a certificate
    #[arg(long, value_name = "PATH")]
    pub(crate) tls_client_ca: Option<String>,
    /// Where to listen for gRPC; port 0 takes any free one; 127.0.0.1:7310 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<SocketAddr>,
    /// Where metrics, readiness and accounts are; port 0 takes any free one; 127.0.0.1:7300 by default
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// Where management is over TLS, where there is a certificate; nowhere by default, 0.0.0.0:7343 with --lan
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_tls: Option<SocketAddr>,
    /// The file readings are delivered to; DIR/ingest/readings.ndjson by default
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<String>,
    /// Readings on topics that match are critical: acknowledged only once they are synced; may be given up to 64 times
    #[arg(long, value_name = "FILTER")]
    pub(crate) critical: Vec<TopicFilter>,
    /// Let other machines in: listen on all addresses with TLS, a certificate and a token of the node's own, made at the first
    /// start and kept in DIR/lan
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) lan: bool,
    /// Show what a node does when its cable is pulled: with a simulated plant in front of it and a centre behind it; data in a
    /// fresh folder, unless --data names one
    #[cfg(feature = "lab")]
    #[arg(long, conflicts_with_all = ["config", "only", "tls_cert", "tls_key", "tls_client_ca", "file", "critical"])]
    pub(crate) demo: bool,
    /// Standard input is the line to the demonstration this node is shown in
    #[cfg(feature = "lab")]
    #[arg(long, hide = true)]
    pub(crate) demo_line: bool,
    /// End when standard input does
    #[cfg(feature = "lab")]
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
    /// How long the end may take; 10 by default
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) drain_timeout: Option<u32>,
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
