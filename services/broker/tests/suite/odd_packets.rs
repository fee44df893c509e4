//! What a client gets that asks for what is not there, or sends what MQTT forbids.

use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;

use crate::client::named;
use crate::rig::{Rig, logged};

#[tokio::test]
async fn an_acknowledgement_of_nothing_ends_the_connection() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("meter")).await;
    client.send_raw(b"\x40\x02\x00\x01").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Unexpected).await;
}

#[tokio::test]
async fn a_publication_that_cannot_be_read_is_counted_as_malformed_and_what_came_before_it_is_kept() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("meter")).await;
    client.publish(1, "good").await;
    client.send_raw(b"\x30\x05\x00\x03a/#").await;
    while client.packet().await.is_some() {}
    rig.until_closed(CloseReason::Malformed).await;
    assert_eq!(rig.shelf.notes().malformed, ["TG-MQ-016"]);
    assert_eq!(rig.shelf.taken(), ["good"]);
}

#[tokio::test]
async fn a_packet_that_is_too_large_is_refused_from_its_first_bytes() {
    let rig = Rig::with(Level::Disk, |config| config.packet_bytes_max = 1000).await;
    let mut client = rig.connect(&named("camera")).await;
    client.send_raw(b"\x30\xe9\x07").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Malformed).await;
    assert_eq!(rig.shelf.notes().malformed, ["TG-MQ-004"]);
}

#[tokio::test]
async fn a_broken_packet_of_another_kind_is_no_malformed_publication() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("screen")).await;
    client.send_raw(b"\x82\x02\x00\x01").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Malformed).await;
    assert!(rig.shelf.notes().malformed.is_empty());
}

#[tokio::test]
async fn what_a_client_calls_itself_cannot_break_a_log_line() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("evil\nWARN all is lost")).await;
    client.send_raw(b"\x40\x02\x00\x01").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Unexpected).await;
    assert!(logged().contains("evil\\nWARN"), "{}", logged());
}
