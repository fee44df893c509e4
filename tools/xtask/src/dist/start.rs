//! Starts the binary with `up` on free ports, waits until `/readyz` answers 200, and ends it with SIGTERM.
//!
//! Time: from before the process is made to the answer. The address comes from what the binary prints, as a person
//! would take it. The child is always waited for, also after an error.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::services::daemon;

pub const READY_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const END_WITHIN: Duration = Duration::from_secs(20);
const BETWEEN_ASKS: Duration = Duration::from_micros(200);
const LINES_QUEUED_MAX: usize = 256;
const LINES_KEPT_MAX: usize = 8;
/// `/readyz` of a ready node is far shorter.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Arguments that start a node on free loopback ports with its data in `data`.
pub fn up_args(data: &str) -> Vec<String> {
    let listeners =
        ["--admin", "--http", "--grpc", "--mqtt"].into_iter().flat_map(|option| [option, "127.0.0.1:0"]);
    ["up", "--data", data].into_iter().chain(listeners).map(str::to_owned).collect()
}

/// A node that has answered.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// From making the process to the first 200.
    pub ready_in: Duration,
    /// Dropping this end would stop the thread that empties the child's pipe.
    _lines: Receiver<String>,
}

impl Node {
    /// Runs `command`, which must end in [`up_args`], and waits for it no longer than `within`.
    pub fn start(command: &mut Command, within: Duration) -> Result<Self> {
        let (reader, writer) = std::io::pipe().context("no pipe")?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let begin = Instant::now();
        let mut child = command.spawn().context("it cannot be run")?;
        // With the writing ends open here the end of the output would never be seen.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, lines) = mpsc::sync_channel(LINES_QUEUED_MAX);
        thread::spawn(move || read_lines(BufReader::new(reader), &sender));
        match wait_ready(&mut child, &lines, begin + within) {
            Ok(()) => Ok(Self { child, ready_in: begin.elapsed(), _lines: lines }),
            Err(error) => {
                // Ours and not yet waited for, so the pid is still its own.
                let _gone_already = child.kill();
                child.wait()?;
                Err(error)
            }
        }
    }

    /// False once it has ended by itself.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Asks the node to end; its exit status.
    pub fn stop(mut self) -> Result<ExitStatus> {
        daemon::send("TERM", self.child.id())?;
        let begin = Instant::now();
        while begin.elapsed() < END_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            pause(Duration::from_millis(2));
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("it does not end within {} s of SIGTERM", END_WITHIN.as_secs())
    }
}

fn read_lines(reader: BufReader<std::io::PipeReader>, lines: &SyncSender<String>) {
    for line in reader.split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&line).into_owned();
        // A full queue means that nobody looks any more; a child that is never blocked by us matters more.
        let _unread = lines.try_send(text);
    }
}

fn wait_ready(child: &mut Child, lines: &Receiver<String>, end: Instant) -> Result<()> {
    let address = address(lines, end)?;
    let mut last = String::new();
    while Instant::now() < end {
        match ask(address, "/readyz") {
            Ok(text) if text.starts_with("HTTP/1.1 200") => return Ok(()),
            Ok(text) => text.lines().next().unwrap_or_default().clone_into(&mut last),
            Err(error) => last = error.to_string(),
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status} before it was ready");
        }
        pause(BETWEEN_ASKS);
    }
    bail!("http://{address}/readyz does not answer 200; last: {last}")
}

/// Where the node says that it listens; an error holds what it said instead.
fn address(lines: &Receiver<String>, end: Instant) -> Result<SocketAddr> {
    let mut said: Vec<String> = Vec::new();
    while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
        if let Some(address) = management_address(&line) {
            return Ok(address);
        }
        if said.len() < LINES_KEPT_MAX {
            said.push(line);
        }
    }
    bail!("it names no management address; it said: {}", said.join(" | "))
}

/// The first `http://ADDRESS` in a line.
pub fn management_address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|letter: char| !(letter.is_ascii_digit() || ".:[]".contains(letter)));
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "another program's readiness can only be polled")]
fn pause(time: Duration) {
    thread::sleep(time);
}
