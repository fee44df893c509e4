//! The file sink alone, on a disk whose power goes while a delivery is written, and again while it is written anew.

use crate::fuse_layer::{Device, Mount};
use crate::power::skipped_without_fuse;
use crate::power_disk::Survival;
use std::fs;
use std::path::Path;
use tidegate_codec_mqtt::Text;
use tidegate_connector_file::FileSink;
use tidegate_kernel_journal::Id;
use tidegate_service_ingest::{Class, Reading, Row, Sink, Source};

const SEEDS: u64 = 60;
const ROWS: u64 = 24;

fn row(seq: u64, replay: bool) -> Row {
    let fill = char::from(b'a' + (seq % 26) as u8).to_string().repeat(20 + seq as usize * 7 % 90);
    let raw = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), fill);
    let reading = Reading { client: Text::new("press-7").unwrap(), ..raw };
    Row { seq, id: Id([seq as u8; 16]), stamp_ms: 1, class: Class::Process, replay, reading }
}

async fn deliver(path: &Path, first: u64, replay: bool) -> bool {
    let rows: Vec<_> = (first..first + ROWS).map(|seq| row(seq, replay)).collect();
    FileSink::new(path).deliver(&rows).await.is_ok()
}

/// A disk on which one delivery is safe, and another one that had been torn was being written anew when the power went again.
async fn torn_twice(seed: u64) -> String {
    let device = Device::default();
    let mount = Mount::new(&device).unwrap();
    let path = mount.path().join("readings.ndjson");
    assert!(deliver(&path, 1, false).await);
    // The write is the first operation, the sync the second.
    device.disk().plan_cut(2);
    deliver(&path, 1 + ROWS, false).await;
    device.disk().cut();
    device.disk().restore(Survival::Mixed(seed));
    // Cutting the end off and making that safe come before the write.
    device.disk().plan_cut(2 + seed % 3);
    deliver(&path, 1 + ROWS, true).await;
    device.disk().cut();
    device.disk().restore(Survival::Mixed(seed + SEEDS));
    assert!(deliver(&path, 1 + ROWS, true).await);
    fs::read_to_string(&path).unwrap()
}

#[tokio::test]
async fn a_delivery_torn_twice_leaves_no_row_that_nobody_wrote() {
    if skipped_without_fuse("torn_file::a_delivery_torn_twice_leaves_no_row_that_nobody_wrote") {
        return;
    }
    for seed in 0..SEEDS {
        for line in torn_twice(seed).await.lines() {
            let found: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("seed {seed}: {error} in {line}"));
            let sent = row(found["seq"].as_u64().unwrap(), false).reading.payload().unwrap().clone();
            assert_eq!(found["payload"].as_str().unwrap().as_bytes(), sent, "seed {seed}: {line}");
        }
    }
}
