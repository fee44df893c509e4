//! What the command line refuses, with a code, a hint and a status.

use crate::process::{Node, run};
use std::process::Output;
use tempfile::TempDir;

fn refused(output: &Output, code: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("error[{code}]: ")) && errors.contains("\nhint: "), "{errors}");
}

#[test]
fn an_address_others_can_reach_is_refused_and_nothing_is_made() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    for option in ["--mqtt", "--http", "--grpc", "--admin"] {
        refused(&run(&["up", "--data", data.to_str().unwrap(), option, "0.0.0.0:0"]), "TG-ND-002");
    }
    assert!(!data.exists());
}

#[test]
fn a_port_in_use_is_refused_and_counts_as_no_crash() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = Node::start(dir.path());
    let (mqtt, admin) = (node.mqtt().to_string(), node.admin().to_string());
    let data = other.path().to_str().unwrap();
    refused(
        &run(&[
            "up",
            "--data",
            data,
            "--mqtt",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "127.0.0.1:0",
            "--admin",
            &admin,
        ]),
        "TG-ND-001",
    );
    refused(
        &run(&[
            "up",
            "--data",
            data,
            "--mqtt",
            &mqtt,
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ]),
        "TG-MQ-120",
    );
    let node = Node::start(other.path());
    assert_eq!(node.accounts()["admission"]["crashes"], 0);
}

#[test]
fn a_data_folder_in_use_is_refused() {
    let dir = TempDir::new().unwrap();
    let _node = Node::start(dir.path());
    let data = dir.path().to_str().unwrap();
    refused(
        &run(&[
            "up",
            "--data",
            data,
            "--mqtt",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ]),
        "TG-JR-010",
    );
}

#[test]
fn the_banner_says_where_everything_is() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let banner = node.banner();
    for part in [
        &format!("mqtt://{}", node.mqtt()),
        &format!("http   http://{}", node.http()),
        &format!("http://{}", node.admin()),
        dir.path().to_str().unwrap(),
    ] {
        assert!(banner.contains(part), "{part} in {banner}");
    }
    assert!(banner.contains(&format!("mosquitto_pub -h 127.0.0.1 -p {}", node.mqtt().port())));
    assert!(banner.contains(node.file().to_str().unwrap()));
}

#[test]
fn an_error_code_is_explained_and_an_unknown_one_refused() {
    let output = run(&["explain", "tg-jr-010"]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("# TG-JR-010: "));
    refused(&run(&["explain", "TG-XX-999"]), "TG-ND-003");
    let list = String::from_utf8(run(&["explain"]).stdout).unwrap();
    assert!(list.lines().any(|line| line.starts_with("TG-FI-001: ")) && list.lines().count() > 50);
}

#[test]
fn a_secret_is_printed_once_with_the_lines_that_let_its_bearer_in() {
    let said = |what| String::from_utf8(run(&["identity", what, "press-7"]).stdout).unwrap();
    let (secret, token) = (said("secret"), said("token"));
    assert!(secret.contains("[identity.devices.press-7]\n") && token.contains("[identity.tokens.press-7]\n"));
    assert_ne!(secret.lines().nth(1), said("secret").lines().nth(1));
    refused(&run(&["identity", "token", "a b"]), "TG-ID-010");
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_status_2() {
    assert_eq!(run(&["up", "--mqtt", "here"]).status.code(), Some(2));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}
