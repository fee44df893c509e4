//! Capabilities in processes of their own: the broker goes on while the pipeline's process is killed for its memory, and nothing that was
//! acknowledged is missing once that is back.

use crate::http::ask;
use crate::mqtt::Client;
use crate::process::{Node, PATIENCE, command, command_at, pass, port_to_keep, run};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_kernel_lab::Cell;

/// Of new memory, from when the process is put in: less than its telemetry may take.
const CELL_BYTES: u64 = 24 << 20;
const LARGE_BYTES: usize = 100 << 10;
const LARGE_MAX: usize = 2000;

fn broker(dir: &Path, port: u16) -> Node {
    let file = dir.join("front.toml");
    fs::write(&file, "[mqtt]\nqueue_bytes_max = \"64 MiB\"\n").unwrap();
    let data = dir.join("front");
    let mut command = command_at(&data, port);
    command.args(["--only", "broker", "--config"]).arg(file);
    Node::start_with(command, &data)
}

fn pipeline(dir: &Path, front: u16) -> Command {
    let file = dir.join("back.toml");
    let settings = format!(
        "[node]\nonly = [\"ingest\"]\n[ingest]\ntelemetry = [\"live/#\"]\ntelemetry_bytes_max = \"256 MiB\"\n[external.brokers.front]\n\
         url = \"mqtt://127.0.0.1:{front}\"\nclient_id = \"pipeline\"\nfilters = [\"line/#\", \"live/#\"]\n"
    );
    fs::write(&file, settings).unwrap();
    let mut command = command(&dir.join("back"));
    command.arg("--config").arg(file);
    command
}

fn is_ready(node: &Node) {
    let began = Instant::now();
    while node.admin_get("/readyz").status != 200 {
        assert!(began.elapsed() < PATIENCE, "{:?}", node.admin_get("/readyz"));
        pass(Duration::from_millis(10));
    }
}

/// Publishes numbers, each of which is acknowledged.
fn publish(client: &mut Client, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| client.publish("line/7/temp", number.to_string().as_bytes()));
}

/// Waits until all of these are in the file.
fn arrive(node: &Node, numbers: std::ops::Range<u64>) {
    let began = Instant::now();
    let wanted: BTreeSet<u64> = numbers.collect();
    loop {
        let rows = node.rows();
        let numbers: BTreeSet<u64> = rows.iter().filter_map(|row| row["payload"].as_u64()).collect();
        if wanted.is_subset(&numbers) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "missing: {:?}", wanted.difference(&numbers));
        pass(Duration::from_millis(10));
    }
}

/// Fills the pipeline's memory with telemetry until the system kills it.
fn exhaust(client: &mut Client, back: &mut Node, cell: &Cell) {
    cell.admit(back.pid().as_raw_nonzero().get().unsigned_abs()).unwrap();
    let large = vec![b'x'; LARGE_BYTES];
    for number in 0..LARGE_MAX {
        if back.has_ended() {
            return;
        }
        client.publish(&format!("live/{number}"), &large);
    }
}

/// Says in the report what could not be tried here.
fn announce(test: &str, reason: &str) {
    let file =
        std::env::var("TIDEGATE_TEST_SKIPS").unwrap_or_else(|_| panic!("needs a control group: {reason}"));
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, "SKIP {test}: no control group, so it is killed by a signal: {reason}").unwrap();
}

#[test]
fn the_pipelines_process_is_killed_for_its_memory_while_the_brokers_serves_and_comes_back() {
    let test =
        "apart::the_pipelines_process_is_killed_for_its_memory_while_the_brokers_serves_and_comes_back";
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let front = broker(dir.path(), port);
    let mut back = Node::start_with(pipeline(dir.path(), port), &dir.path().join("back"));
    is_ready(&back);
    let mut client = Client::connect(front.mqtt(), "press-7");
    publish(&mut client, 0..20);
    arrive(&back, 0..20);
    match Cell::new(CELL_BYTES) {
        Ok(cell) => exhaust(&mut client, &mut back, &cell),
        Err(reason) => {
            announce(test, &reason);
            back.signal(Signal::KILL);
        }
    }
    assert_eq!(back.ended().status, None, "a signal ends it");
    let mut panel = Client::connect(front.mqtt(), "panel");
    panel.subscribe("line/#");
    publish(&mut client, 20..40);
    (20..40_u64).for_each(|number| assert_eq!(*panel.hears().payload, *number.to_string().as_bytes()));
    let back = Node::start_with(pipeline(dir.path(), port), &dir.path().join("back"));
    arrive(&back, 0..40);
    let accounts = back.accounts();
    assert_eq!(
        (&accounts["admission"]["difference"], &accounts["admission"]["crashes"]),
        (&0.into(), &1.into())
    );
    assert!(accounts["sinks"].as_array().unwrap().iter().all(|sink| sink["difference"] == 0), "{accounts}");
    assert_eq!(back.terminate().status, Some(0));
    assert_eq!(front.terminate().status, Some(0));
}

#[test]
fn what_runs_elsewhere_is_said_with_a_code_and_what_cannot_run_alone_is_refused() {
    let dir = TempDir::new().unwrap();
    let front = broker(dir.path(), 0);
    for path in ["/api/v1/ingest/accounts", "/api/v1/alarms", "/api/v1/notice/channels"] {
        let answer = front.admin_get(path);
        assert!(answer.status == 404 && answer.body.contains("TG-SV-004"), "{path}: {answer:?}");
    }
    let node: Value = front.admin_get("/api/v1/node").json();
    let capabilities = node["capabilities"].as_array().unwrap();
    assert!(capabilities.contains(&"broker".into()) && !capabilities.contains(&"ingest".into()), "{node}");
    assert_eq!(front.terminate().status, Some(0));
    for (named, code) in [("history", "TG-SV-003"), ("ledger", "TG-SV-006"), ("broker,ledger", "TG-SV-006")] {
        let data = dir.path().join("alone");
        let refused = run(&["up", "--only", named, "--data", data.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains(code) && said.contains("hint:"), "{said}");
        assert!(!data.exists(), "nothing is made for {named}");
    }
}

#[test]
fn the_books_alone_take_orders_over_http_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("books.toml"), dir.path().join("data"));
    fs::write(&file, "[node]\nonly = [\"ledger\"]\n[ledger.books.main]\n").unwrap();
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    let node = Node::start_with(command, &data);
    assert!(node.banner().contains("books over HTTP/1.1"), "{}", node.banner());
    assert!(!node.banner().contains("mqtt://") && !node.banner().contains("grpc://"), "{}", node.banner());
    let account = r#"{"name":"till","currency":"CNY"}"#;
    assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", "", account).status, 200);
    assert_eq!(ask(node.http(), "GET /v1/ledger/main/accounts/till", "", "").status, 200);
    assert_eq!(ask(node.http(), "POST /v1/readings", "", "[]").status, 404);
    let capabilities = node.admin_get("/api/v1/node").json()["capabilities"].clone();
    let capabilities = capabilities.as_array().unwrap();
    assert!(
        capabilities.contains(&"ledger".into()) && !capabilities.contains(&"ingest".into()),
        "{capabilities:?}"
    );
    let end = node.terminate();
    assert!(end.status == Some(0) && end.said.contains("nothing is left"), "{} {}", end.said, end.log);
}
