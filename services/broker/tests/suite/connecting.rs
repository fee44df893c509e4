//! Who gets in, under which name, and who has to go for it.

use std::time::Duration;

use tidegate_codec_mqtt::Packet;
use tidegate_kernel_journal::Level;
use tidegate_service_broker::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Client, encoded, named, qos0, with_will};
use crate::rig::{Rig, until};
use crate::shelf::Mood;

#[tokio::test]
async fn a_first_packet_that_is_no_connect_closes_the_connection_without_an_answer() {
    let rig = Rig::new().await;
    let mut client = rig.dial().await;
    client.send(&[Packet::Pingreq]).await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Malformed).await;
    assert!(rig.shelf.notes().malformed.is_empty(), "it was no publication");
}

#[tokio::test]
async fn a_second_connect_closes_the_connection_and_the_will_is_taken_in() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&with_will("pump", "gone")).await;
    client.send(&[Packet::Connect(Box::new(named("pump")))]).await;
    client.expect_close().await;
    rig.until_closed(CloseReason::Malformed).await;
    assert_eq!(rig.shelf.taken(), ["gone"]);
}

#[tokio::test]
async fn a_level_nobody_speaks_is_answered_with_return_code_1_even_when_more_follows() {
    let rig = Rig::new().await;
    let mut client = rig.dial().await;
    client.send_raw(b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01a").await;
    client.send_raw(&[0x30; 100]).await;
    assert_eq!(client.raw(4).await, b"\x20\x02\x00\x01");
    client.expect_close().await;
    drop(client);
    rig.until_closed(CloseReason::ConnectRefused).await;
}

#[tokio::test]
async fn an_empty_client_identifier_gets_a_made_up_one_with_a_clean_session_only() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let (mut one, mut two) = (rig.connect(&named("")).await, rig.connect(&named("")).await);
    one.send(&[qos0("one")]).await;
    until(|| rig.shelf.taken().len() == 1).await;
    two.send(&[qos0("two")]).await;
    until(|| rig.shelf.taken().len() == 2).await;
    let clients: Vec<_> = rig.shelf.notes().taken.iter().map(|taken| taken.client.to_string()).collect();
    assert_eq!(clients, ["auto-1", "auto-2"]);
    let mut kept = rig.dial().await;
    kept.send_raw(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00").await;
    assert_eq!(kept.raw(4).await, b"\x20\x02\x00\x02");
    kept.expect_close().await;
}

#[tokio::test]
async fn a_client_identifier_that_comes_again_throws_the_first_out_and_its_will_comes_before_the_newcomer() {
    let rig = Rig::new().await;
    let mut first = rig.connect(&with_will("pump", "gone")).await;
    let mut second = rig.connect(&named("pump")).await;
    second.publish(1, "back").await;
    assert_eq!(second.pubacks(1).await, [1]);
    first.expect_close().await;
    assert_eq!(rig.shelf.taken(), ["gone", "back"]);
    assert_eq!(rig.closed(CloseReason::TakenOver), 1);
    assert_eq!(rig.snapshot().connections_open, 1);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_until_its_predecessor_has_left_but_not_for_ever() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let _first = Client::connected(rig.pipe(), &with_will("pump", "gone")).await;
    rig.shelf.set(Mood::Busy);
    let mut second = rig.pipe();
    second.write_all(&encoded(&[Packet::Connect(Box::new(named("pump")))])).await.unwrap();
    let mut answer = [0; 4];
    let early = timeout(Duration::from_secs(4), second.read_exact(&mut answer)).await;
    assert!(early.is_err(), "the first one's will is still on offer");
    let late = timeout(Duration::from_secs(2), second.read_exact(&mut answer)).await;
    assert!(late.is_ok() && answer == *b"\x20\x02\x00\x00");
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_goes_on_sending_still_gets_its_answer() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::new(rig.pipe_of(64));
    client.send_raw(b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01a").await;
    client.send_raw(&[0; 10_000]).await;
    assert_eq!(client.raw(4).await, b"\x20\x02\x00\x01");
    client.expect_close().await;
}

#[tokio::test]
async fn of_many_that_come_with_one_client_identifier_one_stays() {
    let rig = Rig::new().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = rig.dial().await;
        client.send(&[Packet::Connect(Box::new(named("pump")))]).await;
        clients.push(client);
    }
    until(|| rig.closed(CloseReason::TakenOver) == 19).await;
    assert_eq!(rig.snapshot().connections_open, 1);
    let mut next = rig.connect(&named("pump")).await;
    next.expect_pong().await;
    until(|| rig.closed(CloseReason::TakenOver) == 20).await;
}

#[tokio::test]
async fn a_made_up_identifier_cannot_be_taken_over_by_guessing_it() {
    let rig = Rig::new().await;
    let mut nameless = rig.connect(&named("")).await;
    let mut guesser = rig.connect(&named("auto-1")).await;
    guesser.expect_pong().await;
    nameless.expect_pong().await;
    assert_eq!(rig.snapshot().connections_open, 2);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once_and_counted_and_room_comes_back() {
    let rig = Rig::with(Level::Disk, |config| config.connections_max = 2).await;
    let mut one = rig.connect(&named("one")).await;
    let mut two = rig.connect(&named("two")).await;
    rig.dial().await.expect_close().await;
    assert_eq!(rig.snapshot().connections_refused, 1);
    one.send(&[Packet::Disconnect(Default::default())]).await;
    until(|| rig.snapshot().connections_open == 1).await;
    rig.connect(&named("three")).await.expect_pong().await;
    two.expect_pong().await;
    assert_eq!(rig.snapshot().connections_total, 3);
}
