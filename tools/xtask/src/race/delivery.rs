//! Hands a report to a webhook: one POST with its JSON, again while there is no 2xx, by `curl`, which knows TLS and proxies.
//!
//! The URL may hold a secret, so it goes over standard input and is in no process list, and no error repeats it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Seconds of one try, between two, and of all.
const TRY_S_MAX: &str = "10";
const ALL_S_MAX: &str = "60";
const TRIES_MORE: &str = "6";

pub fn deliver(url: &str, file: &Path) -> Result<()> {
    ensure!(
        url.starts_with("http://") || url.starts_with("https://"),
        "the webhook is no http:// or https:// URL"
    );
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    ensure!(!quoted.contains(['\n', '\r']), "the webhook's URL has a line break");
    let mut child = Command::new("curl")
        .args(["--config", "-", "--silent", "--show-error", "--fail", "--output", "/dev/null"])
        .args([
            "--retry",
            TRIES_MORE,
            "--retry-all-errors",
            "--retry-max-time",
            ALL_S_MAX,
            "--max-time",
            TRY_S_MAX,
        ])
        .args(["--header", "content-type: application/json", "--data-binary"])
        .arg(format!("@{}", file.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("a report is delivered by curl, which cannot be run")?;
    let line = format!("url = \"{quoted}\"\n");
    child.stdin.take().context("curl has no standard input")?.write_all(line.as_bytes())?;
    ensure!(child.wait()?.success(), "the webhook did not take it, {TRIES_MORE} tries more included");
    Ok(())
}
