//! A node as a process: started on free ports, asked over HTTP, killed or told to stop.

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything here takes; what is waited for that long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The banner's last line begins so.
const BANNER_END: &str = "stop it";

/// A running node. Dropping it kills it.
pub(crate) struct Node {
    child: Child,
    banner: String,
    /// Neither where it does not run the capability.
    mqtt: Option<SocketAddr>,
    http: Option<SocketAddr>,
    admin: SocketAddr,
    data: PathBuf,
    /// What it writes after the banner, to standard output and to standard error.
    rest: Option<(JoinHandle<String>, JoinHandle<String>)>,
}

/// How a node ended.
#[derive(Debug)]
pub(crate) struct Report {
    /// The exit status; nothing if a signal ended it.
    pub(crate) status: Option<i32>,
    /// What it printed after the banner.
    pub(crate) said: String,
    /// What it logged, and what it said on standard error.
    pub(crate) log: String,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

/// The binary: the one these tests were built with, unless the run names a copy of it.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("TIDEGATE_TEST_NODE")
        .map_or_else(|| env!("CARGO_BIN_EXE_tidegate").into(), PathBuf::from)
}

/// `tidegate up` on free ports with its data in `data`, ready to be given more arguments.
pub(crate) fn command(data: &Path) -> Command {
    command_at(data, 0)
}

/// The same with the MQTT listener on a port that the test chose.
pub(crate) fn command_at(data: &Path, port: u16) -> Command {
    command_on(data, port, 0)
}

/// The same with the listeners for MQTT and gRPC on ports that the test chose.
pub(crate) fn command_on(data: &Path, mqtt: u16, grpc: u16) -> Command {
    command_with(data, Ports { mqtt, grpc, ..Ports::default() })
}

/// The same with every listener on a port that the test chose.
pub(crate) fn command_with(data: &Path, ports: Ports) -> Command {
    let mut command = Command::new(binary());
    command.args(up_arguments(data, ports));
    command
}

/// Where a node listens; 0 is any free port.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    pub(crate) mqtt: u16,
    pub(crate) http: u16,
    pub(crate) grpc: u16,
    pub(crate) admin: u16,
}

impl Ports {
    /// Each as [`port_to_keep`] gives it.
    pub(crate) fn to_keep() -> Ports {
        let [mqtt, http, grpc, admin] = [(); 4].map(|()| port_to_keep());
        Ports { mqtt, http, grpc, admin }
    }
}

/// A free port that stays free while nobody listens there: none of those that the kernel gives away, and one of many.
pub(crate) fn port_to_keep() -> u16 {
    let given_away = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = given_away.split_whitespace().next().and_then(|first| first.parse::<u64>().ok());
    let (lowest, beyond) = (10_000, first.unwrap_or(32_768).max(11_000));
    let random = RandomState::new();
    let ports = (0..1000_u32).map(|at| (lowest + random.hash_one(at) % (beyond - lowest)) as u16);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("one of a thousand ports is free")
}

/// The same through a shell, which runs `preparation` first: limits and ignored signals are handed down to the node.
pub(crate) fn prepared(preparation: &str, data: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{preparation}; exec \"$0\" \"$@\""))
        .arg(binary())
        .args(up_arguments(data, Ports::default()));
    command
}

