//! The two suites: where they lie in a checkout, how they are told the port, and what is asked of a broker.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use super::node::Node;
use super::table::{self, Row};
use super::trial::{Trial, Verdict};
use super::{Order, PYTHON};

/// Folder of a checkout that holds the suites and the client they use.
const FOLDER: &str = "interoperability";
const DEFAULT_PORT: &str = "  port = 1883\n";

/// One file of tests.
#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub file: &'static str,
    /// How many tests may fail.
    pub misses_max: usize,
    /// Whether it takes `-p`. In the other its own option breaks `unittest.main`, so the default in a copy is changed.
    takes_port: bool,
}

pub const SUITES: &[Suite] = &[
    Suite { name: "mqtt-3.1.1", file: "client_test.py", misses_max: 0, takes_port: false },
    Suite { name: "mqtt-5.0", file: "client_test5.py", misses_max: 3, takes_port: true },
];

impl Suite {
    /// What is missing, in one line; a suite without a test proves nothing.
    pub fn shortfall(&self, tests: usize, missed: usize) -> Option<String> {
        let Self { name, misses_max, .. } = self;
        let short = tests == 0 || missed > *misses_max;
        short.then(|| format!("{name}: {} of {tests} passed, {misses_max} may fail", tests - missed))
    }
}

/// Runs one suite on a node of its own.
pub(super) fn run(
    suite: &Suite,
    source: &Path,
    folder: &Path,
    binary: &Path,
    order: &Order,
) -> Result<Vec<Row>> {
    let copy = folder.join("copy");
    copy_sources(&source.join(FOLDER), &copy)?;
    let mut node = Node::start(binary, &folder.join("node"), order.config.as_deref())?;
    let arguments = suite.prepare(&copy, node.port)?;
    let mut rows = Vec::new();
    for test in tests_in(&read(&copy.join(suite.file))?) {
        if order.only.as_ref().is_some_and(|part| !test.contains(part.as_str())) {
            continue;
        }
        let log = folder.join(format!("{test}.log"));
        let mut command = Command::new(PYTHON);
        command.args(&arguments).arg(format!("Test.{test}")).current_dir(&copy);
        let row = trial(suite, &mut node, Trial { command, log: &log, limit: order.limit }, test)?;
        table::row(order.json, &row);
        rows.push(row);
    }
    Ok(rows)
}

fn trial(suite: &Suite, node: &mut Node, trial: Trial<'_>, test: String) -> Result<Row> {
    let (verdict, seconds) =
        if node.is_alive()? { trial.run()? } else { (Verdict::Failed("the node has ended".to_owned()), 0.0) };
    Ok(Row { suite: suite.name, test, verdict, seconds })
}

impl Suite {
    /// Arguments for the interpreter, up to the name of a test.
    fn prepare(&self, copy: &Path, port: u16) -> Result<Vec<String>> {
        let mut arguments = vec![self.file.to_owned()];
        if self.takes_port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
            return Ok(arguments);
        }
        let path = copy.join(self.file);
        let text = read(&path)?;
        if text.matches(DEFAULT_PORT).count() != 1 {
            bail!("{} does not set its default port where it used to", self.file);
        }
        let text = text.replace(DEFAULT_PORT, &format!("  port = {port}\n"));
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(arguments)
    }
}

/// What `unittest` takes for tests, in the order they are written in: not all have an underscore.
fn tests_in(text: &str) -> Vec<String> {
    let definitions = text.lines().filter_map(|line| line.trim_start().strip_prefix("def test"));
    definitions.filter_map(|rest| rest.split_once('(')).map(|(name, _)| format!("test{name}")).collect()
}

/// Sources only: a checkout also holds documents, and caches of earlier runs.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let entries = std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_sources(&path, &target)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            std::fs::copy(&path, &target).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// The commit of a checkout, or the digest of the suites where there is no history.
pub(super) fn version(source: &Path) -> Result<String> {
    if source.join(".git").exists() {
        let output = Command::new("git").arg("-C").arg(source).args(["rev-parse", "HEAD"]).output();
        let text = output.context("cannot run git")?.stdout;
        return Ok(String::from_utf8_lossy(&text).trim().to_owned());
    }
    let mut digest = Sha256::new();
    for suite in SUITES {
        digest.update(read(&source.join(FOLDER).join(suite.file))?);
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("no history, SHA-256 of the suites {hex}"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
