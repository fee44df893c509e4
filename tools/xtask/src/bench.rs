//! The product's own benchmarks beside a peer: the same load on both, one after the other, in one run.
//!
//! Measures and prints rows, one JSON object a line; judges nothing. The peer is installed by package name, listens on
//! loopback, and ends with the run.

mod driver;
pub mod ingest;
pub mod ledger;
pub mod node;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::process;
use crate::services::state::Entry;
use crate::services::table::{Counterpart, Probe, Role, Source, Spec};
use crate::services::{Depot, daemon, install};

/// Nothing in the peer that loses or holds back messages, as far as it can be told.
const CONF: &str = "\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
";

const SPEC: Spec = Spec {
    program: "mosquitto",
    args: &["-c", "{data}/mosquitto.conf"],
    files: &[("mosquitto.conf", CONF)],
    probe: Probe::Connect,
    unit: Some("mosquitto"),
};

const PEER: Counterpart = Counterpart {
    name: "mosquitto",
    source: Source::Apt,
    packages: &["mosquitto"],
    heavy: false,
    role: Role::Daemon { spec: SPEC, env: "TIDEGATE_TEST_MOSQUITTO_ADDR" },
};

/// `cargo xtask bench mqtt`: the broker's scenarios on a node and on mosquitto.
pub fn mqtt(root: &Path) -> Result<bool> {
    let binary = release(root)?;
    let ours = rows(Command::new(&binary).args(["bench", "mqtt", "--json"]))?;
    let depot = Depot::at(root);
    let installed = install::ensure(&depot, &PEER)?;
    let version = version(&installed.program(SPEC.program)?)?;
    let peer = Running(daemon::start(&depot, "mosquitto-bench", &SPEC, &installed)?);
    let (pid, address) = (peer.0.pid.to_string(), SocketAddr::from((Ipv4Addr::LOCALHOST, peer.0.port)));
    let on_peer = ["bench", "mqtt", "--json", "--pid", &pid, "--broker", &address.to_string()];
    let theirs = rows(Command::new(&binary).args(on_peer))?;
    for row in &ours {
        println!("{}", beside(row, &theirs, &version));
    }
    Ok(true)
}

/// Ends the peer whatever happens to the run.
struct Running(Entry);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = daemon::stop(&self.0) {
            eprintln!("the peer was not stopped: {error:#}");
        }
    }
}

fn release(root: &Path) -> Result<PathBuf> {
    release_with(root, &[])
}

/// The same place, built with more options.
fn release_with(root: &Path, options: &[&str]) -> Result<PathBuf> {
    if !process::succeeds(process::cargo(root).args(["build", "--release", "--workspace"]).args(options))? {
        bail!("the release build failed");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("release/tidegate"))
}

/// Runs a benchmark to its end and reads its rows.
fn rows(command: &mut Command) -> Result<Vec<Value>> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run the benchmark")?;
    if !output.status.success() {
        bail!("the benchmark ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("rows are UTF-8")?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no row: {line}"))).collect()
}

/// The first line of `mosquitto -h` names its version.
fn version(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("-h").output().context("cannot run the peer")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().replace(" version", ""))
}

/// Our row with the peer's numbers of the same scenario. The ratio is of messages per CPU second where both know it, since a
/// rate on shared cores says more about the load tool.
fn beside(ours: &Value, theirs: &[Value], peer: &str) -> Value {
    let mut row = ours.clone();
    let Some(their) = theirs.iter().find(|their| their["scenario"] == ours["scenario"]) else { return row };
    row["peer"] = json!(peer);
    row["peer_value"] = their["value"].clone();
    row["peer_cpu_us_per_op"] = their["cpu_us_per_op"].clone();
    row["peer_lost"] = their["lost"].clone();
    let cost = |row: &Value| row["cpu_us_per_op"].as_f64().filter(|cost| *cost > 0.0);
    if let (Some(our_cost), Some(their_cost)) = (cost(ours), cost(their)) {
        row["ratio"] = json!((their_cost / our_cost * 1000.0).round() / 1000.0);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_beside_the_peers_row_of_its_scenario() {
        let ours = json!({"scenario": "a", "value": 10.0, "cpu_us_per_op": 2.0});
        let theirs = [
            json!({"scenario": "b", "value": 1.0}),
            json!({"scenario": "a", "value": 5.0, "cpu_us_per_op": 5.0}),
        ];
        let row = beside(&ours, &theirs, "mosquitto 2");
        assert_eq!((&row["peer_value"], &row["ratio"]), (&json!(5.0), &json!(2.5)));
        assert_eq!(beside(&ours, &theirs[..1], "mosquitto 2"), ours);
    }
}
