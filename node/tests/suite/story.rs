//! `tidegate story` against a node that runs: a reading that arrived, one nobody knows, and a node that is not there.

use crate::mqtt::Client;
use crate::process::{Node, run};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn a_story_is_told_by_the_id_in_a_row_and_an_unknown_one_has_a_code() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"21.5");
    node.delivered(1);
    let row = node.rows().remove(0);
    let (id, admin) = (row["id"].as_str().unwrap(), node.admin().to_string());
    let told = run(&["story", id, "--json", "--admin", &admin]);
    let story: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&story["topic"], &story["client"]), (&json!("line/7/temp"), &json!("press-7")));
    assert_eq!(
        (&story["sinks"][0]["sink"], &story["sinks"][0]["state"]),
        (&json!("file"), &json!("settled"))
    );
    let words = run(&["story", id, "--admin", &admin]);
    assert!(String::from_utf8(words.stdout).unwrap().contains("line/7/temp"));
    let unknown = run(&["story", "7fffffff-ffff-7fff-bfff-ffffffffffff", "--admin", &admin]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("error[TG-IN-051]"));
    node.terminate();
    let gone = run(&["story", id, "--admin", &admin]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8(gone.stderr).unwrap().contains("error[TG-CF-021]"));
}
