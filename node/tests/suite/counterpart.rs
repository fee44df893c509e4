//! Real clients that other people wrote: where they are, or a word in the report that they are not here.

use crate::process::PATIENCE;
use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;

/// The program that a variable names; without it the test announces that it is skipped, and returns.
pub(crate) fn counterpart(variable: &str, test: &str, name: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        announce(test, &format!("{name} cannot be had here, {variable} is not set"));
    }
    found
}

/// One line in one write: tests run at once.
pub(crate) fn announce(test: &str, reason: &str) {
    let file = env::var_os("TIDEGATE_TEST_SKIPS")
        .unwrap_or_else(|| panic!("{reason}; `cargo xtask test` installs it, or skips this test by name"));
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
}

/// A client that runs. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// How a client ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) errors: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }

    /// Writes to its standard input, which stays open.
    pub(crate) fn tell(&mut self, text: &str) {
        let mut input = self.child.stdin.as_ref().unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        if self.out.read_line(&mut line).unwrap() == 0 {
            panic!("the client ended: {}", self.errors());
        }
        line.trim_end().to_owned()
    }

    /// SIGKILL: the kernel closes its connection, and no DISCONNECT is sent.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes its standard input and waits until it ends by itself.
    pub(crate) fn ended(mut self) -> Ended {
        drop(self.child.stdin.take());
        let errors = self.errors();
        Ended { status: self.child.wait().unwrap().code(), errors }
    }

    /// All it said on standard error, which ends when the client does.
    fn errors(&mut self) -> String {
        let mut pipe = self.child.stderr.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut errors = String::new();
            // A receiver that is gone has lost its patience and said so.
            let _ = sender.send(pipe.read_to_string(&mut errors).map(|_| errors));
        });
        receiver.recv_timeout(PATIENCE).expect("the client ends").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
