//! A program on the other side: looked for, started, told what to do, killed and frozen; or a word in the report that it is not here.

use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Where a program is; without it the test, named by its full path, announces that it is skipped, and returns.
pub(crate) fn found(variable: &str, what: &str, test: &str) -> Option<PathBuf> {
    let found = env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        let reason = format!("{what} cannot be had here, {variable} is not set");
        let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
            panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
        });
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(format!("SKIP {test}: {reason}\n").as_bytes()).unwrap();
    }
    found
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Connections that whoever listens on this port of loopback has open.
pub(crate) fn connections(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let is_one = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(&local) && words.nth(1) == Some(ESTABLISHED)
    };
    table.lines().filter(is_one).count()
}

/// One that runs. It ends with its input, and is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Counterpart {
    child: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Counterpart {
    /// Starts it, and waits for its first line, which says that it serves.
    pub(crate) fn start(command: &mut Command) -> (Counterpart, String) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (orders, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut counterpart = Counterpart { child, orders, said };
        let first = counterpart.line();
        assert!(!first.is_empty(), "{command:?} ended before it served");
        (counterpart, first)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Its answer, one line.
    pub(crate) fn order(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        self.line()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// SIGKILL, as one that loses its power.
    pub(crate) fn end(&mut self) {
        // Both fail when it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        self.end();
    }
}
