//! A panic of one capability, planted, while the others serve: what panics is started again, and what does it too often is given up.

use crate::http::ask;
use crate::mqtt::{Client, publish};
use crate::process::{Node, PATIENCE, command, pass};
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tidegate_codec_mqtt::{Connect, Delivery, Packet, PacketId, Text};
use tokio::net::TcpSocket;
use tokio::runtime::Builder;

const PANICS: &str = "tidegate_capability_panics_total{capability=\"ingest\"}";
const RUNNING: &str = "tidegate_capability_running_state{capability=\"ingest\"}";

/// Publishes what ingest panics on; the broker offers it again and again, for less than half of this keep-alive.
fn poison(node: &Node, keep_alive: u16) -> Client {
    let mut connect = Connect::new(Text::new("poison").unwrap());
    connect.keep_alive_s = keep_alive;
    let mut client = Client::introduce(node.mqtt(), connect).unwrap();
    let delivery = Delivery::AtLeastOnce { id: PacketId::MAX, dup: false };
    client.send(&publish("planted/panic/taking", b"x", delivery)).unwrap();
    client
}

/// What does not need ingest serves: a retained message reaches a new subscriber, management answers.
fn others_serve(node: &Node) {
    let mut subscriber = Client::connect(node.mqtt(), "panel");
    subscriber.subscribe("plant/#");
    let heard = subscriber.hears();
    assert!(heard.retain && *heard.payload == *b"open", "{heard:?}");
    subscriber.disconnect();
    assert_eq!(node.admin_get("/healthz").status, 200);
    assert_eq!(node.admin_get("/api/v1/history").status, 200);
}

/// The accounts once the file has so many rows for good.
fn delivered(node: &Node, rows: u64) -> Value {
    node.accounts_when(|accounts| {
        let sinks = accounts["sinks"].as_array().unwrap_or_else(|| panic!("no accounts: {accounts}"));
        let of_file = sinks.iter().filter(|sink| sink["sink"] == "file");
        of_file.map(|sink| sink["delivered"].as_u64().unwrap()).sum::<u64>() == rows
    })
}

fn closes(accounts: &Value) {
    let admission = &accounts["admission"];
    let differences =
        [&admission["difference"], &admission["sources_difference"], &accounts["routing"]["difference"]];
    assert!(differences.iter().all(|difference| **difference == 0), "{accounts}");
    let sinks = accounts["sinks"].as_array().unwrap();
    assert!(sinks.iter().all(|sink| sink["difference"] == 0), "{accounts}");
}

fn start(dir: &Path) -> Node {
    let (file, data) = (dir.join("site.toml"), dir.join("data"));
    let model = "[ingest.templates.press.tags]\ntemp = { unit = \"C\" }\n\
                 [ingest.devices.presses]\ntopic = \"press/+\"\ntemplate = \"press\"\n";
    std::fs::write(&file, model).unwrap();
    let mut command = command(&data);
    command.arg("--config").arg(&file);
    Node::start_with(command, &data)
}

fn retain(node: &Node) {
    let mut client = Client::connect(node.mqtt(), "gate");
    let delivery = Delivery::AtLeastOnce { id: PacketId::MAX, dup: false };
    let Packet::Publish(mut message) = publish("plant/gate", b"open", delivery) else {
        panic!("a publication")
    };
    message.retain = true;
    client.send(&Packet::Publish(message)).unwrap();
    assert!(matches!(client.receive().unwrap(), Some(Packet::Puback(_))));
    client.disconnect();
}

#[test]
fn ingest_panics_in_a_loop_while_others_serve_and_the_accounts_close() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    retain(&node);
    let mut client = Client::connect(node.mqtt(), "press-7");
    (0..20).for_each(|_| client.publish("line/7/temp", b"20.5"));
    let mut poison = poison(&node, 4);
    let panics = node.metric_when(PANICS, |panics| panics >= 3);
    others_serve(&node);
    // Its publication is held back, and at last given up with the connection; nothing acknowledges it.
    assert!(!matches!(poison.receive(), Ok(Some(_))));
    node.metric_when(RUNNING, |runs| runs == 1);
    (0..20).for_each(|_| client.publish("line/7/temp", b"21.5"));
    let accounts = delivered(&node, 41);
    closes(&accounts);
    assert_eq!(accounts["admission"]["accepted"], 41);
    assert!(accounts["admission"]["crashes"].as_u64().unwrap() >= panics, "{accounts}");
    assert_eq!(node.admin_get("/readyz").status, 200);
    let report = node.terminate();
    assert!(report.status == Some(0) && report.log.contains("TG-SV-001"), "{report:?}");
}

