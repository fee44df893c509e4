//! Books at a node: orders over HTTP, and what is written down about who sent them.

use crate::http::ask;
use crate::process::{Answer, Node, PATIENCE, Ports, command_with};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, Id, SystemClock};

const CONFIG: &str = "[ledger]\nscrub = \"200 ms\"\nsnapshot_facts = 1000\n[ledger.books.main]\n";

pub(crate) fn start(data: &Path, file: &Path, ports: Ports) -> Node {
    let mut command = command_with(data, ports);
    command.arg("--config").arg(file);
    Node::start_with(command, data)
}

pub(crate) fn open_accounts(node: &Node) {
    for (name, min) in [("source", i64::MIN), ("till", 0)] {
        let body = json!({"name": name, "currency": "CNY", "min": min}).to_string();
        assert_eq!(ask(node.http(), "POST /v1/ledger/main/accounts", "", &body).status, 200);
    }
}

fn order(id: &str) -> String {
    let order = json!({"id": id, "kind": "transfer", "debit": "source", "credit": "till", "amount": 1});
    json!({"orders": [order]}).to_string()
}

pub(crate) fn balance(node: &Node, account: &str) -> Value {
    ask(node.http(), &format!("GET /v1/ledger/main/accounts/{account}"), "", "").json()
}

/// The answer to one order, if there is one; a node that is down gives none.
pub(crate) fn post(address: SocketAddr, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST /v1/ledger/main/transfers HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let cut = || io::Error::other("the answer was cut off");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

#[test]
fn who_sent_orders_is_in_the_audit_with_the_records_that_came_of_it() {
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("tidegate.toml"), dir.path().join("data"));
    fs::write(&file, CONFIG).unwrap();
    let node = start(&data, &file, Ports::default());
    open_accounts(&node);
    let answer = ask(
        node.http(),
        "POST /v1/ledger/main/transfers",
        "",
        &order(&Id::v7(SystemClock.wall_ms()).to_string()),
    );
    let seq = answer.json()["results"][0]["seq"].as_u64().unwrap();
    let refused = ask(
        node.http(),
        "POST /v1/ledger/main/transfers",
        "",
        &order("00000000-0000-0000-0000-00000000000x"),
    );
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (400, Some("TG-LE-036")));
    assert_eq!(node.terminate().status, Some(0));
    let folder = tidegate_kernel_journal::DataFolder::open(&data).unwrap();
    let limit = tidegate_kernel_journal::ReadLimit { records: 100, bytes: 1 << 20 };
    let (records, _) = folder.books().read(10, 0, limit).unwrap();
    let texts: Vec<_> =
        records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("anonymous") && text.contains("POST /v1/ledger/{book}/transfers"))
    );
    let detail = format!("1 accepted, 0 refused, records {seq} to {seq}");
    assert!(texts.iter().any(|text| text.contains(&detail)), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("TG-LE-036")), "{texts:?}");
}

#[test]
fn a_node_without_books_has_no_routes_for_them() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    assert_eq!(ask(node.http(), "GET /v1/ledger", "", "").status, 404);
}
