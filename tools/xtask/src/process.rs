//! Runs one child process at a time, shows what it prints, and hands its lines to whoever counts them.
//!
//! Standard output and error share one pipe: only so do cargo's `Running ...` lines stay in order with the results.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

/// `cargo` as the one that runs this tool, so that a toolchain chosen by `+name` stays chosen.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// Runs `command` with its output shown as it is; true if it succeeded.
pub fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("cannot run {}", name(command)))?;
    Ok(status.success())
}

/// Runs `command`, printing each line and passing it to `line`; true if it succeeded.
pub fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run {}", name(command)))?;
    // The command still holds the pipe's writing ends; with them open the end of the output would never be seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        println!("{}", text.trim_end_matches(['\n', '\r']));
        line(text.trim_end());
        bytes.clear();
    }
    Ok(child.wait()?.success())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
