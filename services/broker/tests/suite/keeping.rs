//! What a restart finds again: a broker ended in the middle, and another one on the same journal.

use bytes::Bytes;
use tidegate_codec_mqtt::{Ack, Connect, Delivery, Packet, QoS, Text, Will};
use tidegate_kernel_journal::{Level, ReadLimit};
use tidegate_service_broker::{CloseReason, Config, Shed};

use tokio::net::TcpStream;

use crate::client::Client;
use crate::delivering::{id, kept, message, resumed};
use crate::rig::{Rig, until};
use crate::shelf::{Mood, STREAM};

/// The broker's tasks end as in a crash: no drain, no goodbye. What was appended is in the journal.
pub(crate) async fn crashed(rig: Rig, set: impl FnOnce(&mut Config)) -> Rig {
    rig.running.abort();
    until(|| rig.snapshot().connections_open == 0).await;
    let (journal, level) = (rig.shelf.journal.clone(), Level::Os);
    Rig::on(journal, rig, level, set).await
}

pub(crate) async fn again(rig: Rig) -> Rig {
    crashed(rig, |_| {}).await
}

#[tokio::test]
async fn an_absent_client_gets_all_that_was_acknowledged_to_its_publishers_before_a_crash() {
    let mut rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("line/#", QoS::ExactlyOnce).await;
    screen.send(&[Packet::Disconnect(Default::default())]).await;
    screen.expect_close().await;
    let mut expected = Vec::new();
    for round in 0..3_u16 {
        let mut publisher = rig.connect(&crate::client::named("press")).await;
        for number in 1..=10 {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            let payload = format!("{round}-{number}");
            publisher.says(message("line/1", qos, number, &payload)).await;
            expected.push(payload);
        }
        rig = again(rig).await;
        assert_eq!((rig.snapshot().sessions, rig.snapshot().subscriptions), (1, 1));
    }
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.gathers(30).await, expected);
    screen.expect_pong().await;
    let rig = again(rig).await;
    resumed(&rig, &kept("screen")).await.expect_pong().await;
}

#[tokio::test]
async fn a_message_in_the_middle_of_a_qos_2_delivery_is_released_after_a_crash_and_not_sent_again() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::ExactlyOnce).await;
    let mut publisher = rig.connect(&crate::client::named("press")).await;
    for number in 1..=2 {
        publisher.says(message("a", QoS::ExactlyOnce, number, &number.to_string())).await;
    }
    let (first, second) = (screen.hears().await, screen.hears().await);
    let received = first.delivery.id().unwrap();
    screen.send(&[Packet::Pubrec(Ack::new(received))]).await;
    assert_eq!(screen.packet().await, Some(Packet::Pubrel(Ack::new(received))));
    let rig = again(rig).await;
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.packet().await, Some(Packet::Pubrel(Ack::new(received))));
    let repeated = screen.hears().await;
    assert!(repeated.delivery.is_dup() && repeated.delivery.id() == second.delivery.id());
    assert_eq!(repeated.payload, second.payload);
}

#[tokio::test]
async fn a_qos_2_publication_that_is_sent_again_after_a_crash_is_taken_once() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    let mut publisher = rig.connect(&kept("press")).await;
    publisher.send(&[Packet::Publish(message("a", QoS::ExactlyOnce, 7, "once"))]).await;
    assert_eq!(publisher.packet().await, Some(Packet::Pubrec(Ack::new(id(7)))));
    let rig = again(rig).await;
    let mut publisher = resumed(&rig, &kept("press")).await;
    let mut repeated = message("a", QoS::ExactlyOnce, 7, "once");
    repeated.delivery = Delivery::ExactlyOnce { id: id(7), dup: true };
    publisher.says(repeated).await;
    assert!(rig.shelf.taken().is_empty(), "the intake has had it already");
    let rig = again(rig).await;
    let mut publisher = resumed(&rig, &kept("press")).await;
    publisher.says(message("a", QoS::ExactlyOnce, 7, "new")).await;
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.gathers(2).await, ["once", "new"]);
}

