//! The demonstration as a visitor of its API has it, with all of its processes: pull the cable, kill the node, plug it back.

use crate::https::{self, Client};
use crate::process::{PATIENCE, binary, port_to_keep, request, run};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

const BEHIND: [&str; 2] = ["centre", "mes"];

/// A running demonstration. Dropping it ends it.
pub(crate) struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    banner: String,
    admin: SocketAddr,
    folder: PathBuf,
}

impl Demo {
    pub(crate) fn start(folder: &Path) -> Demo {
        let mut command = Command::new(binary());
        command.args(["up", "--demo", "--lan", "--data", folder.to_str().unwrap()]);
        for option in ["--mqtt", "--admin"] {
            command.args([option, &format!("127.0.0.1:{}", port_to_keep())]);
        }
        for option in ["--http", "--admin-tls", "--mqtts", "--grpc"] {
            command.args([option, &format!("0.0.0.0:{}", port_to_keep())]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("stop it with Ctrl-C") && out.read_line(&mut banner).unwrap() > 0 {}
        let admin = word(&banner, "  console http://").trim_end_matches('/').parse().unwrap();
        Demo { child, out, banner, admin, folder: folder.to_owned() }
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    fn ask(&self, method: &str, path: &str) -> Option<Value> {
        request(self.admin, method, path)
            .ok()
            .filter(|answer| answer.status == 200)
            .map(|answer| answer.json())
    }

    fn status(&self) -> Value {
        self.when("/api/v1/demo", |_| true)
    }

    /// Asks until the answer is as wanted; a node that is being started again does not answer.
    pub(crate) fn when(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.ask("GET", path);
            if let Some(answer) = answer.clone().filter(|answer| wanted(answer)) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{path} stays at {answer:?}");
        }
    }

    pub(crate) fn accounts_when(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.when("/api/v1/ingest/accounts", wanted)
    }

    fn children(&self) -> Vec<Pid> {
        let parent = format!("PPid:\t{}", self.child.id());
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_child = |pid: &i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line == parent)
        };
        pids.filter(is_child).filter_map(Pid::from_raw).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: the status, and what was said after the banner.
    fn ended(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }

    fn certificate(&self) -> Vec<u8> {
        fs::read(self.folder.join("edge/lan/certificate.pem")).unwrap()
    }

    /// The management listener for others, asked with the token that the banner showed.
    fn seen_from_elsewhere(&self, path: &str) -> String {
        let url = word(&self.banner, "  lan    https://").trim_end_matches('/');
        let port = url.rsplit_once(':').unwrap().1;
        let client = Client {
            roots: self.folder.join("edge/lan/certificate.pem"),
            client: None,
            token: Some(word(&self.banner, "  token  ").to_owned()),
        };
        https::get(format!("127.0.0.1:{port}").parse().unwrap(), &client, path).unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn word<'b>(banner: &'b str, label: &str) -> &'b str {
    let line = banner.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|line| line.split_whitespace().next()).unwrap_or_else(|| panic!("no {label:?} in {banner}"))
}

fn sum(accounts: &Value, sink: &str, key: &str) -> u64 {
    let all = accounts["sinks"].as_array().unwrap().iter().filter(|account| account["sink"] == sink);
    all.map(|account| account[key].as_u64().unwrap()).sum()
}

pub(crate) fn waiting(accounts: &Value, sink: &str) -> u64 {
    sum(accounts, sink, "lag") + sum(accounts, sink, "in_flight")
}

pub(crate) fn is_red(accounts: &Value, sink: &str) -> bool {
    accounts["sink_states"]
        .as_array()
        .unwrap()
        .iter()
        .any(|state| state["sink"] == sink && state["breaker"] != "closed")
}

pub(crate) fn closes(accounts: &Value) {
    let sinks = accounts["sinks"].as_array().unwrap();
    for account in [&accounts["admission"], &accounts["routing"]].into_iter().chain(sinks) {
        assert_eq!(account["difference"], 0, "{account}");
    }
}

