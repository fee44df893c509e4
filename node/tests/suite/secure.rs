//! A node with a certificate: MQTT and HTTP over TLS, for clients that check it.

use crate::counterpart::{Ended, Running, counterpart};
use crate::https::{self, Client};
use crate::process::{Node, PATIENCE, command, run};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

pub(crate) fn case(name: &str) -> String {
    format!("{}/tests/cases/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn start(dir: &TempDir, more: &[&str]) -> Node {
    start_as("server.pem", dir, more)
}

fn start_as(certificate: &str, dir: &TempDir, more: &[&str]) -> Node {
    let mut command = command(dir.path());
    command.args([
        "--mqtts",
        "127.0.0.1:0",
        "--tls-cert",
        &case(certificate),
        "--tls-key",
        &case("server.key"),
    ]);
    command.args(more);
    Node::start_with(command, dir.path())
}

fn mqtts(node: &Node) -> SocketAddr {
    let (_, rest) = node.banner().split_once("mqtts://").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

/// mosquitto_pub over TLS, with the authority it trusts.
fn publish(program: &PathBuf, node: &Node, more: &[&str]) -> Ended {
    let port = mqtts(node).port().to_string();
    let mut command = Command::new(program);
    command.args([
        "-h",
        "localhost",
        "-p",
        &port,
        "-q",
        "1",
        "-i",
        "press-7",
        "-t",
        "line/7/temp",
        "-m",
        "21.5",
    ]);
    command.args(more);
    Running::start(&mut command).ended()
}

fn mosquitto(test: &str) -> Option<PathBuf> {
    counterpart("TIDEGATE_TEST_MOSQUITTO_PUB", &format!("secure::{test}"), "mosquitto_pub")
}

#[test]
fn mosquitto_pub_publishes_over_tls_and_not_where_it_trusts_another_authority() {
    let test = "mosquitto_pub_publishes_over_tls_and_not_where_it_trusts_another_authority";
    let Some(program) = mosquitto(test) else { return };
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &[]);
    let ca = case("ca.pem");
    for version in ["tlsv1.2", "tlsv1.3"] {
        let ended = publish(&program, &node, &["--cafile", &ca, "--tls-version", version]);
        assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""), "{version}");
    }
    let other = case("client.pem");
    assert_ne!(publish(&program, &node, &["--cafile", &other]).status, Some(0));
    node.delivered(2);
    assert_eq!(node.metric("tidegate_tls_handshakes_total{outcome=\"done\"}"), Some(2));
    let report = node.terminate();
    assert_eq!(report.status, Some(0), "{report:?}");
}

#[test]
fn mosquitto_pub_needs_a_certificate_where_the_node_asks_for_one() {
    let Some(program) = mosquitto("mosquitto_pub_needs_a_certificate_where_the_node_asks_for_one") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let (ca, cert, key) = (case("ca.pem"), case("client.pem"), case("client.key"));
    let node = start(&dir, &["--tls-client-ca", &ca]);
    assert_ne!(publish(&program, &node, &["--cafile", &ca]).status, Some(0));
    let ended = publish(&program, &node, &["--cafile", &ca, "--cert", &cert, "--key", &key]);
    assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""));
    node.delivered(1);
}

/// Asks over TLS; the error where no hands are shaken.
pub(crate) fn ask(address: SocketAddr, with_certificate: bool) -> std::io::Result<String> {
    let client = with_certificate.then(|| (case("client.pem").into(), case("client.key").into()));
    https::get(address, &Client { roots: case("ca.pem").into(), client, token: None }, "/nothing")
}

#[test]
fn with_a_certificate_http_is_https_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &[]);
    let answer = ask(node.http(), false).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("TG-HT-001"), "{answer}");
    let mut plain = TcpStream::connect(node.http()).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut told = Vec::new();
    let _ = plain.read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
    assert_eq!(node.admin_get("/healthz").body, "alive\n");
}

#[test]
fn https_needs_a_certificate_where_the_node_asks_for_one() {
    let dir = TempDir::new().unwrap();
    let node = start(&dir, &["--tls-client-ca", &case("ca.pem")]);
    assert!(ask(node.http(), true).unwrap().starts_with("HTTP/1.1 404 "));
    assert!(ask(node.http(), false).is_err());
}

#[test]
fn a_key_that_does_not_match_ends_the_start_with_its_code() {
    let dir = TempDir::new().unwrap();
    let (cert, key) = (case("server.pem"), case("other.key"));
    let data = dir.path().join("data");
    let free = "127.0.0.1:0";
    let arguments =
        ["up", "--mqtt", free, "--http", free, "--mqtts", free, "--admin", free, "--tls-cert", &cert];
    let output = run(&[&arguments[..], &["--tls-key", &key, "--data", data.to_str().unwrap()]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && errors.contains("error[TG-TL-005]: "), "{errors}");
}

#[test]
fn an_expired_certificate_is_used_and_told_of() {
    let dir = TempDir::new().unwrap();
    let node = start_as("expired.pem", &dir, &[]);
    assert!(ask(node.http(), false).is_err());
    let log = node.terminate().log;
    assert!(log.contains("TG-TL-009") && log.contains("2021-01-01T00:00:00Z"), "{log}");
}
