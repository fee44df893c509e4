//! What mosquitto_pub and mosquitto_sub can do, done to a node.

use crate::counterpart::{Ended, Running, counterpart};
use crate::mqtt::Client;
use crate::process::Node;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const LINES: u64 = 5000;

/// A node, and mosquitto_pub pointed at it with these arguments.
struct Site {
    program: PathBuf,
    node: Node,
    dir: TempDir,
}

/// Nothing where there is no mosquitto_pub; then the test has announced that.
fn site(test: &str) -> Option<Site> {
    let test = format!("mosquitto::{test}");
    let program = counterpart("TIDEGATE_TEST_MOSQUITTO_PUB", &test, "mosquitto_pub")?;
    let dir = TempDir::new().unwrap();
    Some(Site { program, node: Node::start(dir.path()), dir })
}

impl Site {
    fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(&self.program);
        let port = self.node.mqtt().port().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-i", "press-7", "-t", "line/7/temp"]).args(arguments);
        Running::start(&mut command)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).ended()
    }

    fn publishes(&self, arguments: &[&str]) {
        let ended = self.run(arguments);
        assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""), "{arguments:?}");
    }

    fn closed(&self, reason: &str, code: &str) -> u64 {
        let sample =
            format!("tidegate_broker_closed_connections_total{{reason=\"{reason}\",code=\"{code}\"}}");
        self.node.metric_when(&sample, |count| count > 0)
    }

    /// The node has survived: it serves others, its account closes, and it ends in order.
    fn stands(self) {
        Client::connect(self.node.mqtt(), "press-8").publish("line/8/temp", b"1");
        assert_eq!(self.node.accounts()["admission"]["difference"], 0);
        assert_eq!(self.node.terminate().status, Some(0));
    }
}

fn numbers(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["payload"].as_u64().unwrap()).collect()
}

/// Publishes thousands of lines and finds each of them once, in order.
fn lines(test: &str, qos: u64) {
    let Some(site) = site(test) else { return };
    let mut publisher = site.start(&["-l", "-q", &qos.to_string()]);
    (0..LINES).for_each(|line| publisher.tell(&format!("{line}\n")));
    let ended = publisher.ended();
    assert_eq!((ended.status, ended.errors.as_str()), (Some(0), ""));
    let accounts = site.node.delivered(LINES);
    let rows = site.node.rows();
    assert!(numbers(&rows).into_iter().eq(0..LINES), "{} rows", rows.len());
    let plain = |row: &Value| row["qos"] == qos && row["client"] == "press-7" && row.get("dup").is_none();
    assert!(rows.iter().all(plain));
    assert_eq!(accounts["admission"]["received"], LINES);
    let published = format!("tidegate_broker_publications_total{{qos=\"{qos}\",dup=\"false\"}}");
    assert_eq!(site.node.metric(&published), Some(LINES));
    assert_eq!(site.node.metric("tidegate_broker_acks_total"), Some(LINES * qos));
    site.stands();
}

#[test]
fn thousands_of_lines_with_qos_0_are_rows_in_their_order() {
    lines("thousands_of_lines_with_qos_0_are_rows_in_their_order", 0);
}

#[test]
fn thousands_of_lines_with_qos_1_are_rows_in_their_order_and_acknowledged() {
    lines("thousands_of_lines_with_qos_1_are_rows_in_their_order_and_acknowledged", 1);
}

const WILL: [&str; 6] = ["--will-topic", "line/7/state", "--will-payload", "gone", "--will-qos", "1"];

#[test]
fn a_will_is_a_reading_when_the_client_dies_and_nothing_when_it_says_goodbye() {
    let test = "a_will_is_a_reading_when_the_client_dies_and_nothing_when_it_says_goodbye";
    let Some(site) = site(test) else { return };
    site.publishes(&[&["-q", "1", "-m", "1"], &WILL[..]].concat());
    let mut dies = site.start(&[&["-q", "1", "-l"], &WILL[..]].concat());
    dies.tell("2\n");
    site.node.delivered(2);
    dies.kill();
    site.node.delivered(3);
    let rows = site.node.rows();
    assert_eq!((&rows[0]["payload"], &rows[1]["payload"]), (&json!(1), &json!(2)));
    assert_eq!((&rows[2]["topic"], &rows[2]["payload"]), (&json!("line/7/state"), &json!("gone")));
    assert_eq!(site.node.metric("tidegate_broker_wills_total"), Some(1));
    assert_eq!((site.closed("lost", "TG-MQ-101"), site.closed("disconnected", "")), (1, 1));
    site.stands();
}

#[test]
fn a_retained_publication_and_an_empty_one_are_rows_like_any_other() {
    let Some(site) = site("a_retained_publication_and_an_empty_one_are_rows_like_any_other") else { return };
    site.publishes(&["-q", "1", "-r", "-m", "21.5"]);
    site.publishes(&["-q", "1", "-r", "-n"]);
    site.publishes(&["-q", "0", "-c", "-k", "5", "-m", "22.5"]);
    site.node.delivered(3);
    let payloads: Vec<_> = site.node.rows().iter().map(|row| row["payload"].clone()).collect();
    assert_eq!(payloads, [json!(21.5), json!(""), json!(22.5)]);
    site.stands();
}

