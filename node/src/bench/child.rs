//! This very binary as a child, `up` on a folder: where it listens, what it costs. Ends it and waits for it.

use super::Trouble;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any start; a child that is not ready by then is an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child that is ready. Dropping it kills it.
pub(super) struct Node {
    child: Child,
    pub(super) ready_after: Duration,
    pub(super) mqtt: SocketAddr,
    pub(super) http: SocketAddr,
    admin: SocketAddr,
}

impl Node {
    pub(super) fn start(data: &Path) -> Result<Node, Trouble> {
        Node::start_with(data, &[])
    }

    /// The same with more arguments.
    pub(super) fn start_with(data: &Path, arguments: &[&OsStr]) -> Result<Node, Trouble> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("up")
            .args(
                ["--mqtt", "--http", "--grpc", "--admin"]
                    .into_iter()
                    .flat_map(|option| [option, "127.0.0.1:0"]),
            )
            .arg("--data")
            .arg(data)
            .args(arguments);
        // Finding the names for one would be a part of what a panic costs.
        command.env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("the child has no standard output")?);
        let places = Places::read(&mut out).inspect_err(|_| end(&mut child))?;
        let Places { mqtt, http, admin } = places;
        // What it says later is read and dropped: a full pipe would hold it up.
        thread::spawn(move || io::copy(&mut out, &mut io::sink()));
        let mut node = Node { child, ready_after: Duration::ZERO, mqtt, http, admin };
        while !is_ready(admin)? {
            if began.elapsed() > PATIENCE {
                return Err("the node did not become ready".into());
            }
            thread::yield_now();
        }
        node.ready_after = began.elapsed();
        Ok(node)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// All samples of a family on `/metrics` added up.
    pub(super) fn metric(&self, name: &str) -> Result<u64, Trouble> {
        let page = get(self.admin, "/metrics")?;
        let samples = page.lines().filter(|line| line.starts_with(name));
        samples.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?)).sum()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// It may have ended already; either way it is waited for.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The addresses in the banner, which is printed once everything listens.
struct Places {
    mqtt: SocketAddr,
    http: SocketAddr,
    admin: SocketAddr,
}

impl Places {
    fn read(out: &mut impl BufRead) -> Result<Places, Trouble> {
        let (mut mqtt, mut http, mut admin, mut line) = (None, None, None, String::new());
        while out.read_line(&mut line)? > 0 {
            let named =
                |name: &str| line.trim_start().starts_with(name).then(|| address_after(&line, "http://"));
            mqtt = mqtt.or_else(|| address_after(&line, "mqtt://"));
            http = http.or_else(|| named("http ").flatten());
            admin = admin.or_else(|| named("admin ").flatten());
            if let (Some(mqtt), Some(http), Some(admin)) = (mqtt, http, admin) {
                return Ok(Places { mqtt, http, admin });
            }
            line.clear();
        }
        Err("the node ended before it listened".into())
    }
}

fn address_after(line: &str, scheme: &str) -> Option<SocketAddr> {
    line.split_once(scheme)?.1.split_whitespace().next()?.parse().ok()
}

fn is_ready(address: SocketAddr) -> io::Result<bool> {
    Ok(get(address, "/readyz")?.starts_with("HTTP/1.1 200 "))
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    String::from_utf8(bytes(address, path)?).map_err(io::Error::other)
}

/// A whole answer, head and body.
pub(super) fn bytes(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// What a POST comes to: the whole answer, whatever it says.
pub(super) fn post(address: SocketAddr, path: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// CPU time of each thread so far, in nanoseconds; finer than the system's tick.
#[derive(Debug, Default)]
pub(super) struct Threads(BTreeMap<u32, u64>);

impl Threads {
    /// What was spent since then by the threads that are there now.
    pub(super) fn since(&self, before: &Threads) -> Duration {
        let spent =
            |(thread, now): (&u32, &u64)| now - before.0.get(thread).copied().unwrap_or_default().min(*now);
        Duration::from_nanos(self.0.iter().map(spent).sum())
    }
}

pub(super) fn cpu_of_threads(pid: u32) -> Result<Threads, Trouble> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        // One that has just ended has none.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let thread = entry.file_name().to_string_lossy().parse()?;
        threads.insert(thread, text.split(' ').next().unwrap_or_default().parse()?);
    }
    if threads.is_empty() {
        Err("the system does not say what CPU time threads took".into())
    } else {
        Ok(Threads(threads))
    }
}

/// CPU time a process has spent so far, all threads together, to the system's tick.
pub(super) fn cpu_of(pid: u32) -> Result<Duration, Trouble> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or("the system does not say what CPU time the process took")?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// User and system time; the name before them may hold anything, but ends with the last parenthesis.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// A line of `/proc/PID/status` in bytes: `VmRSS` for what is resident now, `VmHWM` for the most there ever was.
pub(super) fn memory_of(pid: u32, key: &str) -> Result<u64, Trouble> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kib_of(&status, key).map(|kib| kib * 1024).ok_or_else(|| format!("the system does not say {key}").into())
}

fn kib_of(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_whole_key() {
        let status = "VmPeak:\t  9 kB\nVmRSS:\t   5120 kB\nVmHWM:\t 6000 kB\n";
        assert_eq!(
            (kib_of(status, "VmRSS"), kib_of(status, "VmHWM"), kib_of(status, "Vm")),
            (Some(5120), Some(6000), None)
        );
    }

    #[test]
    fn what_threads_spent_is_counted_by_thread_also_of_one_that_has_just_begun() {
        let [before, now] = [&[(1, 100), (2, 50)][..], &[(1, 130), (3, 7)]]
            .map(|each| Threads(each.iter().copied().collect()));
        assert_eq!(now.since(&before), Duration::from_nanos(37));
    }

    #[test]
    fn cpu_ticks_stand_behind_a_name_that_may_hold_anything() {
        assert_eq!(cpu_ticks("7 (a) b 1 2) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"), Some(42));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn addresses_come_out_of_the_banner() {
        let banner = "tidegate 1\n  mqtt   mqtt://127.0.0.1:1883   MQTT\n  http   http://127.0.0.1:7301   x\n  admin  http://127.0.0.1:7300   /m\n";
        let places = Places::read(&mut banner.as_bytes()).expect("all are there");
        assert_eq!((places.mqtt.port(), places.http.port(), places.admin.port()), (1883, 7301, 7300));
        assert!(Places::read(&mut "tidegate 1\n".as_bytes()).is_err());
    }
}
