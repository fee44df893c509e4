//! `tidegate backup` of a node at work, and a node on what `tidegate restore` makes of it.

use crate::mqtt::Client;
use crate::process::{Node, command, run};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

fn publish(node: &Node, numbers: std::ops::Range<u32>) {
    let mut client = Client::connect(node.mqtt(), "press-7");
    for number in numbers {
        client.publish("line/7/temp", number.to_string().as_bytes());
    }
}

fn start(dir: &Path) -> Node {
    Node::start_with(command(dir), dir)
}

fn succeeded(output: &Output) -> Value {
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn last_seq(said: &Value, journal: &str) -> u64 {
    let journals = said["journals"].as_array().unwrap();
    journals.iter().find(|said| said["journal"] == journal).unwrap()["last_seq"].as_u64().unwrap()
}

#[test]
fn what_was_backed_up_of_a_node_at_work_is_a_node_again_to_its_end_and_to_a_record() {
    for [one, two] in [["one", "two"], ["one.tar", "two.tar"]] {
        is_a_node_again(one, two);
    }
}

fn is_a_node_again(one: &str, two: &str) {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let node = start(&dir.path().join("data"));
    publish(&node, 0..100);
    node.delivered(100);
    let full = succeeded(&run(&["backup", &at("data"), "--to", &at(one), "--json"]));
    publish(&node, 100..150);
    node.delivered(150);
    let more = ["backup", &at("data"), "--to", &at(two), "--since", &at(one), "--json"];
    let more = succeeded(&run(&more));
    node.kill();

    let check = succeeded(&run(&["restore", &at(one), &at(two), "--check", "--json"]));
    assert_eq!(last_seq(&check, "queues"), last_seq(&more, "queues"));
    let whole = ["restore", &at(one), &at(two), "--to", &at("whole"), "--json"];
    assert_eq!(last_seq(&succeeded(&run(&whole)), "queues"), last_seq(&more, "queues"));
    succeeded(&run(&["journal", "verify", &at("whole"), "--json"]));
    let node = start(&dir.path().join("whole"));
    let accounts = node.accounts_when(|accounts| accounts["admission"]["accepted"] == 150);
    assert_eq!(accounts["admission"]["difference"], 0);
    publish(&node, 150..160);
    node.accounts_when(|accounts| accounts["admission"]["accepted"] == 160);
    assert_eq!(node.terminate().status, Some(0));

    let place = format!("queues:{}", last_seq(&full, "queues"));
    let part = ["restore", &at(one), &at(two), "--to", &at("part"), "--until-record", &place, "--json"];
    assert_eq!(last_seq(&succeeded(&run(&part)), "queues"), last_seq(&full, "queues"));
    let node = start(&dir.path().join("part"));
    node.accounts_when(|accounts| accounts["admission"]["accepted"] == 100);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn what_cannot_be_a_backup_or_a_target_has_a_code_and_a_hint() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let node = start(&dir.path().join("data"));
    assert_eq!(node.terminate().status, Some(0));
    let refused = |words: &[&str], code: &str| {
        let output = run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(&format!("error[{code}]: ")) && said.contains("\nhint: "), "{said}");
        assert_eq!(output.status.code(), Some(1));
    };
    refused(&["restore", &at("data"), "--to", &at("new")], "TG-BK-001");
    refused(&["backup", &at("data"), "--to", &at("data")], "TG-BK-003");
    std::fs::write(dir.path().join("cut.tar"), [0; 700]).unwrap();
    refused(&["restore", &at("cut.tar"), "--check"], "TG-BK-001");
    refused(&["backup", &at("data"), "--to", &at("cut.tar")], "TG-BK-003");
    refused(&["backup", dir.path().to_str().unwrap(), "--to", &at("new")], "TG-JR-012");
    assert_eq!(
        run(&["restore", &at("one"), "--to", &at("new"), "--until-record", "shelf:1"]).status.code(),
        Some(2)
    );
}
