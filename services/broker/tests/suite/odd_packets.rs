//! What a client gets that asks for what is not there, or sends what MQTT forbids.

use tidegate_codec_mqtt::{
    Packet, PacketId, QoS, Suback, Subscribe, SubscribeOutcome, Subscription, TopicFilter, Unsuback,
    Unsubscribe,
};
use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;

use crate::client::{named, qos1, qos2};
use crate::rig::{Rig, logged};

#[tokio::test]
async fn a_subscribe_is_answered_with_a_failure_for_each_filter_and_an_unsubscribe_with_an_unsuback() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("screen")).await;
    let (one, two) = (PacketId::new(1).unwrap(), PacketId::new(2).unwrap());
    let filter = |text| TopicFilter::new(text).unwrap();
    let wanted = ["#", "line/+", "a"].map(|text| Subscription::new(filter(text), QoS::AtLeastOnce));
    client.send(&[Packet::Subscribe(Subscribe::new(one, wanted.to_vec()))]).await;
    let failed = vec![SubscribeOutcome::FAILED; 3];
    assert_eq!(client.packet().await, Some(Packet::Suback(Suback::new(one, failed))));
    client.send(&[Packet::Unsubscribe(Unsubscribe::new(two, vec![filter("#")]))]).await;
    assert_eq!(client.packet().await, Some(Packet::Unsuback(Unsuback::new(two))));
    client.expect_pong().await;
}

#[tokio::test]
async fn a_publication_with_qos_2_is_counted_as_refused_and_ends_the_connection_with_a_hint_in_the_log() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("meter")).await;
    client.send(&[qos1(1, false, "one")]).await;
    assert_eq!(client.pubacks(1).await, [1]);
    client.send(&[qos2(2, "two")]).await;
    client.expect_close().await;
    rig.until_closed(CloseReason::QosUnsupported).await;
    assert_eq!(rig.shelf.taken(), ["one"]);
    assert_eq!(rig.shelf.notes().given_up, [("two".to_owned(), "TG-MQ-107")]);
    let text = logged();
    assert!(
        text.contains("TG-MQ-107") && text.contains("meter") && text.contains("publish with QoS 1"),
        "{text}"
    );
}

#[tokio::test]
async fn the_second_half_of_a_qos_2_delivery_is_not_pretended_to_be_complete() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("meter")).await;
    client.send_raw(b"\x62\x02\x00\x01").await;
    client.expect_close().await;
    rig.until_closed(CloseReason::QosUnsupported).await;
}

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
    client.send(&[qos2(1, "two")]).await;
    client.expect_close().await;
    rig.until_closed(CloseReason::QosUnsupported).await;
    assert!(logged().contains("evil\\nWARN"), "{}", logged());
}
