//! The page that Prometheus scrapes: what it showed, it shows after a restart and after a kill, with the times it had.

use crate::mqtt::Client;
use crate::process::{Node, PATIENCE, command, pass};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn start(dir: &Path, topics: &str) -> Node {
    let file = dir.join("tidegate.toml");
    std::fs::write(&file, format!("[ingest.page]\ntopics = {topics}\n")).unwrap();
    let mut command = command(dir);
    command.arg("--config").arg(&file);
    Node::start_with(command, dir)
}

/// The lines with readings, once the page has so many.
fn shown(node: &Node, many: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let page = node.admin_get("/metrics/readings").body;
        let lines: Vec<_> = page.lines().filter(|line| line.starts_with("tidegate_reading")).collect();
        if lines.len() >= many {
            return lines.into_iter().map(str::to_owned).collect();
        }
        assert!(began.elapsed() < PATIENCE, "{page}");
        pass(Duration::from_millis(10));
    }
}

fn publish(node: &Node, numbers: std::ops::Range<u32>) {
    let mut client = Client::connect(node.mqtt(), "press-7");
    for number in numbers {
        client.publish(&format!("line/{}/temp", number % 3), number.to_string().as_bytes());
    }
}

#[test]
fn the_page_is_after_a_restart_what_it_was_before() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path(), "[\"line/#\"]");
    publish(&node, 0..30);
    // By the file and by the page.
    node.delivered(60);
    let before = shown(&node, 3);
    assert!(before[0].starts_with("tidegate_reading{topic=\"line/0/temp\"} 27 "), "{before:?}");
    assert_eq!(node.terminate().status, Some(0));

    let node = start(dir.path(), "[\"line/#\"]");
    assert_eq!(shown(&node, 3), before);
    assert_eq!(node.terminate().status, Some(0));

    let node = start(dir.path(), "[\"line/1/#\"]");
    assert_eq!(shown(&node, 1), before[1..2]);
    assert_eq!(node.terminate().status, Some(0));
}

#[test]
fn the_page_is_after_a_kill_what_it_was_before() {
    let dir = TempDir::new().unwrap();
    let node = start(dir.path(), "[\"line/#\"]");
    publish(&node, 0..300);
    node.delivered(600);
    let before = shown(&node, 3);
    // What the page's sink has settled is durable by now, so it is not given it again.
    publish(&node, 300..303);
    node.delivered(606);
    let after = shown(&node, 3);
    assert_ne!(before, after);
    node.kill();

    let node = start(dir.path(), "[\"line/#\"]");
    assert_eq!(shown(&node, 3), after);
    assert_eq!(node.terminate().status, Some(0));
}
