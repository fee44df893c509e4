//! Commands that measure, simulate and show: with the feature `lab`.

use crate::cli::Running;
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The steps of the demonstration; each waits until what it does can be seen.
#[derive(Debug, Subcommand)]
pub(crate) enum Demo {
    /// Show the cable, what the plant counts, and where every reading is
    #[command(after_help = "Example:\n  tidegate demo show")]
    Show(Running),
    /// Pull the cable, and wait until the sinks behind it are red and readings wait for them
    #[command(
        after_help = "Example:\n  tidegate demo pull\n\nExit status: 0 seen; 1 not, the error has a code; 2 usage"
    )]
    Pull(Running),
    /// Kill the node with SIGKILL, and wait until it is back
    #[command(
        after_help = "Example:\n  tidegate demo kill\n\nExit status: 0 seen; 1 not, the error has a code; 2 usage"
    )]
    Kill(Running),
    /// Plug the cable back, and wait until what waited has gone out and every account closes
    #[command(
        after_help = "Example:\n  tidegate demo plug\n\nExit status: 0 seen; 1 not, the error has a code; 2 usage"
    )]
    Plug(Running),
    /// Tell the story of the newest alarm: the reading that raised it, and where that has gone
    #[command(
        after_help = "Example:\n  tidegate demo story\n\nExit status: 0 told; 1 there is none yet, the error has a code; 2 usage"
    )]
    Story(Running),
}

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum Sim {
    /// A plant until it is told to stop: some tens of devices that publish over MQTT at QoS 1, or with --devices PLCs that are asked
    #[command(after_help = "\
Example:
  tidegate sim model > tidegate.toml && tidegate up
  tidegate sim plant

  tidegate sim plant --devices 12 --config plant.toml
  tidegate up --config plant.toml

A device that publishes keeps what is not acknowledged and sends it again over its next connection. A line of counts is printed
each second; at the end, up to 5 s are waited for what is not acknowledged, and then it is the last one: produced = acked +
dropped + waiting.

With --devices, the configuration of a node that asks the PLCs is printed, or written to --config, once all of them listen. A
PLC has the temperature of a machine, which follows its `setpoint`, its power, how many pieces it made, and whether it runs, which
it does not unless `enabled`; setpoint and enabled are what was written last.")]
    Plant(Plant),
    /// Books on a disk in memory that loses power, tears sectors, fails syncs, is slow and fills up, one world a seed; judges each
    #[command(after_help = "\
Example:
  tidegate sim ledger --seed 1 --hours 8

Exit status: 0 every promise was kept; 1 one was not, the error names the seed; 2 usage")]
    Ledger(SimLedger),
    /// Print the model of the plant's devices and some rules, as a configuration
    #[command(
        after_help = "Example:\n  tidegate sim model > tidegate.toml && tidegate config check tidegate.toml"
    )]
    Model,
}

/// How the plant is told.
#[derive(Debug, Args)]
pub(crate) struct Plant {
    /// Where it publishes
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883", conflicts_with = "devices")]
    pub(crate) broker: SocketAddr,
    #[command(flatten)]
    pub(crate) plcs: Plcs,
    /// End when standard input does
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
}

/// Simulated PLCs.
#[derive(Debug, Args)]
pub(crate) struct Plcs {
    /// Publish nothing, and serve so many PLCs instead, each on a port of its own
    #[arg(long, value_name = "NUMBER", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub(crate) devices: Option<usize>,
    /// With --devices: only this protocol; may be given more than once. All of them in turn where it is not given
    #[arg(long, value_name = "NAME", requires = "devices")]
    pub(crate) protocol: Vec<Protocol>,
    /// With --devices: write the configuration there instead of printing it; only a file that was written so is written over
    #[arg(long, value_name = "FILE", requires = "devices")]
    pub(crate) config: Option<PathBuf>,
    /// With --devices: where the first PLC listens, each further one a port later; with port 0 the system chooses
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", requires = "devices")]
    pub(crate) listen: SocketAddr,
    /// With --devices: with the same number values are the same at the same time after the start, and the same PLCs are dead
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "devices")]
    pub(crate) seed: u64,
    /// With --devices: so many of a hundred take connections and never answer
    #[arg(long, value_name = "PERCENT", default_value_t = 0, requires = "devices", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) dead_percent: u8,
    /// With --dead-percent: those refuse connections instead
    #[arg(long, requires = "dead_percent")]
    pub(crate) absent: bool,
    /// With --devices: the others that speak Modbus or S7 close the connection after each answer
    #[arg(long, requires = "devices")]
    pub(crate) close_each: bool,
}