#[tokio::test]
async fn retained_messages_are_found_again_and_cleared_ones_are_not() {
    let rig = Rig::new().await;
    let mut publisher = rig.connect(&crate::client::named("press")).await;
    for (topic, payload) in [("a", "old"), ("b", "gone"), ("a", "new"), ("b", "")] {
        let mut publish = message(topic, QoS::AtLeastOnce, 1, payload);
        publish.retain = true;
        publisher.says(publish).await;
    }
    let rig = again(rig).await;
    assert_eq!(rig.snapshot().retained, 1);
    let mut screen = rig.connect(&crate::client::named("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    assert_eq!(screen.takes().await.0, "new");
    screen.expect_pong().await;
}

#[tokio::test]
async fn a_snapshot_holds_all_that_the_facts_before_it_said() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("line/#", QoS::ExactlyOnce).await;
    screen.subscribes("gone/#", QoS::AtLeastOnce).await;
    let mut publisher = rig.connect(&kept("press")).await;
    let mut state = message("line/state", QoS::AtLeastOnce, 1, "on");
    state.retain = true;
    publisher.says(state).await;
    publisher.says(message("line/1", QoS::ExactlyOnce, 2, "later")).await;
    publisher.send(&[Packet::Publish(message("line/1", QoS::ExactlyOnce, 3, "half"))]).await;
    assert_eq!(publisher.packet().await, Some(Packet::Pubrec(Ack::new(id(3)))));
    rig.handle.write_snapshot().unwrap();
    publisher.says(message("line/1", QoS::AtLeastOnce, 4, "behind")).await;
    let journal = rig.shelf.journal.clone();
    let lag = |account: &tidegate_kernel_journal::Account| account.lag.total() + account.in_flight.total();
    let accounts = journal.status().accounts;
    let account = accounts.iter().find(|account| account.cursor == "broker").unwrap();
    assert_eq!(account.routed.total(), account.tally.settled().total() + lag(account));
    let rig = again(rig).await;
    assert_eq!((rig.snapshot().sessions, rig.snapshot().subscriptions, rig.snapshot().retained), (2, 2, 1));
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.gathers(4).await, ["on", "later", "half", "behind"]);
    let mut publisher = resumed(&rig, &kept("press")).await;
    publisher.send(&[Packet::Pubrel(Ack::new(id(3)))]).await;
    assert_eq!(publisher.packet().await, Some(Packet::Pubcomp(Ack::new(id(3)))));
    assert!(rig.shelf.taken().is_empty());
}

#[tokio::test]
async fn a_session_whose_time_was_up_while_the_broker_was_away_is_gone() {
    let rig = Rig::with(Level::Os, |config| config.session_expiry_s_max = 1).await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    let mut publisher = rig.connect(&crate::client::named("press")).await;
    publisher.says(message("a", QoS::AtLeastOnce, 1, "missed")).await;
    let rig = crashed(rig, |_| {}).await;
    until(|| rig.snapshot().sessions == 0).await;
    assert!(rig.snapshot().shed.contains(&(Shed::SessionEnded, 1)));
    let _: Client<_> = rig.connect(&kept("screen")).await;
}

/// A session that is kept, and a will that waits for its client for so long.
fn delayed_will(client_id: &str, delay_s: u32) -> Connect {
    let mut connect = Connect::v5(Text::new(client_id).unwrap());
    connect.clean_session = false;
    connect.properties.session_expiry_s = 3600;
    let mut will = Will::new("line/7/state".parse().unwrap(), Bytes::from_static(b"gone"));
    (will.qos, will.delay_s) = (QoS::AtLeastOnce, delay_s);
    connect.will = Some(will);
    connect
}

