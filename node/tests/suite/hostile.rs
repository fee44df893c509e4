//! Topics and payloads that are meant to do harm: they stay text in one row, and what is too much is refused and counted.

use crate::mqtt::{Client, publish};
use crate::process::Node;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tidegate_codec_mqtt::{Delivery, Packet};

fn closes(node: &Node) {
    let accounts = node.accounts();
    let difference = |part: &str| accounts[part]["difference"].clone();
    assert_eq!((difference("admission"), difference("routing")), (json!(0), json!(0)));
}

/// Names of everything below a folder.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            found.extend(files(&path));
        }
    }
    found
}

#[test]
fn a_topic_that_climbs_is_a_text_in_a_row_and_no_path() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(&dir.path().join("data"));
    let topics = [
        "../../../../tmp/climbed",
        "line/../../climbed",
        "/../climbed",
        "..",
        "./climbed",
        "line//climbed",
        "C:\\climbed",
        "%2e%2e/climbed",
        "line/;rm -rf climbed",
        "line/\u{202e}climbed",
    ];
    let mut client = Client::connect(node.mqtt(), "../climbed");
    topics.iter().for_each(|topic| client.publish(topic, b"1"));
    node.delivered(topics.len() as u64);
    let rows = node.rows();
    assert!(rows.iter().map(|row| row["topic"].as_str().unwrap()).eq(topics), "{rows:?}");
    assert!(rows.iter().all(|row| row["client"] == "../climbed"));
    assert!(!files(dir.path()).iter().any(|name| name.contains("climbed")), "{:?}", files(dir.path()));
    for path in ["/api/v1/story/../../metrics", "/api/v1/story/%2e%2e%2f%2e%2e%2fFORMAT", "/../FORMAT"] {
        assert!((400..500).contains(&node.admin_get(path).status), "{path}");
    }
    closes(&node);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn wildcards_in_a_published_topic_end_the_connection_and_are_counted_as_malformed() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let topics: [&[u8]; 4] = [b"a/#", b"+/b", b"#", b"a/b+"];
    for topic in topics {
        let mut client = Client::connect(node.mqtt(), "press-7");
        let mut packet = vec![0x30, (topic.len() + 3) as u8, 0, topic.len() as u8];
        packet.extend_from_slice(topic);
        packet.push(b'1');
        client.send_raw(&packet);
        assert!(matches!(client.receive(), Ok(None) | Err(_)));
    }
    let malformed = "tidegate_broker_closed_connections_total{reason=\"malformed\",code=\"TG-MQ-110\"}";
    node.metric_when(malformed, |count| count == topics.len() as u64);
    let accounts = node.accounts();
    assert_eq!(accounts["admission"]["malformed_by_code"], json!({"TG-MQ-016": topics.len()}));
    closes(&node);
}

#[test]
fn thousands_of_retained_topics_stop_at_the_limit_and_each_one_beyond_is_counted() {
    const SENT: u64 = 3000;
    const KEPT: u64 = 1000;
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("tidegate.toml"), format!("[mqtt]\nretained_max = {KEPT}\n")).unwrap();
    let node = Node::start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    let retained = |number: u64| {
        let Packet::Publish(mut publish) = publish(&format!("state/{number}"), b"on", Delivery::AtMostOnce)
        else {
            unreachable!("a PUBLISH is one")
        };
        publish.retain = true;
        Packet::Publish(publish)
    };
    client.send_all(&(0..SENT).map(retained).collect::<Vec<_>>()).unwrap();
    let full = "tidegate_broker_dropped_messages_total{reason=\"retained_full\"}";
    assert_eq!(node.metric_when(full, |count| count >= SENT - KEPT), SENT - KEPT);
    assert_eq!(node.metric("tidegate_broker_retained_messages"), Some(KEPT));
    let mut screen = Client::connect(node.mqtt(), "screen");
    screen.subscribe("state/#");
    let heard = (0..KEPT).filter(|_| screen.hears().retain).count() as u64;
    screen.hears_nothing();
    assert_eq!(heard, KEPT);
    // Each was a reading all the same, and a topic that is there may change.
    node.delivered(SENT);
    client.send(&retained(0)).unwrap();
    node.delivered(SENT + 1);
    assert_eq!(node.metric(full), Some(SENT - KEPT));
    closes(&node);
}

#[test]
fn a_payload_that_unfolds_is_kept_as_it_came_and_one_that_is_too_large_is_refused() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    let nested = "[".repeat(100_000);
    let entities = format!("<!DOCTYPE b [<!ENTITY a \"{}\">]><b>&a;&a;&a;</b>", "x".repeat(50_000));
    let bombs = [nested.as_bytes(), entities.as_bytes(), b"1e400", b"{\"a\":1e999999}", &[0; 100_000]];
    bombs.iter().for_each(|bomb| client.publish("line/7/bomb", bomb));
    node.delivered(bombs.len() as u64);
    assert_eq!(node.rows().len(), bombs.len());
    let fits = matches!(&node.rows()[0]["payload"], Value::String(text) if *text == nested);
    assert!(fits, "what is no value is kept as the text it was");
    client.send_raw(&[&[0x30, 0xff, 0xff, 0x7f][..], &[b'x'; 1000]].concat());
    assert!(matches!(client.receive(), Ok(None) | Err(_)));
    assert_eq!(node.accounts()["admission"]["malformed"], 1);
    closes(&node);
    assert_eq!(node.terminate().status, Some(0));
}
