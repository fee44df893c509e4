//! `start.ready` and `start.rss`: this very binary as a child, `up` on an empty folder.
//!
//! Ends each child it starts, and waits for it.

use super::scratch::Scratch;
use super::{Report, Trouble};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::{Row, median};

const STARTS: usize = 11;
/// Longer than any start; a child that is not ready by then is an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nothing is asked of the child for so long before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

pub(super) fn measure(report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    let mut millis = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let node = Node::start(&scratch.inner("start"))?;
        millis.push(node.ready_after.as_secs_f64() * 1000.0);
        drop(node);
        scratch.clear("start")?;
    }
    let load =
        format!("tidegate up on an empty folder, from its start to GET /readyz 200; median of {STARTS}");
    let row = Row { scenario: "start.ready".to_owned(), metric: "time", unit: "ms", load, ..Row::default() };
    report.print(Row { value: median(millis), ..row });
    report.print(memory(scratch)?);
    Ok(())
}

fn memory(scratch: &Scratch) -> Result<Row, Trouble> {
    let node = Node::start(&scratch.inner("start"))?;
    thread::park_timeout(IDLE);
    let value = node.resident_mib()?;
    drop(node);
    scratch.clear("start")?;
    let load = format!("VmRSS of tidegate up on an empty folder, {} s after it was ready", IDLE.as_secs());
    Ok(Row { scenario: "start.rss".to_owned(), metric: "memory", unit: "MiB", value, load, ..Row::default() })
}

/// A child that is ready. Dropping it kills it.
struct Node {
    child: Child,
    ready_after: Duration,
}

impl Node {
    fn start(data: &Path) -> Result<Node, Trouble> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([
                "up",
                "--mqtt",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let mut node = Node { child: command.spawn()?, ready_after: Duration::ZERO };
        let address = node.admin_address()?;
        while !is_ready(&address)? {
            if began.elapsed() > PATIENCE {
                return Err("the node did not become ready".into());
            }
            thread::yield_now();
        }
        node.ready_after = began.elapsed();
        Ok(node)
    }

    /// Out of the banner, which is printed once everything listens.
    fn admin_address(&mut self) -> Result<String, Trouble> {
        let out = self.child.stdout.as_mut().ok_or("the child has no standard output")?;
        for line in BufReader::new(out).lines() {
            if let Some((_, address)) = line?.split_once("http://") {
                return Ok(address.split(' ').next().unwrap_or_default().to_owned());
            }
        }
        Err("the node ended before it listened".into())
    }

    fn resident_mib(&self) -> Result<f64, Trouble> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = resident_kib(&status).ok_or("the system does not say how much memory the child has")?;
        Ok(kib as f64 / 1024.0)
    }
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn is_ready(address: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_kib() {
        assert_eq!(resident_kib("VmPeak:\t  9 kB\nVmRSS:\t   5120 kB\n"), Some(5120));
        assert_eq!(resident_kib("VmPeak:\t  9 kB\n"), None);
    }
}
