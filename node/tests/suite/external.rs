//! A broker that the site runs already: mosquitto, with a disk of its own, killed and restarted like the node beside it. Whatever it
//! acknowledged to its publisher is in the file; what is there twice is marked.

use crate::counterpart::counterpart;
use crate::mqtt::Client;
use crate::process::{Node, PATIENCE, command, pass, port_to_keep};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const READINGS: u64 = 10_000;

/// Nothing where there is no mosquitto; then the test has announced that.
fn mosquitto(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_MOSQUITTO", &format!("external::{test}"), "mosquitto")
}

/// A broker with persistence. Dropping it kills it.
struct Broker {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Broker {
    fn start(program: &Path, folder: &Path) -> Broker {
        let port = port_to_keep();
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             max_queued_messages 100000\nuser root\n",
            folder.display()
        );
        fs::write(folder.join("mosquitto.conf"), settings).unwrap();
        let child = Broker::run(program, folder, port);
        Broker { program: program.to_owned(), folder: folder.to_owned(), port, child }
    }

    fn run(program: &Path, folder: &Path, port: u16) -> Child {
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.join("mosquitto.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "mosquitto does not listen");
            pass(Duration::from_millis(10));
        }
        child
    }

    /// Ends in order, which writes its queues down, and comes back.
    fn restart(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap();
        self.child = Broker::run(&self.program, &self.folder, self.port);
    }

    fn publisher(&self) -> Client {
        Client::connect(([127, 0, 0, 1], self.port).into(), "press-7")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node that is a client at the broker.
fn start(dir: &Path, broker: &Broker, version: &str, qos: u8) -> Node {
    let file = dir.join("tidegate.toml");
    let settings = format!(
        "[external.brokers.hall]\nurl = \"mqtt://127.0.0.1:{}\"\nclient_id = \"tidegate-1\"\nfilters = [\"line/#\"]\n\
         version = \"{version}\"\nqos = {qos}\nretry_base = \"20 ms\"\nretry_cap = \"100 ms\"\n",
        broker.port
    );
    fs::write(&file, settings).unwrap();
    let mut command = command(dir);
    command.arg("--config").arg(&file);
    Node::start_with(command, dir)
}

fn connected(node: &Node) {
    node.metric_when("tidegate_external_connected_state{broker=\"hall\"}", |state| state == 1);
}

/// Each number is there, and comes again only where something says that it may have come before.
fn all_there(rows: &[Value], readings: u64) {
    let mut by_number: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        assert_eq!((&row["source"], &row["client"]), (&"external".into(), &"hall".into()), "{row}");
        by_number.entry(row["payload"].as_u64().unwrap()).or_default().push(row);
    }
    assert!(by_number.keys().copied().eq(0..readings), "{} of {readings} are there", by_number.len());
    for again in by_number.values().flat_map(|rows| &rows[1..]) {
        assert!(again["dup"] == true || again["replay"] == true, "{again} came before and does not say so");
    }
}

/// At least so many were taken, and all that were are delivered.
fn is_quiet(accounts: &Value, readings: u64) -> bool {
    let accepted = accounts["admission"]["accepted"].as_u64().unwrap();
    let sinks = accounts["sinks"].as_array().unwrap();
    let delivered: u64 = sinks.iter().map(|sink| sink["delivered"].as_u64().unwrap()).sum();
    accepted >= readings && delivered == accepted
}

/// The rows once each number is among them. Those that come twice count twice, so the accounts alone do not tell.
fn settled(node: &Node, readings: u64) -> Vec<Value> {
    let began = Instant::now();
    loop {
        node.accounts_when(|accounts| is_quiet(accounts, readings));
        let rows = node.rows();
        let numbers: BTreeSet<_> = rows.iter().filter_map(|row| row["payload"].as_u64()).collect();
        if numbers.len() as u64 >= readings || began.elapsed() > PATIENCE {
            return rows;
        }
    }
}

/// Publishes while the node is killed twice and the broker is restarted in between.
fn survives(program: &Path, version: &str) {
    let (dir, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut broker = Broker::start(program, folder.path());
    let mut node = Some(start(dir.path(), &broker, version, 1));
    connected(node.as_ref().unwrap());
    let mut publisher = broker.publisher();
    for number in 0..READINGS {
        match number * 10 / READINGS {
            2 | 7 => drop(node.take().map(Node::kill)),
            3 | 8 if node.is_none() => node = Some(start(dir.path(), &broker, version, 1)),
            _ => {}
        }
        if number == READINGS / 2 {
            broker.restart();
            publisher = broker.publisher();
        }
        publisher.publish("line/7/temp", number.to_string().as_bytes());
    }
    let node = node.unwrap();
    all_there(&settled(&node, READINGS), READINGS);
    assert_eq!(node.accounts()["admission"]["difference"], 0);
    assert_eq!(node.metric("tidegate_external_lost_sessions_total{broker=\"hall\"}"), Some(0));
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
}

#[test]
fn kills_of_the_node_and_restarts_of_the_broker_lose_nothing_at_mqtt_5() {
    let test = "kills_of_the_node_and_restarts_of_the_broker_lose_nothing_at_mqtt_5";
    let Some(program) = mosquitto(test) else { return };
    survives(&program, "5");
}

#[test]
fn kills_of_the_node_and_restarts_of_the_broker_lose_nothing_at_mqtt_3_1_1() {
    let test = "kills_of_the_node_and_restarts_of_the_broker_lose_nothing_at_mqtt_3_1_1";
    let Some(program) = mosquitto(test) else { return };
    survives(&program, "3.1.1");
}

#[test]
fn with_qos_2_restarts_of_the_broker_lose_nothing_and_what_comes_again_is_counted() {
    let test = "with_qos_2_restarts_of_the_broker_lose_nothing_and_what_comes_again_is_counted";
    let Some(program) = mosquitto(test) else { return };
    let (dir, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut broker = Broker::start(&program, folder.path());
    let node = start(dir.path(), &broker, "5", 2);
    connected(&node);
    for half in [0..500, 500..1000] {
        let mut publisher = broker.publisher();
        half.for_each(|number: u64| {
            publisher.publish_exactly_once("line/7/temp", number.to_string().as_bytes())
        });
        broker.restart();
    }
    let rows = settled(&node, 1000);
    all_there(&rows, 1000);
    assert!(rows.iter().all(|row| row["qos"] == 2));
    let repeats = node.metric("tidegate_external_repeats_total{broker=\"hall\"}");
    assert_eq!(repeats, Some(rows.len() as u64 - 1000));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_broker_that_cannot_be_reached_keeps_the_node_unready_and_not_down() {
    let (dir, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let test = "a_broker_that_cannot_be_reached_keeps_the_node_unready_and_not_down";
    let Some(program) = mosquitto(test) else { return };
    let mut broker = Broker::start(&program, folder.path());
    broker.child.kill().unwrap();
    broker.child.wait().unwrap();
    let node = start(dir.path(), &broker, "5", 1);
    node.metric_when("tidegate_external_setbacks_total{broker=\"hall\",code=\"TG-XB-001\"}", |count| {
        count >= 3
    });
    assert!(node.unready().to_string().contains("not connected to broker hall"));
    Client::connect(node.mqtt(), "press-8").publish("line/8/temp", b"1");
    broker.child = Broker::run(&program, folder.path(), broker.port);
    connected(&node);
    assert_eq!(node.admin_get("/readyz").status, 200);
    assert_eq!(node.terminate().status, Some(0));
}
