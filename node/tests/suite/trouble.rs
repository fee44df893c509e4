//! Files that cannot be written, disks that are full, packets that are none.

use crate::mqtt::Client;
use crate::process::{Node, prepared};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_file_that_cannot_be_written_is_lag_until_it_can() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    fs::create_dir(node.file()).unwrap();
    let mut client = Client::connect(node.mqtt(), "press-7");
    client.publish("line/7/temp", b"1");
    client.publish("line/7/temp", b"2");
    let accounts = node.accounts_when(|accounts| accounts["sink_states"][0]["breaker"] == "open");
    assert_eq!(accounts["sink_states"][0]["last_error"]["code"], "TG-FI-001");
    let waiting =
        accounts["sinks"][1]["lag"].as_u64().unwrap() + accounts["sinks"][1]["in_flight"].as_u64().unwrap();
    assert_eq!((waiting, &accounts["sinks"][1]["difference"]), (2, &json!(0)));
    assert_eq!(node.admin_get("/readyz").status, 200, "a sink that lags keeps nobody out");
    fs::remove_dir(node.file()).unwrap();
    node.delivered(2);
    let rows = node.rows();
    assert_eq!((rows.len(), &rows[0]["payload"], &rows[1]["payload"]), (2, &json!(1), &json!(2)));
}

#[test]
fn a_full_disk_leaves_no_torn_line_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let node = Node::start_with(prepared("trap '' XFSZ; ulimit -f 128", dir.path()), dir.path());
    // Rows enough to leave room for a part of one more: 128 blocks of 512 bytes is what a file may have, or of 1024.
    let row = "{\"seq\":0}\n";
    let limit = if limit_blocks_are_512() { 65_536 } else { 131_072 };
    fs::write(node.file(), row.repeat(limit / row.len())).unwrap();
    let before = fs::metadata(node.file()).unwrap().len();
    Client::connect(node.mqtt(), "press-7").publish("line/7/temp", b"1");
    let accounts = node.accounts_when(|accounts| accounts["sink_states"][0]["failures"] != 0);
    assert_eq!(accounts["sink_states"][0]["last_error"]["code"], "TG-FI-002");
    assert_eq!(fs::metadata(node.file()).unwrap().len(), before, "what was written in part is taken back");
    fs::rename(node.file(), dir.path().join("ingest/full.ndjson")).unwrap();
    node.delivered(1);
    assert_eq!(node.rows()[0]["payload"], 1);
}

fn limit_blocks_are_512() -> bool {
    let script =
        "f=$(mktemp); trap '' XFSZ; ulimit -f 1; head -c 4096 /dev/zero > $f 2>/dev/null; wc -c < $f; rm $f";
    let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim() == "512"
}

#[test]
fn a_journal_that_cannot_be_written_makes_the_node_unready_and_acknowledges_nothing() {
    let dir = TempDir::new().unwrap();
    let node = Node::start_with(prepared("trap '' XFSZ; ulimit -f 128", dir.path()), dir.path());
    let mut client = Client::connect(node.mqtt(), "press-7");
    let payload = vec![b'x'; 200_000];
    let publication = tidegate_codec_mqtt::Publish::new(
        "line/7/picture".parse().unwrap(),
        payload.into(),
        tidegate_codec_mqtt::Delivery::AtLeastOnce { id: tidegate_codec_mqtt::PacketId::MIN, dup: false },
    );
    client.send(&tidegate_codec_mqtt::Packet::Publish(publication)).unwrap();
    assert!(!matches!(client.receive(), Ok(Some(_))), "no acknowledgement");
    let reasons = node.unready();
    assert_eq!(reasons["reasons"][0]["capability"], "journal");
    let page = node.admin_get("/metrics").body;
    assert!(page.contains("tidegate_journal_stopped_state{journal=\"queues\"} 1\n"));
    assert_ne!(node.terminate().status, None, "it still ends in order");
}

#[test]
fn a_packet_that_is_none_is_counted_and_closes_its_connection_only() {
    let dir = TempDir::new().unwrap();
    let node = Node::start(dir.path());
    let mut well = Client::connect(node.mqtt(), "press-7");
    let mut ill = Client::connect(node.mqtt(), "press-8");
    ill.send_raw(&[0x36, 0x02, 0x00, 0x00]);
    assert!(!matches!(ill.receive(), Ok(Some(_))));
    well.publish("line/7/temp", b"1");
    let accounts = node.delivered(1);
    let admission = &accounts["admission"];
    assert_eq!(
        (&admission["received"], &admission["malformed"], &admission["difference"]),
        (&json!(2), &json!(1), &json!(0))
    );
}