fn up_arguments(data: &Path, ports: Ports) -> Vec<String> {
    let Ports { mqtt, http, grpc, admin } = ports;
    let [mqtt, http, grpc, admin] = [mqtt, http, grpc, admin].map(|port| format!("127.0.0.1:{port}"));
    let data = data.to_str().unwrap();
    ["up", "--data", data, "--mqtt", &mqtt, "--http", &http, "--grpc", &grpc, "--admin", &admin]
        .map(str::to_owned)
        .to_vec()
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

impl Node {
    pub(crate) fn start(data: &Path) -> Node {
        Node::start_with(command(data), data)
    }

    /// Starts a command that [`command`] or [`prepared`] made, and waits until it says where it listens.
    pub(crate) fn start_with(command: Command, data: &Path) -> Node {
        Node::attempt(command, data).unwrap_or_else(|end| {
            panic!("the node ended with {:?} before it was ready: {}{}", end.status, end.said, end.log)
        })
    }

    /// The same for a start that may fail.
    pub(crate) fn attempt(mut command: Command, data: &Path) -> Result<Node, Report> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out: Box<dyn Read + Send> = Box::new(child.stdout.take().unwrap());
        let errors: Box<dyn Read + Send> = Box::new(child.stderr.take().unwrap());
        // Words for people make room where programs read the log.
        let is_json = command.get_args().any(|word| word == "json");
        let (words, rest) = if is_json { (errors, out) } else { (out, errors) };
        let (mut out, errors) = (BufReader::new(words), gather(rest));
        let begin = read_banner(&mut out);
        let is_ready = begin.contains(BANNER_END);
        let (banner, log) = parted(&begin);
        if !is_ready {
            let status = child.wait().unwrap();
            return Err(Report { status: status.code(), said: banner, log: log + &errors.join().unwrap() });
        }
        let (out, errors) = (gather(std::io::Cursor::new(log).chain(out)), errors);
        let admin = address(&banner, "  admin  http://").unwrap_or_else(|| panic!("no admin in {banner}"));
        let mqtt = address(&banner, "  mqtt   mqtt://");
        let scheme = if banner.contains("https://") { "https" } else { "http" };
        let http = address(&banner, &format!("  http   {scheme}://"));
        Ok(Node { child, banner, mqtt, http, admin, data: data.to_owned(), rest: Some((out, errors)) })
    }

    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    pub(crate) fn mqtt(&self) -> SocketAddr {
        self.mqtt.expect("it runs the broker")
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("it runs ingest or the ledger")
    }

    /// Whether the process is gone already.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Where readings are delivered to unless the test said otherwise.
    pub(crate) fn file(&self) -> PathBuf {
        self.data.join("ingest/readings.ndjson")
    }

    /// The rows in the file.
    pub(crate) fn rows(&self) -> Vec<Value> {
        rows(&self.file())
    }

    pub(crate) fn admin_get(&self, path: &str) -> Answer {
        request(self.admin, "GET", path).unwrap()
    }

    /// A sample of `/metrics` by its name and labels; nothing as long as the node has not counted it.
    pub(crate) fn metric(&self, sample: &str) -> Option<u64> {
        let page = self.admin_get("/metrics").body;
        let value = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap_or_else(|error| panic!("{error} in {sample} {value}")))
    }

    /// Asks for a sample until it is as wanted.
    pub(crate) fn metric_when(&self, sample: &str, wanted: impl Fn(u64) -> bool) -> u64 {
        let began = Instant::now();
        loop {
            let value = self.metric(sample);
            if let Some(value) = value.filter(|value| wanted(*value)) {
                return value;
            }
            assert!(began.elapsed() < PATIENCE, "{sample} stays at {value:?}");
        }
    }

    pub(crate) fn accounts(&self) -> Value {
        self.admin_get("/api/v1/ingest/accounts").json()
    }

    /// Asks for the accounts until they are as wanted.
    pub(crate) fn accounts_when(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let accounts = self.accounts();
            if wanted(&accounts) {
                return accounts;
            }
            assert!(began.elapsed() < PATIENCE, "the accounts stay at {accounts}");
        }
    }

    /// Asks for readiness until it is refused, and gives the reasons.
    pub(crate) fn unready(&self) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.admin_get("/readyz");
            if answer.status == 503 {
                return answer.json();
            }
            assert!(began.elapsed() < PATIENCE, "the node stays ready");
        }
    }

    /// Asks until the file sink was given so many readings for good.
    pub(crate) fn delivered(&self, many: u64) -> Value {
        self.accounts_when(|accounts| {
            let sinks = accounts["sinks"].as_array().unwrap();
            sinks.iter().map(|sink| sink["delivered"].as_u64().unwrap()).sum::<u64>() == many
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// SIGSTOP, and waits until every thread stands still: the signal alone is there before they do.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_still = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        };
        while !std::fs::read_dir(&tasks).unwrap().all(is_still) {
            std::thread::yield_now();
        }
    }

    /// From now on nothing can be written beyond so many bytes of any file, as on a full disk.
    pub(crate) fn limit_files(&self, bytes: u64) {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(mut self) -> Report {
        self.signal(Signal::KILL);
        self.ended()
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn terminate(mut self) -> Report {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for the end, whatever brings it.
    pub(crate) fn ended(&mut self) -> Report {
        let status = self.child.wait().unwrap();
        let (out, errors) = self.rest.take().expect("a node ends once");
        let (said, log) = parted(&out.join().unwrap());
        Report { status: status.code(), said, log: log + &errors.join().unwrap() }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request without a body.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Runs a command that [`command`] made and kills it after a while, wherever its start has got to by then.
pub(crate) fn start_and_kill(mut command: Command, after: Duration) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    pass(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Lets time pass, for a moment that is meant to be any moment; never to wait for something to have happened.
pub(crate) fn pass(time: Duration) {
    let (_kept, nothing) = mpsc::channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

/// The whole rows of a file, to which another one may just be added; none if it is not there.
pub(crate) fn rows(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

/// All of it, read as it comes: a pipe that nobody empties holds a node up.
fn gather(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).map_or_else(|error| error.to_string(), |_| text)
    })
}

/// Words for people, and lines of the log, which begin with a time.
fn parted(text: &str) -> (String, String) {
    let is_log =
        |line: &&str| line.get(..5).is_some_and(|year| year.starts_with("20") && year.ends_with('-'));
    let (log, said): (Vec<_>, Vec<_>) = text.split_inclusive('\n').partition(is_log);
    (said.concat(), log.concat())
}

fn read_banner(out: &mut impl BufRead) -> String {
    let mut banner = String::new();
    while !banner.contains(BANNER_END) && out.read_line(&mut banner).unwrap() > 0 {}
    // The last line may have come in part.
    banner
}

fn address(banner: &str, scheme: &str) -> Option<SocketAddr> {
    let (_, rest) = banner.split_once(scheme)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | ':')).unwrap();
    Some(rest[..end].parse().unwrap())
}