/// What a simulated PLC speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    Modbus,
    S7,
    #[value(name = "opcua")]
    OpcUa,
}

impl Protocol {
    pub(crate) const ALL: [Protocol; 3] = [Protocol::Modbus, Protocol::S7, Protocol::OpcUa];
}

/// How books are tried.
#[derive(Debug, Args)]
pub(crate) struct SimLedger {
    /// The first world; each next one has the next number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long to go on; at least one world lives
    #[arg(long, value_name = "HOURS", default_value_t = 0.0, value_parser = hours)]
    pub(crate) hours: f64,
}

fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=10_000.0).contains(&hours) { Ok(hours) } else { Err("0 to 10000 hours".to_owned()) }
}

/// What `tidegate bench` can be told.
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
    /// With `models` and `endless-stall`: only this way from a message to the sink
    #[arg(long, hide = true)]
    pub(crate) shape: Option<String>,
    #[command(flatten)]
    pub(crate) extent: Extent,
    #[command(flatten)]
    pub(crate) peer: Peer,
}

/// Which part of a benchmark, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Extent {
    /// With `ingest`, `ledger`, `mqtt`, `node` and `plant`: only the scenario whose name ends so; may be given more than once
    #[arg(long, value_name = "NAME", value_parser = [
        "engine", "durable", "http", "open", "postgres", "verify", "proof", "pipeline", "e2e15k", "e2e75k", "outage", "stall", "qos1.c2000",
        "qos1.pipelined", "fanout.qos0", "fanout.qos1", "rss", "panic", "profile", "modbus1s", "modbus200ms", "s7", "dead10", "opcua",
    ])]
    pub(crate) only: Vec<String>,
    /// With `ingest`: how long the e2e scenarios, the outage and the stall take instead of 60, 120 and 60 seconds; with `plant`, each
    /// window instead of 60 seconds; with `load` and `mqtt`, each load; with `node`, about how long each loop of panics and the profiles go on instead of 130 and 150 seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: Option<u64>,
    /// With `ingest`, `load` and `node`: messages a second
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rate: Option<u64>,
    /// With `ledger`: a PostgreSQL that lets the role `tidegate` into its database `postgres` without a password; double entry of the textbooks
    /// and a book of ours are measured on it, in tables that are dropped first
    #[arg(long, value_name = "ADDR")]
    pub(crate) postgres: Option<SocketAddr>,
    /// With `ingest`: an InfluxDB 1.x with a database `plant`, which gets every line of the outage and the stall as well
    #[arg(long, value_name = "ADDR")]
    pub(crate) influx: Option<SocketAddr>,
}

impl Extent {
    /// Whether a scenario is to be measured.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| scenario.ends_with(only.as_str()))
    }
}

/// A broker that runs already, for `bench mqtt` and `bench load`.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Put the load on this broker instead of on a node of our own
    #[arg(long, value_name = "ADDR", required_if_eq("subject", "load"))]
    pub(crate) broker: Option<SocketAddr>,
    /// The process whose CPU time and memory are that broker's
    #[arg(long, requires = "broker")]
    pub(crate) pid: Option<u32>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Commits with 1, 16 and 256 writers beside a bare group commit, and appends to memory
    Journal,
    /// How much one core takes in; from a publication to its line in a file at 15,000 and 75,000 messages a second; an InfluxDB that
    /// is away for a while, and one that stands still beside another one
    Ingest,
    /// Books: deciding alone, from 16 and 256 tasks to the disk beside a bare group commit, over HTTP, opening ten million transfers,
    /// verifying a million, and proving one of ten million
    Ledger,
    /// The broker alone: 2,000 connections with one publication out, 10 with 100, and one publisher to 10 subscribers
    Mqtt,
    /// A task per message, one bounded channel, and bounded workers for each class, on one load with a sink that stalls
    Models,
    /// A node's memory with all that it can do, what others feel of a capability that panics in a loop, what a CPU profile costs
    Node,
    /// Simulated PLCs that are asked: how punctual, as they see it, and at what cost of CPU; a tenth of them dead; an OPC UA server
    /// that is killed; a sink that stands still
    Plant,
    /// Only the load of 2,000 devices that come back when their connection ends, on the broker that --broker names
    Load,
    /// What `ingest` starts in the place of InfluxDB
    #[value(hide = true)]
    StandIn,
    /// What `models --sweep` starts to see its memory end
    #[value(hide = true)]
    EndlessStall,
    /// The time to the first ready answer, idle memory, and opening a journal of ten million records
    Start,
}
