//! `tidegate story` against a node that runs: a reading that arrived, one nobody knows, and a node that is not there.

use crate::mqtt::Client;
use crate::process::{Node, run};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_codec_mqtt::{Connect, Login, Text};

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

#[test]
fn a_reading_over_mqtt_says_whose_it_is_and_one_of_nobody_in_particular_does_not() {
    let dir = TempDir::new().unwrap();
    let said = String::from_utf8(run(&["identity", "secret", "press-7"]).stdout).unwrap();
    let secret = said.lines().nth(1).unwrap().trim_start_matches("#   ").to_owned();
    std::fs::write(dir.path().join("tidegate.toml"), said).unwrap();
    let node = Node::start(dir.path());
    let mut connect = Connect::new(Text::new("client-of-press").unwrap());
    connect.login = Some(Login::new(Text::new("press-7").unwrap(), Some(secret.into())));
    Client::introduce(node.mqtt(), connect).unwrap().publish("line/7/temp", b"1");
    Client::connect(node.mqtt(), "nobody").publish("line/7/temp", b"2");
    node.delivered(2);
    let told = node.rows().into_iter().map(|row| {
        let story = node.admin_get(&format!("/api/v1/story/{}", row["id"].as_str().unwrap())).json();
        (story["client"].clone(), story["principal"].clone())
    });
    let expected = [("client-of-press", "press-7"), ("nobody", "")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(told.collect::<Vec<_>>(), expected);
}