/// Every PLC is asked, and answers.
fn plcs_answer(demo: &Demo) {
    let answers = |device: &Value| device["state"] == "answers" && device["code"].is_null();
    let devices = demo.when("/api/v1/ingest/devices", |devices| {
        devices.as_array().is_some_and(|devices| devices.len() == 6 && devices.iter().all(answers))
    });
    let speak =
        |driver: &str| devices.as_array().unwrap().iter().filter(|device| device["driver"] == driver).count();
    assert_eq!(["modbus", "s7", "opcua"].map(speak), [2, 2, 2], "{devices}");
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn the_cable_is_pulled_the_node_killed_the_cable_plugged_and_every_reading_is_accounted_for() {
    let dir = TempDir::new().unwrap();
    let mut demo = Demo::start(dir.path());
    let certificate = demo.certificate();
    demo.accounts_when(|accounts| BEHIND.iter().all(|sink| sum(accounts, sink, "delivered") > 0));
    plcs_answer(&demo);

    demo.ask("POST", "/api/v1/demo/cable?state=out").unwrap();
    let pulled = demo.status();
    assert_eq!(pulled["cable"], "out");
    let out = demo.accounts_when(|accounts| {
        BEHIND.iter().all(|sink| is_red(accounts, sink) && waiting(accounts, sink) > 50)
    });
    closes(&out);
    // The plant goes on, and is acknowledged.
    let later = demo.when("/api/v1/demo", |status| {
        number(&status["plant"], "acked") > number(&pulled["plant"], "produced") + 50
    });
    assert_eq!(later["plant"]["dropped"], 0);
    // What is on this side of the cable goes on as well.
    demo.accounts_when(|accounts| {
        sum(accounts, "file", "delivered") > sum(accounts, "mes", "delivered") + 50
    });

    let children = demo.children();
    demo.ask("POST", "/api/v1/demo/kill").unwrap();
    let back = demo.when("/api/v1/demo", |status| status["restarts"] == 1);
    assert_eq!(back["cable"], "out");
    plcs_answer(&demo);
    let same = children.iter().filter(|pid| demo.children().contains(pid)).count();
    assert_eq!((children.len(), same), (3, 2), "only the node is another process");
    assert_eq!(demo.certificate(), certificate);
    assert!(demo.seen_from_elsewhere("/api/v1/demo").starts_with("HTTP/1.1 200 "), "the token is the same");

    demo.ask("POST", "/api/v1/demo/cable?state=in").unwrap();
    let drained = demo.accounts_when(|accounts| {
        BEHIND.iter().all(|sink| !is_red(accounts, sink) && waiting(accounts, sink) < 40)
    });
    closes(&drained);

    demo.signal(Signal::INT);
    let (status, said) = demo.ended();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the node is back after ") && said.contains("nothing is left"), "{said}");
    compare(&demo.folder, &said);
}

/// The plant's and the receiver's counts with those of the node's journal.
fn compare(folder: &Path, said: &str) {
    let numbers: Vec<u64> = said
        .lines()
        .last()
        .unwrap()
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let [measured, acknowledged, arrived, _twice] = numbers[..] else { panic!("{said}") };
    assert_eq!(measured, acknowledged);
    let output = run(&["journal", "inspect", "--json", folder.join("edge").to_str().unwrap()]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let queues =
        found["journals"].as_array().unwrap().iter().find(|journal| journal["journal"] == "queues").unwrap();
    let cursor = |name: &str| {
        queues["cursors"].as_array().unwrap().iter().find(|cursor| cursor["cursor"] == name).unwrap()
    };
    let both = |counts: &Value| number(counts, "process") + number(counts, "critical");
    for sink in ["ingest.mes", "ingest.centre", "ingest.file"] {
        let cursor = cursor(sink);
        assert_eq!(both(&cursor["lag"]), 0, "{cursor}");
        assert_eq!(both(&cursor["routed"]), both(&cursor["delivered"]), "{cursor}");
    }
    assert_eq!(
        both(&cursor("ingest.mes")["delivered"]),
        arrived,
        "what was delivered is what arrived, each once"
    );
}

#[test]
fn a_parent_that_is_killed_leaves_no_child_behind() {
    let dir = TempDir::new().unwrap();
    let mut demo = Demo::start(dir.path());
    demo.when("/api/v1/demo", |status| number(&status["plant"], "acked") > 0);
    let children = demo.children();
    assert_eq!(children.len(), 3);
    demo.signal(Signal::KILL);
    demo.child.wait().unwrap();
    let began = Instant::now();
    while children.iter().any(|pid| is_alive(*pid)) {
        assert!(began.elapsed() < PATIENCE, "a child lives on");
    }
}

/// A process that has ended and that nobody has waited for lives no more.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z"))
}

#[test]
fn a_wish_that_is_none_is_refused_and_a_node_by_itself_has_no_such_routes() {
    let dir = TempDir::new().unwrap();
    let demo = Demo::start(dir.path());
    let refused = request(demo.admin, "POST", "/api/v1/demo/cable?state=half").unwrap();
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &Value::from("TG-DM-006")));
    let alone = TempDir::new().unwrap();
    let node = crate::process::Node::start(alone.path());
    assert_eq!(node.admin_get("/api/v1/demo").status, 404);
}

#[test]
fn a_demonstration_whose_node_cannot_start_says_why_and_ends() {
    let dir = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["up", "--demo", "--data", dir.path().to_str().unwrap(), "--admin", &address]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("error[TG-DM-004]: the node ended by itself") && errors.contains("TG-ND-001"),
        "{errors}"
    );
}
