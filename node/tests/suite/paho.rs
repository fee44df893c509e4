//! A device with paho-mqtt: it keeps its session, reconnects by itself, and sends again what was not acknowledged.

use crate::counterpart::{Running, counterpart};
use crate::process::{Node, command_at, port_to_keep};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const PUBLISHER: &str = include_str!("paho_publisher.py");

/// Nothing where there is no paho-mqtt; then the test has announced that.
fn python(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_PAHO_PYTHON", &format!("paho::{test}"), "a Python with paho-mqtt")
}

/// The script, connecting or connected.
struct Device(Running);

impl Device {
    fn start(python: &PathBuf, node: &Node, keep_alive_s: u16) -> Device {
        let mut command = Command::new(python);
        command.args(["-c", PUBLISHER, &node.mqtt().port().to_string(), &keep_alive_s.to_string()]);
        Device(Running::start(&mut command))
    }

    fn told(&mut self, order: &str, answer: &str) {
        self.0.tell(&format!("{order}\n"));
        assert_eq!(self.0.line(), answer, "to {order}");
    }

    fn ends(self) {
        let ended = self.0.ended();
        assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""));
    }
}

fn of_number(rows: &[Value], number: u64) -> Vec<&Value> {
    rows.iter().filter(|row| row["payload"] == number).collect()
}

#[test]
fn a_client_that_keeps_its_session_and_never_pings_is_served_and_finds_it_again() {
    let test = "a_client_that_keeps_its_session_and_never_pings_is_served_and_finds_it_again";
    let Some(python) = python(test) else { return };
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut device = Device::start(&python, &node, 0);
    device.told("publish 500", "published 500");
    device.told("acknowledged", "acknowledged 500");
    device.told("reconnect", "reconnected");
    device.told("publish 100", "published 600");
    device.told("acknowledged", "acknowledged 600");
    device.told("sessions", "False True");
    device.ends();
    node.delivered(600);
    let rows = node.rows();
    let numbers = rows.iter().map(|row| row["payload"].as_u64().unwrap());
    assert!(numbers.eq(0..600) && rows.iter().all(|row| row.get("dup").is_none()));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_client_that_pings_stays_connected_for_longer_than_its_keep_alive() {
    let Some(python) = python("a_client_that_pings_stays_connected_for_longer_than_its_keep_alive") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut device = Device::start(&python, &node, 3);
    device.told("publish 1", "published 1");
    node.metric_when("tidegate_broker_packets_total{direction=\"in\",type=\"PINGREQ\"}", |pings| pings >= 2);
    device.told("publish 1", "published 2");
    device.told("acknowledged", "acknowledged 2");
    device.told("sessions", "False");
    device.ends();
    assert_eq!(node.metric("tidegate_broker_connections_total"), Some(1));
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_client_whose_node_is_killed_comes_back_and_sends_again_what_was_not_acknowledged() {
    let test = "a_client_whose_node_is_killed_comes_back_and_sends_again_what_was_not_acknowledged";
    let Some(python) = python(test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let node = Node::start_with(command_at(dir.path(), port), dir.path());
    let mut device = Device::start(&python, &node, 0);
    device.told("publish 300", "published 300");
    device.told("acknowledged", "acknowledged 300");
    // A node that stands still reads nothing, so none of these is ever taken in by this life.
    node.freeze();
    device.told("publish 15", "published 315");
    node.kill();
    let node = Node::start_with(command_at(dir.path(), port), dir.path());
    device.told("acknowledged", "acknowledged 315");
    device.told("publish 100", "published 415");
    device.told("acknowledged", "acknowledged 415");
    device.told("sessions", "False True");
    device.ends();
    let accounts = node.delivered(415);
    let rows = node.rows();
    for number in 0..415 {
        let [first, again @ ..] = &of_number(&rows, number)[..] else { panic!("{number} is lost") };
        let is_resent = (300..315).contains(&number);
        assert_eq!(first.get("dup").is_some(), is_resent, "{first}");
        assert!(again.iter().all(|row| row["replay"] == true && row["seq"] == first["seq"]), "{again:?}");
    }
    let admission = &accounts["admission"];
    assert_eq!(
        (&admission["received"], &admission["crashes"], &admission["difference"]),
        (&json!(415), &json!(1), &json!(0))
    );
    assert_eq!(node.terminate().status, Some(0));
}
