//! Told to stop: what is on its way goes out first, and what could not is named.

use crate::mqtt::Client;
use crate::process::{Node, command};
use rustix::process::Signal;
use std::fs;
use tempfile::TempDir;

/// A folder in the place of the file: nobody can write there, not even root.
fn block(node: &Node) {
    fs::create_dir(node.file()).unwrap();
}

fn lagging(dir: &TempDir, drain_timeout: &str) -> Node {
    let mut command = command(dir.path());
    command.args(["--drain-timeout", drain_timeout]);
    let node = Node::start_with(command, dir.path());
    block(&node);
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    node
}

#[test]
fn a_node_with_nothing_left_says_so_and_ends_with_status_0() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    (0..100).for_each(|at| client.tell("line/7/temp", at.to_string().as_bytes()));
    client.publish("line/7/temp", b"100");
    let file = node.file();
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{report:?}");
    assert!(
        report.said.starts_with("drained in ") && report.said.ends_with("nothing is left\n"),
        "{report:?}"
    );
    assert!(report.log.contains("told to stop") && !report.log.contains("ERROR"), "{report:?}");
    assert_eq!(crate::process::rows(&file).len(), 101);
}

#[test]
fn a_node_that_could_not_deliver_names_what_is_left_and_ends_with_status_3() {
    let dir = TempDir::new().unwrap();
    let report = lagging(&dir, "0").terminate();
    assert_eq!(report.status, Some(3), "{report:?}");
    assert!(
        report.said.contains("left behind:\n  ingest: sink file: 1 readings not delivered"),
        "{report:?}"
    );
    fs::remove_dir(dir.path().join("ingest/readings.ndjson")).unwrap();
    let node = Node::start(dir.path());
    node.delivered(1);
    assert_eq!(node.rows()[0]["replay"], true);
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = TempDir::new().unwrap();
    let mut node = lagging(&dir, "3600");
    node.signal(Signal::TERM);
    // Unready means that the first signal has been heard.
    node.unready();
    node.signal(Signal::INT);
    let report = node.ended();
    assert_eq!((report.status, report.said.as_str()), (Some(130), ""), "{report:?}");
}

#[test]
fn a_draining_node_is_unready_and_still_answers() {
    let dir = TempDir::new().unwrap();
    let mut node = lagging(&dir, "3600");
    node.signal(Signal::TERM);
    let reasons = node.unready();
    assert_eq!((&reasons["ready"], &reasons["reasons"][0]["capability"]), (&false.into(), &"broker".into()));
    fs::remove_dir(node.file()).unwrap();
    let report = node.ended();
    assert_eq!(report.status, Some(0), "{report:?}");
}
