//! `cargo xtask conformance mqtt DIR`: the Eclipse paho interoperability suites against a real node.
//!
//! DIR is a checkout of `eclipse/paho.mqtt.testing`; nothing of it is in this repository, and nothing is written to it. Each
//! suite gets a node of its own on free ports with an empty data folder, each test a process of its own with a time limit,
//! since a test that waits for what a broker never does waits for ever. Without DIR the suites are skipped by name.

mod node;
mod suite;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::report::{Skip, Tally};
use crate::{process, stages};

pub use suite::{SUITES, Suite};
pub use table::Row;
pub use trial::Verdict;

const PYTHON: &str = "python3";

/// What to run and on what.
#[derive(Debug)]
pub struct Order {
    /// The checkout; without it there is only a skip to report.
    pub suite: Option<PathBuf>,
    /// The node to judge instead of a fresh build.
    pub binary: Option<PathBuf>,
    /// A configuration in place of the one the suites need.
    pub config: Option<PathBuf>,
    /// Only tests whose name has this in it.
    pub only: Option<String>,
    pub json: bool,
    /// How long one test may take.
    pub limit: Duration,
}

impl Default for Order {
    fn default() -> Self {
        let limit = Duration::from_secs(90);
        Self { suite: None, binary: None, config: None, only: None, json: false, limit }
    }
}

/// What the run came to.
#[derive(Debug)]
pub struct Outcome {
    pub rows: Vec<Row>,
    pub tally: Tally,
    /// One line a suite that is below what is asked of it.
    pub shortfalls: Vec<String>,
}

/// Runs, prints, and says whether enough passed.
pub fn run(root: &Path, order: &Order) -> Result<bool> {
    let outcome = judge(root, order)?;
    for skip in &outcome.tally.skips {
        println!("SKIP {}: {}", skip.name, skip.reason);
    }
    for shortfall in &outcome.shortfalls {
        eprintln!("{shortfall}");
    }
    eprintln!("{}", outcome.tally.line());
    Ok(outcome.shortfalls.is_empty())
}

/// Runs every test of both suites, printing a row as each ends.
pub fn judge(root: &Path, order: &Order) -> Result<Outcome> {
    let mut outcome = Outcome { rows: Vec::new(), tally: Tally::default(), shortfalls: Vec::new() };
    if let Some(reason) = reason_to_skip(order) {
        let skips = SUITES
            .iter()
            .map(|suite| Skip { name: format!("conformance::{}", suite.name), reason: reason.into() });
        outcome.tally.skips.extend(skips);
        return Ok(outcome);
    }
    let source = order.suite.as_deref().expect("without a folder it is skipped");
    let binary = order.binary.clone().map_or_else(|| build(root), Ok)?;
    let folder = fresh_folder(root)?;
    table::head(order.json, &suite::version(source)?);
    for suite in SUITES {
        let rows = suite::run(suite, source, &folder.join(suite.name), &binary, order)?;
        let missed = rows.iter().filter(|row| row.verdict != Verdict::Passed).count();
        outcome.tally.passed += (rows.len() - missed) as u64;
        outcome.tally.failed += missed as u64;
        outcome.shortfalls.extend(suite.shortfall(rows.len(), missed));
        outcome.rows.extend(rows);
    }
    table::foot(order.json, &outcome.rows);
    Ok(outcome)
}

fn reason_to_skip(order: &Order) -> Option<&'static str> {
    if order.suite.is_none() {
        return Some("no folder with the paho suites was given");
    }
    let python = Command::new(PYTHON).arg("--version").output();
    python.is_err().then_some("no python3 on this machine")
}

/// Built as the tests are, so that little is built twice.
fn build(root: &Path) -> Result<PathBuf> {
    let output = process::cargo(root)
        .args(["build", "--bins", "--workspace", "--all-features"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the build failed");
    }
    let node = stages::node_binary(&String::from_utf8_lossy(&output.stdout));
    node.map(PathBuf::from).context("the build made no binary tidegate")
}

/// Copies, logs and data folders of the last run are replaced.
fn fresh_folder(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/conformance/mqtt");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
