//! Books that move into a database and back at a node: the command, a start with the wrong gear, and a database that is gone while the node runs.

use crate::http::ask;
use crate::postgres::{PASSWORD, Server};
use crate::process::{Node, Ports, command_with, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, Id, SystemClock};

fn config(gear: &str, port: u16) -> String {
    format!(
        "[ledger]\ngear = \"{gear}\"\nscrub = \"200 ms\"\n[ledger.books.main]\n[ledger.postgres]\n\
         url = \"postgres://127.0.0.1:{port}/postgres\"\npassword = \"{PASSWORD}\"\nlease = \"3 s\"\n"
    )
}

fn start(data: &Path, file: &Path) -> Node {
    let mut command = command_with(data, Ports::default());
    command.arg("--config").arg(file);
    Node::start_with(command, data)
}

fn moved(data: &Path, file: &Path, to: &str) -> Output {
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    run(&["gear", "move", "ledger", "--to", to, "--data", data, "--config", file])
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn order() -> String {
    let id = Id::v7(SystemClock.wall_ms()).to_string();
    let order = json!({"id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": 7, "memo": "rent", "subject": "c-17"});
    json!({"orders": [order]}).to_string()
}

/// Of the newest order.
fn memo(node: &Node) -> Value {
    let page = ask(node.http(), "GET /v1/ledger/main/accounts/till/statement?many=1", "", "").json();
    page["facts"][0]["memo"].clone()
}

/// The status, and the code where it is refused.
fn send(node: &Node, body: &str) -> (u16, Value) {
    let answer = ask(node.http(), "POST /v1/ledger/main/transfers", "", body);
    (answer.status, answer.json()["error"]["code"].clone())
}

fn posted(node: &Node) -> Value {
    ask(node.http(), "GET /v1/ledger/main/accounts/till", "", "").json()["posted"].clone()
}

fn guarantees(node: &Node) -> Value {
    ask(node.http(), "GET /v1/ledger", "", "").json()["books"][0]["guarantees"].clone()
}

/// Books are opened behind the start.
fn when_open(node: &Node) {
    node.metric_when("tidegate_ledger_away_state{book=\"main\"}", |state| state == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn books_move_into_a_database_serve_from_it_outlive_its_outage_and_move_back() {
    let test = "gears::books_move_into_a_database_serve_from_it_outlive_its_outage_and_move_back";
    let Some(mut server) = Server::start(test).await else { return };
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("tidegate.toml"), dir.path().join("data"));
    fs::write(&file, config("embedded", server.port)).unwrap();
    let node = start(&data, &file);
    for (name, min) in [("source", i64::MIN), ("till", 0)] {
        let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
        assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", "", &body).status, 200);
    }
    let first = order();
    assert_eq!(send(&node, &first).0, 200);
    assert_eq!(guarantees(&node)["gear"], "embedded");
    let refused = moved(&data, &file, "postgres");
    assert!(words(&refused.stderr).contains("TG-JR-010"), "{refused:?}");
    assert_eq!(node.terminate().status, Some(0));

    let done = moved(&data, &file, "postgres");
    assert!(done.status.success() && words(&done.stdout).contains("the same on both sides"), "{done:?}");
    let mut wrong = command_with(&data, Ports::default());
    wrong.arg("--config").arg(&file);
    let report = Node::attempt(wrong, &data).err().expect("the gear is another one");
    assert!(report.log.contains("TG-LE-050") && report.log.contains("gear move"), "{}", report.log);

    fs::write(&file, config("postgres", server.port)).unwrap();
    let node = start(&data, &file);
    when_open(&node);
    let promised = guarantees(&node);
    assert_eq!((&promised["gear"], &promised["one_writer"]), (&json!("postgres"), &json!("epoch")));
    assert_eq!((send(&node, &first).0, posted(&node)), (200, json!(7)));
    assert_eq!(memo(&node), "rent");
    server.crash();
    node.metric_when("tidegate_ledger_away_state{book=\"main\"}", |state| state == 1);
    let second = order();
    assert_eq!(send(&node, &second), (503, json!("TG-LE-037")));
    assert!(node.unready().to_string().contains("main"), "{}", node.unready());
    server.again().await;
    when_open(&node);
    assert_eq!((send(&node, &second).0, posted(&node)), (200, json!(14)));
    node.metric_when("tidegate_ledger_sound_seq{book=\"main\"}", |seq| seq > 3);
    assert_eq!(node.metric("tidegate_ledger_differences_total{book=\"main\"}"), Some(0));
    assert_eq!(node.terminate().status, Some(0));

    let back = moved(&data, &file, "embedded");
    assert!(back.status.success(), "{back:?}");
    fs::write(&file, config("embedded", server.port)).unwrap();
    let node = start(&data, &file);
    assert_eq!((send(&node, &second).0, posted(&node)), (200, json!(14)));
    assert_eq!(memo(&node), "rent");
    assert_eq!(node.terminate().status, Some(0));
    // What is there for an auditor is the book that came back, with trees that begin anew.
    let verified = run(&["ledger", "verify", data.to_str().unwrap()]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(fs::read_dir(data.join("ledger-left")).unwrap().count() == 1);
}

#[test]
fn a_move_without_a_folder_or_a_database_is_refused_with_a_code() {
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("tidegate.toml"), dir.path().join("data"));
    fs::write(&file, "[ledger.books.main]\n").unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("TG-JR-012"));
    assert!(!data.exists());
    assert_eq!(start(&data, &file).terminate().status, Some(0));
    let refused = moved(&data, &file, "postgres");
    assert!(words(&refused.stderr).contains("TG-LE-052"), "{refused:?}");
    fs::write(&file, "[ledger]\ngear = \"postgres\"\n[ledger.books.main]\n").unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("where its database is"));
    // Nobody listens there.
    fs::write(&file, config("embedded", 9)).unwrap();
    assert!(words(&moved(&data, &file, "postgres").stderr).contains("TG-PG-001"));
    assert_eq!(start(&data, &file).terminate().status, Some(0));
}
