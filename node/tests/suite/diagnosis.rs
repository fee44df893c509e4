//! The watchdog of the real binary: an overload is dumped and told by a robot, and what operators can ask for while it runs.

use crate::counterpart::announce;
use crate::process::{Node, PATIENCE, command};
use rustix::process::{Pid, getpid};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// From the beginning of an overload to the message.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

/// A robot that takes every message, and hands on what it was sent.
fn robot() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, told)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let message = message(&mut stream);
            let body = "{\"errcode\":0,\"errmsg\":\"ok\"}";
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn message(stream: &mut TcpStream) -> String {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&read).contains("}}") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Status, head and body as they are.
fn get(node: &Node, path: &str, fields: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(node.admin()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let host = node.admin();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, answer[end + 4..].to_vec())
}

fn code(body: &[u8]) -> Value {
    serde_json::from_slice::<Value>(body).unwrap()["error"]["code"].clone()
}

/// A node with a robot and these settings of the watchdog.
fn watched(dir: &TempDir, settings: &str) -> (Node, Receiver<String>) {
    let (file, (robot, told)) = (dir.path().join("site.toml"), robot());
    let channel = format!(
        "[notice.channels.ops]\ntype = \"wecom\"\nurl = \"http://{robot}/send?key=k\"\n[probe]\n{settings}"
    );
    fs::write(&file, channel).unwrap();
    let data = dir.path().join("data");
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    (Node::start_with(command, &data), told)
}

/// Asks for the metrics without a pause until somebody was told; the message, and how long that took.
fn told_while_asked(node: &Node, told: &Receiver<String>) -> (String, Duration) {
    let began = Instant::now();
    loop {
        node.admin_get("/metrics");
        if let Ok(message) = told.try_recv() {
            return (message, began.elapsed());
        }
        assert!(began.elapsed() < PATIENCE, "nobody was told: {}", node.admin_get("/debug/dumps").body);
    }
}

