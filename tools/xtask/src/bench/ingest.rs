//! `cargo xtask bench ingest`: the outage and the stall with a real InfluxDB behind the sinks, and what it has at the end.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Running, release, rows};
use crate::services::table::{Counterpart, Probe, Role, Source, Spec};
use crate::services::{Depot, daemon, install};

/// With the size of its cache as `connectors/influx/README.md` advises for one that shares the node's processors.
const CONF: &str = "\
reporting-enabled = false
bind-address = \"127.0.0.1:0\"
[meta]
dir = \"{data}/meta\"
[data]
dir = \"{data}/data\"
wal-dir = \"{data}/wal\"
cache-snapshot-memory-size = \"4m\"
[http]
bind-address = \"127.0.0.1:{port}\"
log-enabled = false
";

const SPEC: Spec = Spec {
    program: "influxd",
    args: &["run", "-config", "{data}/influxdb.conf"],
    files: &[("influxdb.conf", CONF)],
    probe: Probe::Connect,
    unit: Some("influxdb"),
};

const BEHIND: Counterpart = Counterpart {
    name: "influxdb",
    source: Source::Apt,
    packages: &["influxdb"],
    heavy: false,
    role: Role::Daemon { spec: SPEC, env: "TIDEGATE_TEST_INFLUXD_ADDR" },
};

/// What has an InfluxDB in it.
const SCENARIOS: [&str; 2] = ["outage", "stall"];
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs those named in `only`, or all; `passed` goes to each.
pub fn run(root: &Path, only: &[String], passed: &[String]) -> Result<bool> {
    let binary = release(root)?;
    let depot = Depot::at(root);
    let installed = install::ensure(&depot, &BEHIND)?;
    let influxd = Running(daemon::start(&depot, "influxdb-bench", &SPEC, &installed)?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, influxd.0.port));
    for scenario in SCENARIOS.iter().filter(|name| only.is_empty() || only.iter().any(|only| only == *name)) {
        ask(address, "DROP DATABASE plant")?;
        ask(address, "CREATE DATABASE plant")?;
        let behind = address.to_string();
        let arguments = ["bench", "ingest", "--json", "--only", scenario, "--influx", &behind];
        let measured = rows(Command::new(&binary).args(arguments).args(passed))?;
        let found = ask(address, "SELECT COUNT(payload) FROM readings")?;
        let points = found["results"][0]["series"][0]["values"][0][1].clone();
        for row in measured {
            println!("{}", with_points(row, &points));
        }
    }
    Ok(true)
}

/// The row with what InfluxDB has, which is each reading once if nothing was lost.
fn with_points(mut row: Value, points: &Value) -> Value {
    row["behind"] = json!("influxd");
    row["points"] = points.clone();
    row
}

fn ask(address: SocketAddr, text: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(address).context("influxd does not answer")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let query = format!("db=plant&q={}", text.replace(' ', "+"));
    let (kind, length) = ("application/x-www-form-urlencoded", query.len());
    write!(
        stream,
        "POST /query HTTP/1.0\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{query}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no answer of HTTP")?;
    serde_json::from_str(body).with_context(|| format!("influxd says {body:?}"))
}
