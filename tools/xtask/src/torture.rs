//! `cargo xtask torture ledger`: the test of the books that kills their node under load, with a hundred kills. It prints one JSON object at its end.

use std::path::Path;

use anyhow::Result;

use crate::process;
use crate::report::Reader;

const TEST: &str = "torture::a_node_that_is_killed_again_and_again_under_load_loses_no_acknowledged_transfer";
pub const KILLS: u64 = 100;

/// True if nothing acknowledged was lost.
pub fn ledger(root: &Path, kills: u64) -> Result<bool> {
    let mut command = process::cargo(root);
    // As `cargo xtask test` builds, so that nothing is built twice.
    command.args(["test", "--workspace", "--all-features", "--test", "suite", "--color", "never", "--"]);
    command.args(["--exact", TEST, "--nocapture"]).env("TIDEGATE_TORTURE_KILLS", kills.to_string());
    let mut reader = Reader::default();
    let succeeded = process::lines(&mut command, |line| reader.line(line))?;
    let tally = reader.finish(succeeded);
    Ok(tally.failed == 0 && tally.passed > 0)
}