#[test]
fn what_is_in_the_journal_is_acknowledged_though_ingest_panics_behind_it() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    for round in 1..=3 {
        client.publish("planted/panic/counting", b"x");
        node.metric_when(PANICS, |panics| panics == round);
        client.publish("line/7/temp", b"20.5");
    }
    let accounts = delivered(&node, 6);
    closes(&accounts);
    assert_eq!(accounts["admission"]["accepted"], 6);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn ingest_that_panics_too_often_is_given_up_with_a_code_and_others_serve_on() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    retain(&node);
    let _poison = poison(&node, 0);
    node.metric_when(PANICS, |panics| panics == 8);
    let reasons = node.unready()["reasons"].to_string();
    assert!(reasons.contains("ingest") && reasons.contains("TG-SV-002"), "{reasons}");
    others_serve(&node);
    let answer = ask(
        node.http(),
        "POST /v1/readings",
        "Content-Type: application/json\r\n",
        r#"{"readings":[{"topic":"a","payload":"1"}]}"#,
    );
    assert!(answer.status == 503 && answer.body.contains("TG-IN-009"), "{answer:?}");
    let report = node.terminate();
    assert!(report.log.contains("TG-SV-002"), "{report:?}");
    let again = start(dir.path());
    closes(&again.accounts());
    let mut client = Client::connect(again.mqtt(), "press-7");
    client.publish("line/7/temp", b"20.5");
    closes(&delivered(&again, 2));
    assert_eq!(again.terminate().status, Some(0));
}

/// A connection from the address whose connections panic the listener that accepts them.
fn knock(listener: SocketAddr) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 66, 66, 66), 0).into())?;
        socket.connect(listener).await.map(drop)
    })
}

/// Panics a listener until it is given up, and sees that nobody can connect to it then.
fn give_up(node: &Node, capability: &str, listener: SocketAddr) {
    let panics = format!("tidegate_capability_panics_total{{capability=\"{capability}\"}}");
    for panic in 1..=8 {
        knock(listener).unwrap();
        node.metric_when(&panics, |panics| panics == panic);
    }
    let began = Instant::now();
    while TcpStream::connect(listener).is_ok() {
        assert!(began.elapsed() < PATIENCE, "{capability} still has its socket");
        pass(Duration::from_millis(10));
    }
    let reasons = node.unready()["reasons"].clone();
    let has_failed = |reason: &Value| {
        reason["capability"] == capability && reason["reason"].as_str().unwrap().contains("TG-SV-002")
    };
    assert!(reasons.as_array().unwrap().iter().any(has_failed), "{reasons}");
}

#[test]
fn a_listener_that_is_given_up_lets_go_of_its_socket_and_others_serve_on() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    give_up(&node, "http", node.http());
    let grpc = node.banner().split("grpc://").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    give_up(&node, "grpc", grpc.parse().unwrap());
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("line/7/temp", b"20.5");
    give_up(&node, "broker", node.mqtt());
    assert_eq!(node.admin_get("/healthz").status, 200);
    closes(&delivered(&node, 1));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_book_that_panics_in_a_loop_is_given_up_with_a_code_while_others_serve_and_is_back_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let (file, data) = (dir.path().join("books.toml"), dir.path().join("data"));
    std::fs::write(&file, "[ledger.books.main]\n[ledger.books.other]\n").unwrap();
    let start = || {
        let mut command = command(&data);
        command.arg("--config").arg(&file);
        Node::start_with(command, &data)
    };
    let open = |node: &Node, book: &str, name: &str| {
        let body = json!({"name": name, "currency": "CNY"}).to_string();
        ask(node.http(), &format!("POST /v1/ledger/{book}/accounts"), "", &body)
    };
    let node = start();
    assert_eq!(open(&node, "main", "till").status, 200);
    while node.metric("tidegate_ledger_panics_total{book=\"main\"}").unwrap() < 8 {
        let answer = open(&node, "main", "planted.panic.deciding");
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let began = Instant::now();
    while !node.unready()["reasons"].to_string().contains("TG-LE-045") {
        assert!(began.elapsed() < PATIENCE, "{}", node.unready());
    }
    let closed = open(&node, "main", "more");
    assert!(closed.status == 503 && closed.body.contains("TG-LE-032"), "{closed:?}");
    assert_eq!(open(&node, "other", "till").status, 200);
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"20.5");
    let report = node.terminate();
    assert!(report.status == Some(0) && report.log.contains("TG-LE-044"), "{report:?}");
    let again = start();
    assert_eq!(again.admin_get("/readyz").status, 200);
    assert_eq!(open(&again, "main", "more").status, 200);
    assert_eq!(ask(again.http(), "GET /v1/ledger/main/accounts/till", "", "").status, 200);
    assert_eq!(again.terminate().status, Some(0));
}
