//! Runs one child process at a time, shows what it prints, and hands its lines to whoever counts them.
//!
//! Standard output and error share one pipe: only so do cargo's `Running ...` lines stay in order with the results.
//! The end of a run is the end of the child, not of the pipe: a process that a test left behind may hold that for ever.

use std::io::{BufRead, BufReader, PipeReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long the output may be silent before the child is asked whether it still runs.
const SILENCE: Duration = Duration::from_secs(1);
const LINES_QUEUED_MAX: usize = 1024;

/// The exit code of a command that took too long.
pub const TIMED_OUT: i32 = 124;

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

/// The same command, ended with all that it started when it takes longer; it fails then with `TIMED_OUT`.
pub fn bounded(command: &Command, longest: Duration) -> Command {
    let mut bounded = Command::new("timeout");
    bounded.arg("--kill-after=10").arg(longest.as_secs().to_string());
    bounded.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(key, value),
            None => bounded.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bounded.current_dir(folder);
    }
    bounded
}

/// Runs `command`, printing each line and passing it to `line`; true if it succeeded.
pub fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot run {}", name(command)))?;
    // The command still holds the pipe's writing ends; with them open the end of the output would never be seen.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, receiver) = mpsc::sync_channel(LINES_QUEUED_MAX);
    thread::spawn(move || read_lines(reader, &sender));
    let mut ended = None;
    loop {
        match receiver.recv_timeout(SILENCE) {
            Ok(text) => {
                println!("{text}");
                line(&text);
            }
            Err(RecvTimeoutError::Timeout) if ended.is_none() => ended = child.try_wait()?,
            Err(RecvTimeoutError::Timeout) => {
                println!("a process that was started in this run outlives it and holds its output");
                break;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(ended.map_or_else(|| child.wait(), Ok)?.success())
}

fn read_lines(pipe: PipeReader, lines: &SyncSender<String>) {
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if lines.send(text).is_err() {
            return;
        }
        bytes.clear();
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
