//! One test as one process: runs it no longer than its limit and reads from its log why it failed.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const WHY_CHARS_MAX: usize = 160;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// With the last thing it said.
    Failed(String),
    /// It was ended at its limit.
    TimedOut,
}

pub(super) struct Trial<'a> {
    pub(super) command: Command,
    pub(super) log: &'a Path,
    pub(super) limit: Duration,
}

impl Trial<'_> {
    /// The verdict and how many seconds it took.
    pub(super) fn run(mut self) -> Result<(Verdict, f64)> {
        let log = File::create(self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let begin = Instant::now();
        let mut child = self.command.spawn().context("cannot run the interpreter")?;
        let verdict = match wait(&mut child, begin + self.limit)? {
            None => Verdict::TimedOut,
            Some(status) if status.success() => Verdict::Passed,
            Some(_) => Verdict::Failed(why(self.log)?),
        };
        Ok((verdict, begin.elapsed().as_secs_f64()))
    }
}

/// `None` for a child that had to be ended.
fn wait(child: &mut Child, until: Instant) -> Result<Option<ExitStatus>> {
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        pause();
    }
    // Ours and not yet waited for, so the pid is still its own.
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[expect(clippy::disallowed_methods, reason = "a child's end within a limit can only be polled")]
fn pause() {
    std::thread::sleep(BETWEEN_LOOKS);
}

/// The last line that names an exception, else the last line.
fn why(log: &Path) -> Result<String> {
    let bytes = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let named = lines().find(|line| is_exception(line)).or_else(|| lines().next());
    Ok(named.unwrap_or("it said nothing").chars().take(WHY_CHARS_MAX).collect())
}

/// `AssertionError: 2 != 3`, `OSError`, `mqtt.formats.MQTTV5.MQTTException: ...`
fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let word = name.chars().all(|character| character.is_alphanumeric() || "._".contains(character));
    word && (name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("timeout"))
}
