//! Commands of rules at a device: it gets each once, whatever happens to the node, and nobody else can give them.

use crate::mqtt::Client;
use crate::process::{Node, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const RULE: &str = "[ingest.rules.stop]\nwhen = \"`line/7/temp` > 90\"\ncommand = \"line/7/stop\"\n\
    command_came = \"1\"\ncommand_went = \"0\"\n";

fn start(data: &Path, config: &str) -> Node {
    fs::write(data.join("tidegate.toml"), config).unwrap();
    Node::start(data)
}

fn commands(node: &Node, wanted: impl Fn(&Value) -> bool) -> Value {
    let account = node.accounts_when(|accounts| wanted(&accounts["commands"]))["commands"].clone();
    assert_eq!(account["difference"], 0);
    account
}

#[test]
fn a_command_reaches_the_device_that_subscribed_and_its_story_names_the_reading() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path(), RULE);
    let mut actuator = Client::connect(node.mqtt(), "actuator-7");
    actuator.subscribe("line/7/stop");
    let mut sensor = Client::connect(node.mqtt(), "press-7");
    ["91", "95", "20"].iter().for_each(|value| sensor.publish("line/7/temp", value.as_bytes()));
    let came = actuator.hears();
    assert_eq!((&came.payload[..], came.retain), (&b"1"[..], false));
    assert_eq!(&actuator.hears().payload[..], b"0");
    let account = commands(&node, |account| account["published"] == 2);
    assert_eq!((&account["decided"], &account["waiting"]), (&json!(2), &json!(0)));
    node.delivered(3);
    let (row, admin) = (node.rows().remove(0), node.admin().to_string());
    let told = run(&["story", row["id"].as_str().unwrap(), "--json", "--admin", &admin]);
    let story: Value = serde_json::from_slice(&told.stdout).unwrap();
    let followed = &story["commands"][0];
    assert_eq!((&followed["rule"], &followed["state"]), (&json!("stop"), &json!("published")), "{story}");
    let told = run(&["story", followed["id"].as_str().unwrap(), "--admin", &admin]);
    let words = String::from_utf8(told.stdout).unwrap();
    assert!(words.contains("published") && words.contains(row["id"].as_str().unwrap()), "{words}");
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn a_device_that_was_away_finds_its_command_once_however_often_the_node_is_killed() {
    let dir = TempDir::new().unwrap();
    let mut node = start(dir.path(), RULE);
    let mut actuator = Client::keep(node.mqtt(), "actuator-7");
    actuator.subscribe("line/7/stop");
    actuator.disconnect();
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"91");
    commands(&node, |account| account["published"] == 1);
    for _ in 0..2 {
        node.kill();
        node = start(dir.path(), RULE);
    }
    let mut actuator = Client::keep(node.mqtt(), "actuator-7");
    assert_eq!(&actuator.hears().payload[..], b"1");
    actuator.hears_nothing();
    let account = commands(&node, |account| account["waiting"] == 0);
    assert_eq!((&account["decided"], &account["published"]), (&json!(1), &json!(1)));
}

#[test]
fn a_command_that_nobody_hears_is_counted_and_an_old_one_is_not_carried_out() {
    let dir = TempDir::new().unwrap();
    let short = format!("{RULE}[ingest.rule_limits]\ncommand_age_max = \"1 s\"\n");
    let node = start(dir.path(), &short);
    let mut sensor = Client::connect(node.mqtt(), "press-7");
    sensor.publish("line/7/temp", b"91");
    commands(&node, |account| account["unheard"] == 1);
    let mut actuator = Client::keep(node.mqtt(), "actuator-7");
    actuator.subscribe("line/7/stop");
    actuator.disconnect();
    sensor.publish("line/7/temp", b"20");
    commands(&node, |account| account["published"] == 1);
    node.metric_when("tidegate_broker_dropped_messages_total{reason=\"expired\"}", |count| count == 1);
    Client::keep(node.mqtt(), "actuator-7").hears_nothing();
}

#[test]
fn nobody_publishes_where_a_rule_commands_without_a_scope_that_says_so() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path(), RULE);
    let mut actuator = Client::connect(node.mqtt(), "actuator-7");
    actuator.subscribe("line/7/stop");
    let mut sensor = Client::connect(node.mqtt(), "press-7");
    assert!(!sensor.try_publish("line/7/stop", b"1"));
    let denied = "tidegate_broker_closed_connections_total{reason=\"denied\",code=\"TG-MQ-116\"}";
    node.metric_when(denied, |count| count == 1);
    actuator.hears_nothing();
    let accounts = node.accounts();
    assert_eq!(
        (&accounts["admission"]["refused"], &accounts["admission"]["difference"]),
        (&json!(1), &json!(0))
    );
}
