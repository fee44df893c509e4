//! `cargo xtask race`: looks for races in the product with four tools, and blocks a build that has one.
//!
//! Each stage runs its tests on the product's source as it is, where they have to pass, and on the same source with a mistake planted, where each
//! of them has to fail: a tool that sees nothing there proves nothing elsewhere. What is looked at lies in `tools/race`. A stage whose tool is
//! not on this machine is named as not run, and a report with such a stage never says that it passed.
//!
//! The report is one JSON object: on standard output, in `target/race/report.json`, at a webhook where one is named, and with `--record` as a leaf
//! of a signed tree below `docs/evidence/`. A report that could not be handed over fails the run.

pub mod delivery;
pub mod report;
pub mod stage;
pub mod tool;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};

use crate::process;
use report::{Report, Row};
use tool::Tool;

/// Where a report goes when no option says so.
pub const WEBHOOK_VARIABLE: &str = "TIDEGATE_RACE_WEBHOOK";

/// Where the models lie, as a workspace of their own.
pub const MODELS: &str = "tools/race";

#[derive(Debug, Default)]
pub struct Order {
    /// Less than a minute: fewer schedules and seeds, and no ThreadSanitizer.
    pub quick: bool,
    pub webhook: Option<String>,
    /// The private key that signs the record.
    pub record: Option<PathBuf>,
}

/// Runs all stages and hands the report over; true if nothing was found.
pub fn run(root: &Path, order: &Order) -> Result<bool> {
    let report = look(root, order.quick)?;
    let file = folder(root).join("report.json");
    std::fs::write(&file, format!("{:#}\n", report.json()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", report.json());
    let handed_over = hand_over(root, order, &file);
    if let Err(error) = &handed_over {
        eprintln!("FAILED  the report: {error:#}");
    }
    eprintln!("{}", report.line());
    Ok(!report.has_finding() && handed_over.is_ok())
}

/// What the stages came to, told on standard error as they end.
pub fn look(root: &Path, quick: bool) -> Result<Report> {
    std::fs::create_dir_all(folder(root)).context("cannot make the folder of the report")?;
    let rows = Tool::ALL.into_iter().map(|tool| {
        let begin = Instant::now();
        let row =
            stage::run(root, tool, quick).unwrap_or_else(|error| Row::broken(tool, &format!("{error:#}")));
        let row = Row { seconds: begin.elapsed().as_secs_f64(), ..row };
        eprintln!("{}", row.line());
        row
    });
    let rows = rows.collect();
    let (commit, changed) = state_of(root);
    Ok(Report { commit, changed, quick, ended_ms: now_ms(), rows })
}

/// Cargo's files of the stages, and the report.
fn folder(root: &Path) -> PathBuf {
    root.join("target/race")
}

fn hand_over(root: &Path, order: &Order, file: &Path) -> Result<()> {
    let named = std::env::var(WEBHOOK_VARIABLE).ok().filter(|url| !url.is_empty());
    let recorded = order.record.as_deref().map_or(Ok(()), |key| record(root, key, file));
    if let Some(url) = order.webhook.clone().or(named) {
        delivery::deliver(&url, file)?;
        eprintln!("ok      the report is delivered");
    }
    recorded
}

/// Hashing, tiles and signatures are the product's own: an example of `kernel/audit` appends.
fn record(root: &Path, key: &Path, file: &Path) -> Result<()> {
    let mut command = process::cargo(root);
    command.args(["run", "--quiet", "-p", "tidegate-kernel-audit", "--example", "evidence", "--", "add"]);
    command.arg(root.join("docs/evidence")).arg(key).arg(file);
    ensure!(process::succeeds(&mut command)?, "it could not be recorded");
    Ok(())
}

/// The commit, and whether what was looked at differs from it.
fn state_of(root: &Path) -> (String, bool) {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    (commit, git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty()))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
