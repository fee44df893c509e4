//! A child of the demonstration: this very binary, in a process group of its own, so that Ctrl-C reaches the parent alone.
//!
//! Each ends when its standard input does, and so none outlives the parent, however that went.

use crate::banner::FAREWELL;
use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// This binary, also after the file it came from was replaced.
const ITSELF: &str = "/proc/self/exe";
/// Of a log, shown where a child ended by itself.
const TAIL_BYTES: u64 = 2048;

/// How to start a child.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) name: &'static str,
    pub(super) arguments: Vec<String>,
    /// Its words go there, but for those that are read.
    pub(super) log: PathBuf,
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Child {
    child: tokio::process::Child,
    /// Kept open for as long as the child is to live, where it is no line of its own.
    _stdin: Option<ChildStdin>,
}

impl Launch {
    /// With `line` for its standard input.
    pub(super) fn start_on(&self, line: OwnedFd) -> Result<Child, Failure> {
        let words = self.log_file().map_err(|error| self.unstarted(&error))?;
        self.start(Stdio::from(line), Stdio::from(words))
    }

    /// A child whose words are read.
    pub(super) fn start_heard(&self) -> Result<(Child, ChildStdout), Failure> {
        let mut child = self.start(Stdio::piped(), Stdio::piped())?;
        let words = child.child.stdout.take().expect("it was given a pipe");
        Ok((child, words))
    }

    fn start(&self, stdin: Stdio, stdout: Stdio) -> Result<Child, Failure> {
        let spawned = self.log_file().and_then(|log| {
            let mut command = Command::new(ITSELF);
            command.arg0("tidegate").args(&self.arguments);
            command.stdin(stdin).stdout(stdout).stderr(log).process_group(0).kill_on_drop(true).spawn()
        });
        let mut child = spawned.map_err(|error| self.unstarted(&error))?;
        let stdin = child.stdin.take();
        Ok(Child { child, _stdin: stdin })
    }

    pub(super) fn log_file(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }

    pub(super) fn unstarted(&self, error: &io::Error) -> Failure {
        let message = format!("could not start {}: {error}", self.name);
        Failure::message("TG-DM-001", message, "look at the limits and permissions of the process")
    }

    /// A child that ended though nobody told it to.
    pub(super) fn ended(&self, status: io::Result<ExitStatus>) -> Failure {
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let message = format!(
            "{} ended by itself ({how}); its last words:\n{}",
            self.name,
            self.last_words().trim_end()
        );
        Failure::message(
            "TG-DM-004",
            message,
            format!("all of its log is in {} while --data names a folder", self.log.display()),
        )
    }

    /// What a node said of its end, if it had the time.
    pub(super) fn farewell(&self) -> String {
        let words = self.last_words();
        words.rfind(FAREWELL).map_or_else(String::new, |at| words[at..].to_owned())
    }

    fn last_words(&self) -> String {
        let read = File::open(&self.log).and_then(|mut log| {
            let bytes = log.metadata()?.len();
            log.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES)))?;
            let mut tail = Vec::new();
            log.read_to_end(&mut tail)?;
            Ok(String::from_utf8_lossy(&tail).into_owned())
        });
        read.unwrap_or_else(|error| format!("(not readable: {error})"))
    }
}

impl Child {
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// SIGKILL, at once.
    pub(super) fn kill(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.start_kill();
    }

    /// SIGTERM, and SIGKILL if it takes longer than it may; the exit status, if it had one.
    pub(super) async fn end(mut self, patience: Duration) -> Option<i32> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        // One that has ended already has no id.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        if let Ok(ended) = timeout(patience, self.wait()).await {
            return ended.ok()?.code();
        }
        self.kill();
        let _ = self.wait().await;
        None
    }
}