async fn comes_and_dies(rig: &Rig, connect: &Connect) {
    let mut client = Client::fifth(TcpStream::connect(rig.address).await.unwrap());
    client.send(&[Packet::Connect(Box::new(connect.clone()))]).await;
    assert!(matches!(client.packet().await, Some(Packet::Connack(_))));
    drop(client);
    rig.until_closed(CloseReason::Lost).await;
}

#[tokio::test]
async fn a_will_that_waited_for_its_delay_is_said_once_after_a_crash_and_not_where_its_client_is_back() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    comes_and_dies(&rig, &delayed_will("press", 1)).await;
    let rig = again(rig).await;
    until(|| rig.shelf.taken() == ["gone"]).await;
    let rig = again(rig).await;
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.takes().await.0, "gone");
    screen.expect_pong().await;
    assert!(rig.shelf.taken().is_empty(), "it was said before");
    comes_and_dies(&rig, &delayed_will("press", 3600)).await;
    let rig = again(rig).await;
    comes_and_dies(&rig, &delayed_will("press", 1)).await;
    rig.handle.write_snapshot().unwrap();
    let rig = again(rig).await;
    until(|| rig.shelf.taken() == ["gone"]).await;
}

#[tokio::test]
async fn what_has_expired_makes_room_for_what_is_new_in_the_queue_of_an_absent_client() {
    let rig = Rig::with(Level::Os, |config| config.queue_messages_max = 2).await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    let mut publisher = Client::fifth(TcpStream::connect(rig.address).await.unwrap());
    let connect = Connect::v5(Text::new("press").unwrap());
    publisher.send(&[Packet::Connect(Box::new(connect))]).await;
    assert!(matches!(publisher.packet().await, Some(Packet::Connack(_))));
    for number in 1..=3 {
        let mut short = message("a", QoS::AtLeastOnce, number, "short");
        short.properties.expiry_s = Some(1);
        publisher.send(&[Packet::Publish(short)]).await;
        assert!(matches!(publisher.packet().await, Some(Packet::Puback(_))));
    }
    assert!(rig.snapshot().shed.contains(&(Shed::QueueFull, 1)));
    let mut number = 3;
    let expired = |rig: &Rig| rig.snapshot().shed.contains(&(Shed::Expired, 2));
    while !expired(&rig) {
        number += 1;
        publisher.send(&[Packet::Publish(message("a", QoS::AtLeastOnce, number % 1000 + 1, "new"))]).await;
        assert!(matches!(publisher.packet().await, Some(Packet::Puback(_))));
    }
    let rig = crashed(rig, |config| config.queue_messages_max = 2).await;
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.takes().await.0, "new");
    // Where the two expire one after the other, each has made room for one.
    screen.send(&[Packet::Pingreq]).await;
    while let Some(Packet::Publish(publish)) = screen.packet().await {
        assert_eq!(&publish.payload[..], b"new");
    }
}

#[tokio::test]
async fn the_reading_and_what_the_broker_has_to_write_of_it_are_one_batch_or_nothing() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::ExactlyOnce).await;
    let mut publisher = rig.connect(&kept("press")).await;
    rig.shelf.set(Mood::Busy);
    publisher.send(&[Packet::Publish(message("a", QoS::ExactlyOnce, 7, "once"))]).await;
    until(|| rig.shelf.notes().offers > 5).await;
    let head = rig.shelf.journal.status().head_seq;
    rig.shelf.set(Mood::Take);
    assert_eq!(publisher.packet().await, Some(Packet::Pubrec(Ack::new(id(7)))));
    let records = |stream| rig.shelf.journal.read(stream, head, ReadLimit { records: 10, bytes: 1 << 20 });
    let sequence = |stream: u16| records(stream).unwrap().0.into_iter().map(|record| record.head.seq);
    assert_eq!(sequence(STREAM).collect::<Vec<_>>(), [head + 1], "the reading");
    let own: Vec<_> = sequence(17).take(2).collect();
    assert_eq!(own, [head + 2, head + 3], "the message and the identifier, right behind it");
}
