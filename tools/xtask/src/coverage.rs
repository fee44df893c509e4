//! `cargo xtask coverage`: runs the product's tests with counters in the product, and fails below 85 % of its lines.
//!
//! The tests run as in `cargo xtask test`, through the same stages, so processes that they start count as well; one that
//! is killed outright leaves no counts. Writes `lcov.info`, `cobertura.xml` and `junit.xml` to `target/coverage/`;
//! cargo's own files lie apart in `target/coverage/build`, for they are built with other flags.

pub mod cobertura;
pub mod gate;
pub mod lcov;
pub mod proof;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::services::install::Installed;
use crate::services::table::Counterpart;
use crate::services::{Depot, demand};
use crate::stages::{self, Plan, Stage};
use gate::{Measure, PERCENT_MIN};

/// Measures the product; true if no test failed and enough lines ran.
pub fn run(root: &Path) -> Result<bool> {
    let tools = Tools::fetch(&Depot::at(root))?;
    let (passed, measure) = measure(&tools, root, &[])?;
    println!(
        "{}",
        json!({
            "scenario": "coverage", "metric": "lines", "unit": "%",
            "value": measure.percent().parse::<f64>().unwrap_or_default(),
            "covered": measure.covered, "lines": measure.lines, "min": PERCENT_MIN,
        })
    );
    let verdict = if measure.is_enough() { "enough" } else { "NOT ENOUGH" };
    println!(
        "lines: {} % ({} of {}), at least {PERCENT_MIN} %: {verdict}",
        measure.percent(),
        measure.covered,
        measure.lines
    );
    Ok(passed && measure.is_enough())
}

/// The programs that measure. Without them there is no figure, so their absence is an error and no skip.
#[derive(Debug)]
pub struct Tools {
    cargo_llvm_cov: PathBuf,
    llvm_cov: PathBuf,
    llvm_profdata: PathBuf,
}

impl Tools {
    pub fn fetch(depot: &Depot) -> Result<Self> {
        let llvm = demanded(depot, &demand::LLVM)?;
        Ok(Self {
            cargo_llvm_cov: demanded(depot, &demand::CARGO_LLVM_COV)?.program("cargo-llvm-cov")?,
            llvm_cov: llvm.program("llvm-cov-22")?,
            llvm_profdata: llvm.program("llvm-profdata-22")?,
        })
    }

    fn command(&self, root: &Path, verb: &str) -> Command {
        let mut command = Command::new(&self.cargo_llvm_cov);
        command.args(["llvm-cov", verb]).current_dir(root);
        command.env("LLVM_COV", &self.llvm_cov).env("LLVM_PROFDATA", &self.llvm_profdata);
        command.env("CARGO_TARGET_DIR", folder(root).join("build"));
        command
    }
}

fn demanded(depot: &Depot, row: &Counterpart) -> Result<Installed> {
    demand::fetch(depot, row)
        .map_err(|reason| anyhow::anyhow!("coverage needs {}, which cannot be had here: {reason}", row.name))
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/coverage")
}

/// Runs the tests of the tree at `root` and reads the counts; whether they passed, and the figure.
pub fn measure(tools: &Tools, root: &Path, skip: &[Stage]) -> Result<(bool, Measure)> {
    // Cargo and the compiler name real paths.
    let root = root.canonicalize().with_context(|| format!("no folder {}", root.display()))?;
    let root = root.as_path();
    let out = folder(root);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut env = instrumentation(tools, root)?;
    remove_old_counts(&out.join("build"))?;
    env.push(("CARGO_TARGET_DIR".into(), out.join("build").display().to_string()));
    let plan = Plan {
        only: vec![Stage::Test],
        skip: skip.to_vec(),
        junit: Some(out.join("junit.xml")),
        env: env.clone(),
        ..Plan::default()
    };
    let passed = stages::run(root, &plan)?;
    let lcov = out.join("lcov.info");
    let mut report = tools.command(root, "report");
    // A process that is killed while it writes its counts leaves half of them; they count for nothing.
    report.args(["--failure-mode", "all"]);
    // Tests are taken out here, line by line; the tool's own filter knows folders only.
    report.args(["--lcov", "--no-default-ignore-filename-regex", "--output-path"]).arg(&lcov).envs(env);
    said(&mut report)?;
    let files = lcov::read(&fs::read_to_string(&lcov)?)?;
    let files = gate::product(files, root, |path| fs::read_to_string(root.join(path)).unwrap_or_default());
    let made_at_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    fs::write(out.join("cobertura.xml"), cobertura::write(&files, made_at_s))?;
    Ok((passed, Measure::of(&files)))
}

/// Variables under which cargo builds the workspace's crates with counters; dependencies stay without.
fn instrumentation(tools: &Tools, root: &Path) -> Result<Vec<(String, String)>> {
    let text = said(tools.command(root, "show-env").arg("--no-cfg-coverage"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect())
}

/// Counts of an earlier run would be added to this one's.
fn remove_old_counts(build: &Path) -> Result<()> {
    for entry in fs::read_dir(build).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "profraw" || end == "profdata") {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run cargo-llvm-cov")?;
    if !output.status.success() {
        bail!(
            "cargo-llvm-cov ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