#[test]
fn repeated_publications_are_as_many_rows() {
    let Some(site) = site("repeated_publications_are_as_many_rows") else { return };
    site.publishes(&["-q", "1", "--repeat", "50", "-m", "7"]);
    site.node.delivered(50);
    assert_eq!(numbers(&site.node.rows()), [7; 50]);
    site.stands();
}

#[test]
fn a_client_that_speaks_mqtt_5_is_served_like_any_other_and_one_of_mqtt_3_1_is_turned_away() {
    let test = "a_client_that_speaks_mqtt_5_is_served_like_any_other_and_one_of_mqtt_3_1_is_turned_away";
    let Some(site) = site(test) else { return };
    site.publishes(&["-V", "mqttv5", "-q", "1", "-D", "publish", "user-property", "unit", "C", "-m", "1"]);
    site.publishes(&["-V", "mqttv5", "-q", "2", "-m", "2"]);
    assert_ne!(site.run(&["-V", "mqttv31", "-q", "1", "-m", "1"]).status, Some(0));
    assert_eq!(site.closed("connect_refused", "TG-MQ-111"), 1);
    site.node.delivered(2);
    assert_eq!(numbers(&site.node.rows()), [1, 2]);
    site.stands();
}

/// What a subscriber with a session of its own hears: nothing yet with `-E`, or so many lines with `-C`.
fn screen(site: &Site, arguments: &[&str]) -> Running {
    let mut command = Command::new(site.program.with_file_name("mosquitto_sub"));
    let port = site.node.mqtt().port().to_string();
    command.args(["-h", "127.0.0.1", "-p", &port, "-i", "screen", "-c", "-q", "2", "-t", "line/#"]);
    Running::start(command.args(arguments))
}

#[test]
fn an_absent_subscriber_gets_every_line_once_and_in_order_after_the_node_was_killed() {
    let test = "an_absent_subscriber_gets_every_line_once_and_in_order_after_the_node_was_killed";
    let Some(mut site) = site(test) else { return };
    assert_eq!(screen(&site, &["-E"]).ended().status, Some(0));
    for (qos, lines) in [("2", 0..500), ("1", 500..1000)] {
        let mut publisher = site.start(&["-l", "-q", qos]);
        lines.for_each(|line| publisher.tell(&format!("{line}\n")));
        assert_eq!(publisher.ended().status, Some(0));
        site.node.kill();
        site.node = Node::start(site.dir.path());
    }
    let mut screen = screen(&site, &["-C", "1000"]);
    let heard: Vec<u64> = (0..1000).map(|_| screen.line().parse().unwrap()).collect();
    // A line of QoS 2 is printed when it is released, so those of QoS 1 may come between.
    let (second, first): (Vec<_>, Vec<_>) = heard.into_iter().partition(|line| *line >= 500);
    assert!(first.into_iter().eq(0..500) && second.into_iter().eq(500..1000));
    assert_eq!(screen.ended().status, Some(0));
    assert_eq!(site.node.metric("tidegate_broker_dropped_messages_total{reason=\"queue_full\"}"), Some(0));
    site.stands();
}

#[test]
fn a_subscriber_hears_retained_messages_and_live_ones_of_every_quality() {
    let test = "a_subscriber_hears_retained_messages_and_live_ones_of_every_quality";
    let Some(site) = site(test) else { return };
    site.publishes(&["-q", "1", "-r", "-m", "kept"]);
    let mut screen = screen(&site, &["-C", "4"]);
    assert_eq!(screen.line(), "kept");
    for qos in ["0", "1", "2"] {
        site.publishes(&["-q", qos, "-m", qos]);
        assert_eq!(screen.line(), qos);
    }
    assert_eq!(screen.ended().status, Some(0));
    site.stands();
}

#[test]
fn a_large_payload_arrives_whole_and_one_beyond_the_limit_is_counted_as_malformed() {
    let test = "a_large_payload_arrives_whole_and_one_beyond_the_limit_is_counted_as_malformed";
    let Some(site) = site(test) else { return };
    let file = site.dir.path().join("picture");
    let path = file.to_str().unwrap();
    let picture: String = (0..40_000).map(|at| format!("{at:05}")).collect();
    fs::write(&file, format!("\"{picture}\"")).unwrap();
    site.publishes(&["-q", "1", "-f", path]);
    site.node.delivered(1);
    assert_eq!(site.node.rows()[0]["payload"], picture.as_str());
    fs::write(&file, vec![b'x'; 300_000]).unwrap();
    assert_ne!(site.run(&["-q", "1", "-f", path]).status, Some(0));
    assert_eq!(site.closed("malformed", "TG-MQ-110"), 1);
    let admission = &site.node.accounts()["admission"];
    assert_eq!(
        (&admission["malformed_by_code"], &admission["accepted"]),
        (&json!({"TG-MQ-004": 1}), &json!(1))
    );
    site.stands();
}
