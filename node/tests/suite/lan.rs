//! A node that its neighbours may reach: TLS and a token everywhere they can, the same ones after a start.

use crate::https::{self, Client};
use crate::process::{Node, binary, run};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn start(data: &Path) -> Node {
    let mut command = Command::new(binary());
    command.args(["up", "--lan", "--data", data.to_str().unwrap()]);
    // Every port is a free one, and the addresses are those that `--lan` takes.
    for (option, address) in [
        ("--mqtt", "127.0.0.1:0"),
        ("--grpc", "0.0.0.0:0"),
        ("--admin", "127.0.0.1:0"),
        ("--http", "0.0.0.0:0"),
        ("--mqtts", "0.0.0.0:0"),
        ("--admin-tls", "0.0.0.0:0"),
    ] {
        command.args([option, address]);
    }
    Node::start_with(command, data)
}

/// What stands behind `label` in the banner.
fn line<'n>(node: &'n Node, label: &str) -> &'n str {
    let line = node.banner().lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("no {label:?} in {}", node.banner()))
}

fn word<'n>(node: &'n Node, label: &str) -> &'n str {
    line(node, label).split_whitespace().next().unwrap()
}

/// The port of the management listener, reached by loopback.
fn admin(node: &Node) -> SocketAddr {
    let url = word(node, "  lan    https://");
    let port = url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    format!("127.0.0.1:{port}").parse().unwrap()
}

fn fingerprint(data: &Path) -> String {
    let certificate = CertificateDer::from_pem_file(data.join("lan/certificate.pem")).unwrap();
    let pairs =
        digest(&SHA256, &certificate).as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
    pairs.join(":")
}

fn client(data: &Path, token: Option<&str>) -> Client {
    Client { roots: data.join("lan/certificate.pem"), client: None, token: token.map(str::to_owned) }
}

#[test]
fn neighbours_get_in_with_the_token_that_was_shown_and_only_with_it() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    let token = word(&node, "  token  ").to_owned();
    assert!(node.banner().contains(&fingerprint(dir.path())), "{}", node.banner());
    let http = SocketAddr::from(([127, 0, 0, 1], node.http().port()));
    for (address, method, path) in
        [(admin(&node), "GET", "/api/v1/ingest/accounts"), (http, "POST", "/write")]
    {
        let ask = |token| https::request(address, &client(dir.path(), token), method, path).unwrap();
        for refused in [ask(None), ask(Some("another"))] {
            assert!(refused.starts_with("HTTP/1.1 401 "), "{path}: {refused}");
        }
        assert!(!ask(Some(&token)).starts_with("HTTP/1.1 401 "), "{path}");
    }
    let reload = https::request(admin(&node), &client(dir.path(), Some(&token)), "POST", "/-/reload");
    assert!(!reload.unwrap().starts_with("HTTP/1.1 403 "), "the token is an operator's");
}

#[test]
fn after_a_kill_certificate_and_token_are_the_same_and_the_token_is_shown_no_more() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    let (token, first) = (word(&node, "  token  ").to_owned(), fingerprint(dir.path()));
    node.kill();
    let node = start(dir.path());
    assert_eq!(fingerprint(dir.path()), first);
    assert!(!node.banner().contains(&token), "{}", node.banner());
    assert!(line(&node, "  token  ").contains("lan/token.sha256 and start again"));
    let answer = https::get(admin(&node), &client(dir.path(), Some(&token)), "/api/v1/ingest/accounts");
    assert!(answer.unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn this_machine_asks_the_node_as_before() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path());
    assert!(node.admin().ip().is_loopback() && node.mqtt().ip().is_loopback());
    assert_eq!(node.accounts()["admission"]["difference"], 0);
}

#[test]
fn a_listener_over_tls_without_a_certificate_is_refused() {
    let dir = TempDir::new().unwrap();
    let output = run(&["up", "--data", dir.path().to_str().unwrap(), "--admin-tls", "127.0.0.1:0"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && errors.contains("error[TG-TL-010]: "), "{errors}");
}
