//! Starts one daemon on a free loopback port and waits until it serves; stops one by its recorded process.
//!
//! The daemon outlives this tool: it gets a process group and a log file of its own. Its port is free when chosen but
//! not held, so a start that fails is tried again on another one.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Depot;
use super::install::Installed;
use super::state::Entry;
use super::table::{Probe, Spec};

const START_TRIES: u32 = 3;
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub fn start(depot: &Depot, name: &str, spec: &Spec, installed: &Installed) -> Result<Entry> {
    let data = depot.path(&format!("data/{name}"));
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let mut last = None;
    for _ in 0..START_TRIES {
        match start_once(&data, spec, installed) {
            Ok(entry) => return Ok(entry),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("at least one try was made")).with_context(|| format!("{name} does not start"))
}

fn start_once(data: &Path, spec: &Spec, installed: &Installed) -> Result<Entry> {
    let port = free_port()?;
    let fill =
        |text: &str| text.replace("{port}", &port.to_string()).replace("{data}", &data.display().to_string());
    for (name, text) in spec.files {
        std::fs::write(data.join(name), fill(text)).with_context(|| format!("cannot write {name}"))?;
    }
    let log_path = data.join("log");
    let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let mut child = Command::new(installed.program(spec.program)?)
        .args(spec.args.iter().map(|arg| fill(arg)))
        .current_dir(data)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", spec.program))?;
    let ready = wait_ready(&mut child, port, spec.probe);
    match (ready, Entry::of(child.id(), port)) {
        (Ok(()), Some(entry)) => Ok(entry),
        (ready, _) => {
            // It is our child and not yet waited for, so its pid is still its own.
            let _gone_already = child.kill();
            child.wait()?;
            ready.with_context(|| format!("its log ends: {}", tail(&log_path)))?;
            bail!("it ended right after its start; its log ends: {}", tail(&log_path))
        }
    }
}

/// Free now; nothing holds it.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}

fn wait_ready(child: &mut Child, port: u16, probe: Probe) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < READY_WITHIN {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        if serves(port, probe) {
            return Ok(());
        }
        pause();
    }
    bail!("it does not answer on port {port} within {} s", READY_WITHIN.as_secs())
}

fn serves(port: u16, probe: Probe) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match probe {
        Probe::Connect => TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok(),
    }
}

/// Asks the process to end, and ends it if it does not. The caller has checked that the pid is still that process.
pub fn stop(entry: &Entry) -> Result<()> {
    for signal in ["TERM", "KILL"] {
        send(signal, entry.pid)?;
        let begin = Instant::now();
        while begin.elapsed() < STOP_WITHIN {
            if !entry.is_alive() {
                return Ok(());
            }
            pause();
        }
    }
    bail!("process {} survives SIGKILL", entry.pid)
}

/// `kill` is built into every shell but no program on the smallest systems, and std can send no SIGTERM.
pub fn send(signal: &str, pid: u32) -> Result<()> {
    let script = "kill -s \"$1\" \"$2\" 2>/dev/null || true";
    Command::new("sh")
        .args(["-c", script, "sh", signal, &pid.to_string()])
        .status()
        .context("cannot run sh")?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "another program's readiness can only be polled")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
