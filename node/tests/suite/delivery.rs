//! From a publication to a row in the file, over restarts and kills.

use crate::mqtt::Client;
use crate::process::{Node, command};
use serde_json::{Value, json};
use tempfile::TempDir;

fn payloads(rows: &[Value]) -> Vec<Value> {
    rows.iter().map(|row| row["payload"].clone()).collect()
}

#[test]
fn a_published_reading_is_a_row_in_the_file_and_the_accounts_close() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("line/7/temp", b"21.5");
    client.publish_again("line/7/temp", b"21.5");
    client.tell("line/7/state", b"on");
    client.disconnect();
    let accounts = node.delivered(3);
    let rows = node.rows();
    assert_eq!(payloads(&rows), [json!(21.5), json!(21.5), json!("on")]);
    assert_eq!(
        (&rows[0]["client"], &rows[0]["topic"], &rows[0]["qos"]),
        (&json!("press-7"), &json!("line/7/temp"), &json!(1))
    );
    assert_eq!((rows[0].get("dup"), rows[1].get("dup")), (None, Some(&json!(true))));
    assert!(rows.iter().all(|row| row.get("replay").is_none() && row["class"] == "process"));
    let admission = &accounts["admission"];
    assert_eq!(
        (&admission["received"], &admission["accepted"], &admission["difference"]),
        (&json!(3), &json!(3), &json!(0))
    );
    assert!(accounts["sinks"].as_array().unwrap().iter().all(|sink| sink["difference"] == 0));
}

#[test]
fn a_filter_makes_a_reading_critical() {
    let dir = TempDir::new().unwrap();
    let mut command = command(dir.path());
    command.args(["--critical", "alarm/#", "--critical", "line/+/stop"]);
    let node = Node::start_with(command, dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("alarm/fire", b"1");
    client.publish("line/7/stop", b"2");
    client.publish("line/7/temp", b"3");
    node.delivered(3);
    let classes: Vec<_> = node.rows().iter().map(|row| row["class"].clone()).collect();
    assert_eq!(classes, ["critical", "critical", "process"]);
}

#[test]
fn after_an_orderly_restart_everything_goes_on_and_nothing_comes_twice() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    assert_eq!(node.terminate().status, Some(0));
    let node = Node::start(dir.path());
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"2");
    let accounts = node.delivered(2);
    assert_eq!(payloads(&node.rows()), [json!(1), json!(2)]);
    let admission = &accounts["admission"];
    assert_eq!((&admission["received"], &admission["crashes"]), (&json!(2), &json!(0)));
}

#[test]
fn after_a_kill_every_acknowledged_reading_is_in_the_file_and_the_loss_is_bounded() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    (0..50).for_each(|at| client.publish("line/7/temp", at.to_string().as_bytes()));
    assert_eq!(node.kill().status, None);
    let node = Node::start(dir.path());
    let accounts = node
        .accounts_when(|accounts| accounts["sinks"][1]["lag"] == 0 && accounts["sinks"][1]["in_flight"] == 0);
    let rows = node.rows();
    for at in 0..50 {
        let of_reading: Vec<_> = rows.iter().filter(|row| row["payload"] == at).collect();
        assert!(
            of_reading.len() == 1 || of_reading[1..].iter().all(|row| row["replay"] == true),
            "reading {at}"
        );
    }
    let admission = &accounts["admission"];
    assert_eq!(
        (&admission["accepted"], &admission["difference"], &admission["crashes"]),
        (&json!(50), &json!(0), &json!(1))
    );
    assert!(admission["lost_at_crash_max"].as_u64().unwrap() <= 1024);
    assert_eq!(
        (&accounts["sinks"][1]["delivered"], &accounts["sinks"][1]["difference"]),
        (&json!(50), &json!(0))
    );
}

#[test]
fn the_management_listener_tells_of_readiness_and_of_every_capability() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    node.delivered(1);
    assert_eq!((node.admin_get("/healthz").status, node.admin_get("/nothing").status), (200, 404));
    let ready = node.admin_get("/readyz");
    assert_eq!(
        (ready.status, ready.json()),
        (
            200,
            json!({
                "ready": true, "reasons": [], "config": {"generation": 1, "file": null, "last_reload": null}
            })
        )
    );
    let page = node.admin_get("/metrics");
    assert!(page.head.contains("text/plain; version=0.0.4; charset=utf-8"), "{}", page.head);
    for sample in [
        "tidegate_broker_publications_total{qos=\"1\",dup=\"false\"} 1",
        "tidegate_broker_acks_total 1",
        "tidegate_ingest_accepted_readings_total{source=\"mqtt\",class=\"process\"} 1",
        "tidegate_ingest_sink_settled_readings_total{sink=\"file\",class=\"process\",outcome=\"delivered\"} 1",
        "tidegate_journal_stopped_state{journal=\"queues\"} 0",
    ] {
        assert!(page.body.lines().any(|line| line == sample), "{sample} in\n{}", page.body);
    }
    assert!(page.body.contains("\ntidegate_process_resident_bytes "));
    assert!(page.body.contains("\ntidegate_process_budget_bytes{part=\"sinks\"} "));
    let mut families: Vec<_> = page.body.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let many = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), many, "the format allows a name once");
}
