//! A gRPC client in another language: it sends on while the node is killed under it, resumes where the node says, and every reading
//! is in the file once.

use crate::counterpart::{Running, counterpart};
use crate::process::{Node, command_on, port_to_keep};
use crate::secure::{ask, case};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const SENDER: &str = include_str!("grpc_sender.py");
const READINGS: u64 = 6000;
const KILLS: u64 = 3;

/// Nothing where there is no grpcio; then the test has announced that.
fn python(test: &str) -> Option<PathBuf> {
    counterpart(
        "TIDEGATE_TEST_GRPC_PYTHON",
        &format!("grpc::{test}"),
        "a Python with grpcio and grpcio-tools",
    )
}

/// The script, on its way.
struct Device {
    running: Running,
    lives: u64,
}

impl Device {
    fn start(python: &PathBuf, port: u16, many: u64, repeat: u64) -> Device {
        Device::start_with(python, port, many, repeat, &[])
    }

    /// The same over TLS, with the files it needs for that.
    fn start_with(python: &PathBuf, port: u16, many: u64, repeat: u64, files: &[String]) -> Device {
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/grpc/proto");
        let mut command = Command::new(python);
        command
            .args(["-c", SENDER, &port.to_string(), proto, &many.to_string(), &repeat.to_string(), ""])
            .args(files);
        Device { running: Running::start(&mut command), lives: 0 }
    }

    /// Reads on until so much is acknowledged within the present life of the node.
    fn acked(&mut self, sequence: u64) {
        loop {
            let line = self.running.line();
            let (word, through) = line.split_once(' ').unwrap();
            self.lives += u64::from(word == "at");
            if word == "acked" && through.parse::<u64>().unwrap() >= sequence {
                return;
            }
        }
    }

    /// What it sent over all lives, and how many of that the node said it had before.
    fn ends(mut self) -> (u64, u64) {
        loop {
            let line = self.running.line();
            if let ["sent", sent, "duplicates", duplicates] = line.split(' ').collect::<Vec<_>>()[..] {
                assert_eq!(self.running.ended().status, Some(0));
                return (sent.parse().unwrap(), duplicates.parse().unwrap());
            }
        }
    }
}

#[test]
fn a_client_over_tls_with_a_certificate_of_its_own_is_served_and_one_without_is_not() {
    let test = "a_client_over_tls_with_a_certificate_of_its_own_is_served_and_one_without_is_not";
    let Some(python) = python(test) else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let mut command = command_on(dir.path(), 0, port);
    let (ca, cert, key) = (case("ca.pem"), case("server.pem"), case("server.key"));
    command.args(["--mqtts", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca]);
    let node = Node::start_with(command, dir.path());
    assert!(node.banner().contains("over TLS"), "{}", node.banner());
    let files = ["ca.pem", "client.pem", "client.key"].map(case);
    let device = Device::start_with(&python, port, READINGS, 0, &files);
    assert_eq!(device.ends(), (READINGS, 0));
    node.delivered(READINGS);
    once(&node.rows());
    assert!(ask(([127, 0, 0, 1], port).into(), false).is_err());
    let failed = "tidegate_tls_handshakes_total{outcome=\"failed\"}";
    node.metric_when(failed, |count| count == 1);
    assert_eq!(node.terminate().status, Some(0));
}

fn start(dir: &Path, port: u16) -> Node {
    Node::start_with(command_on(dir, 0, port), dir)
}

/// Each number is there, in one record of the journal; a row that comes again is marked as perhaps delivered before.
fn once(rows: &[Value]) {
    let mut by_number: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        by_number.entry(row["payload"].as_u64().unwrap()).or_default().push(row);
    }
    assert!(by_number.keys().copied().eq(1..=READINGS), "{} of {READINGS} are there", by_number.len());
    for of_number in by_number.values() {
        let [first, again @ ..] = &of_number[..] else { unreachable!("an entry has at least one row") };
        assert_eq!((&first["source"], &first["client"]), (&"grpc".into(), &"press-7".into()));
        assert!(again.iter().all(|row| row["replay"] == true && row["seq"] == first["seq"]), "{again:?}");
    }
}

/// Sends while the node is killed again and again, repeating so many at each return; sent and repeated.
fn survives(python: &PathBuf, repeat: u64) -> (u64, u64) {
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let mut node = start(dir.path(), port);
    let mut device = Device::start(python, port, READINGS, repeat);
    for kill in 1..=KILLS {
        device.acked(kill * READINGS / (KILLS + 1));
        node.kill();
        node = start(dir.path(), port);
    }
    let (sent, duplicates) = device.ends();
    let accounts = node.delivered(READINGS);
    once(&node.rows());
    let admission = &accounts["admission"];
    assert_eq!((&admission["accepted"], &admission["difference"]), (&READINGS.into(), &0.into()));
    assert!(sent >= READINGS + duplicates, "{sent} sent, {duplicates} of them twice");
    assert_eq!(node.terminate().status, Some(0));
    (sent, duplicates)
}

#[test]
fn a_client_whose_node_is_killed_resumes_where_the_node_says_and_nothing_is_lost_or_double() {
    let test = "a_client_whose_node_is_killed_resumes_where_the_node_says_and_nothing_is_lost_or_double";
    let Some(python) = python(test) else { return };
    let (_, duplicates) = survives(&python, 0);
    assert_eq!(duplicates, 0);
}

#[test]
fn a_client_that_repeats_what_it_is_not_sure_of_is_told_how_much_of_it_was_there() {
    let test = "a_client_that_repeats_what_it_is_not_sure_of_is_told_how_much_of_it_was_there";
    let Some(python) = python(test) else { return };
    let (_, duplicates) = survives(&python, 50);
    assert!(duplicates >= 50, "only {duplicates} duplicates after {KILLS} kills");
}

#[test]
fn an_orderly_end_of_the_node_is_no_loss_either() {
    let Some(python) = python("an_orderly_end_of_the_node_is_no_loss_either") else { return };
    let (dir, port) = (TempDir::new().unwrap(), port_to_keep());
    let node = start(dir.path(), port);
    let mut device = Device::start(&python, port, READINGS, 0);
    device.acked(READINGS / 2);
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{}{}", report.said, report.log);
    let node = start(dir.path(), port);
    let (_, duplicates) = device.ends();
    node.delivered(READINGS);
    once(&node.rows());
    assert_eq!((duplicates, node.terminate().status), (0, Some(0)));
}