#[test]
fn an_overload_is_dumped_first_and_told_once_and_the_dump_can_be_had() {
    let dir = TempDir::new().unwrap();
    let (node, told) = watched(&dir, "cpu_percent = 1\n");
    let (message, took) = told_while_asked(&node, &told);
    assert!(took < TOLD_WITHIN, "{took:?}");
    assert!(
        message.contains("the node has used up its processor quota") && message.contains("[high]"),
        "{message}"
    );
    let list = node.admin_get("/debug/dumps").json();
    let dump = &list["dumps"][0];
    let name = dump["name"].as_str().unwrap();
    assert!(message.contains(&format!("data/probe/{name}")), "{message}");
    let files: Vec<_> =
        dump["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(files, ["about.json", "tasks.json", "threads.txt", "cpu.pb.gz", "queues.json", "metrics.txt"]);
    let of = |file: &str| get(&node, &format!("/debug/dumps/{name}/{file}"), "");
    let about: Value = serde_json::from_slice(&of("about.json").2).unwrap();
    assert_eq!((&about["cause"], &about["missing"]), (&"cpu".into(), &serde_json::json!([])), "{about}");
    assert!(
        about["samples"].as_u64().unwrap() > 0 && !about["hottest"].as_array().unwrap().is_empty(),
        "{about}"
    );
    assert_eq!(of("cpu.pb.gz").2[..2], [0x1f, 0x8b]);
    let text = |file: &str| String::from_utf8(of(file).2).unwrap();
    assert!(text("metrics.txt").contains("\ntidegate_probe_quota_used_ratio "));
    let threads = text("threads.txt");
    assert!(threads.contains("\"committer\"") && threads.contains("\"data-plane\""), "{threads}");
    let queues: Value = serde_json::from_str(&text("queues.json")).unwrap();
    let readers: Vec<_> = queues["readers"].as_array().unwrap().iter().map(|one| &one["cursor"]).collect();
    assert!(readers.iter().any(|cursor| cursor.as_str().unwrap().contains("notice.ops")), "{queues}");
    // It goes on, and nobody is told again.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        node.admin_get("/metrics");
    }
    assert!(told.try_recv().is_err());
    let incidents = "tidegate_probe_incidents_total{cause=\"cpu\",outcome=\"told\"}";
    assert_eq!((node.metric(incidents), list["dumps"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(node.terminate().status, Some(0));
}

/// A control group of version 1 with a tenth of a processor, removed in the end.
struct Tenth(PathBuf);

impl Tenth {
    fn new() -> std::io::Result<Tenth> {
        let folder = PathBuf::from(format!("/sys/fs/cgroup/cpu/tidegate-test-{}", getpid().as_raw_nonzero()));
        fs::create_dir(&folder)?;
        let group = Tenth(folder);
        fs::write(group.0.join("cpu.cfs_period_us"), "100000")?;
        fs::write(group.0.join("cpu.cfs_quota_us"), "10000")?;
        Ok(group)
    }

    fn take(&self, pid: Pid) {
        fs::write(self.0.join("cgroup.procs"), pid.as_raw_nonzero().to_string()).unwrap();
    }
}

impl Drop for Tenth {
    fn drop(&mut self) {
        // Whoever was in it has ended; the group goes with the machine otherwise.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_node_that_may_use_a_tenth_of_a_processor_is_overloaded_by_a_tenth() {
    let test = "diagnosis::a_node_that_may_use_a_tenth_of_a_processor_is_overloaded_by_a_tenth";
    let group = match Tenth::new() {
        Ok(group) => group,
        Err(error) => return announce(test, &format!("no control group can be made for the CPU: {error}")),
    };
    let dir = TempDir::new().unwrap();
    let (node, told) = watched(&dir, "profile = \"1 s\"\n");
    group.take(node.pid());
    let quota = "tidegate_probe_quota_processors 0.1\n";
    let began = Instant::now();
    while !node.admin_get("/metrics").body.contains(quota) {
        assert!(began.elapsed() < PATIENCE, "the quota is not seen");
    }
    let (message, _) = told_while_asked(&node, &told);
    assert!(message.contains("of 0.10 processors") && message.contains("cpu.cfs_quota_us"), "{message}");
    drop(node);
}

#[test]
fn a_profile_and_the_tasks_are_for_operators_and_bad_questions_have_codes() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let (status, head, profile) = get(&node, "/debug/pprof/profile?seconds=1", "");
    assert_eq!((status, &profile[..2]), (200, &[0x1f, 0x8b][..]), "{head}");
    assert!(head.to_lowercase().contains("x-request-id: "), "{head}");
    for seconds in ["0", "61", "-1", "ten", ""] {
        let (status, _, body) = get(&node, &format!("/debug/pprof/profile?seconds={seconds}"), "");
        assert_eq!((status, code(&body)), (400, "TG-PB-001".into()), "{seconds}");
    }
    for path in ["20261126T141500Z-cpu/about.json", "..%2f..%2fnode.key/about.json", ".unfinished/about.json"]
    {
        let (status, _, body) = get(&node, &format!("/debug/dumps/{path}"), "");
        assert_eq!((status, code(&body)), (404, "TG-PB-004".into()), "{path}");
    }
    let doing = node.admin_get("/debug/tasks").json();
    let tasks: Vec<_> = doing["tasks"].as_array().unwrap().iter().map(name_of).collect();
    for expected in [
        "ingest/sink file",
        "broker/listener",
        "admin/listener",
        "ingest/register",
        "probe/heart of exporter",
    ] {
        assert!(tasks.iter().any(|task| task == expected), "{expected} is not in {tasks:?}");
    }
    let listener = doing["tasks"].as_array().unwrap().iter().find(|task| name_of(task) == "broker/listener");
    assert_eq!(listener.unwrap()["waits_on"], "a connection");
    let runtimes: Vec<_> = doing["runtimes"].as_array().unwrap().iter().map(|one| &one["runtime"]).collect();
    assert_eq!(runtimes, ["data-plane", "exporter", "devices"]);
    assert!(doing["threads"].as_array().unwrap().iter().any(|thread| thread["name"] == "watchdog"));
    assert_eq!(node.terminate().status, Some(0));
}

fn name_of(task: &Value) -> String {
    format!("{}/{}", task["capability"].as_str().unwrap(), task["name"].as_str().unwrap())
}

#[test]
fn there_is_one_profile_at_a_time_and_a_token_without_a_role_has_none() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("site.toml");
    // SHA-256 of "abc".
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    fs::write(&file, format!("[identity.devices.press]\nsha256 = \"{digest}\"\nscopes = [\"publish:a\"]\n"))
        .unwrap();
    let data = dir.path().join("data");
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    let node = Node::start_with(command, &data);
    // press:abc
    let device = "authorization: Basic cHJlc3M6YWJj\r\n";
    for path in ["/debug/pprof/profile?seconds=1", "/debug/tasks", "/debug/dumps"] {
        let (status, _, body) = get(&node, path, device);
        assert_eq!((status, code(&body)), (403, "TG-ID-004".into()), "{path}");
    }
    let mut both = std::thread::scope(|scope| {
        let asked = [(); 2].map(|()| scope.spawn(|| get(&node, "/debug/pprof/profile?seconds=3", "")));
        asked.map(|asked| asked.join().unwrap())
    });
    both.sort_by_key(|(status, ..)| *status);
    assert_eq!((both[0].0, both[1].0, code(&both[1].2)), (200, 409, "TG-PB-002".into()));
    assert_eq!(node.terminate().status, Some(0));
}
