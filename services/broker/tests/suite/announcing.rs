//! What the node itself says: to whom, once, and to topics that others may not publish to.

use bytes::Bytes;
use tidegate_codec_mqtt::{Login, Packet, Properties, QoS, Text};
use tidegate_kernel_journal::{Entry, Id, Journal, Refusal, Ticket};
use tidegate_service_broker::{CloseReason, Config, Publication, Unsaid};

use crate::client::{Client, named};
use crate::delivering::{kept, message, resumed};
use crate::keeping::{again, crashed};
use crate::rig::{Rig, until};

/// A stream of the sender's own.
const STREAM: u16 = 13;

fn command() -> Publication {
    Publication {
        client: Text::default(),
        principal: Text::default(),
        topic: "line/7/stop".parse().unwrap(),
        payload: Bytes::from_static(b"1"),
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        properties: Properties::default(),
    }
}

/// Appends what the broker has to write, with a record of the sender's.
fn append(journal: &Journal, more: &[Entry<'_>]) -> Result<Ticket, Refusal> {
    let own =
        Entry { stream: STREAM, kind: 1, version: 1, id: Id::v7(1), payload: b"sent", ..Entry::default() };
    journal.append_all(&[&[own], more].concat())
}

async fn announced(rig: &Rig) -> Result<usize, Unsaid> {
    let journal = rig.shelf.journal.clone();
    rig.handle.announce(&command(), &mut |more| append(&journal, more)).await
}

fn own_records(rig: &Rig) -> u64 {
    let counts = rig.shelf.journal.status().counts;
    counts.iter().find(|(stream, _)| *stream == STREAM).map_or(0, |(_, counts)| counts.total())
}

#[tokio::test]
async fn whoever_subscribed_is_told_once_also_when_away_and_after_a_crash_and_it_is_no_reading() {
    let rig = Rig::new().await;
    let mut away = rig.connect(&kept("away")).await;
    away.subscribes("line/+/stop", QoS::AtLeastOnce).await;
    drop(away);
    rig.until_closed(CloseReason::Lost).await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("line/#", QoS::ExactlyOnce).await;
    assert_eq!(announced(&rig).await, Ok(2));
    let heard = screen.hears().await;
    assert_eq!(
        (heard.delivery.qos(), heard.retain, &heard.payload[..]),
        (QoS::AtLeastOnce, false, &b"1"[..])
    );
    assert!(rig.shelf.taken().is_empty() && own_records(&rig) == 1);
    let rig = again(rig).await;
    let mut away = resumed(&rig, &kept("away")).await;
    assert_eq!(away.takes().await, ("1".to_owned(), QoS::AtLeastOnce));
    away.expect_pong().await;
    let rig = again(rig).await;
    resumed(&rig, &kept("away")).await.expect_pong().await;
}

#[tokio::test]
async fn nothing_is_written_where_nobody_listens_or_nobody_has_room() {
    let rig = Rig::new().await;
    assert_eq!(announced(&rig).await, Err(Unsaid::Unheard));
    let mut away = rig.connect(&kept("away")).await;
    away.subscribes("#", QoS::AtLeastOnce).await;
    drop(away);
    rig.until_closed(CloseReason::Lost).await;
    let rig = crashed(rig, |config: &mut Config| config.queue_messages_max = 1).await;
    assert_eq!(announced(&rig).await, Ok(1));
    assert_eq!(announced(&rig).await, Err(Unsaid::NoRoom));
    assert_eq!(own_records(&rig), 1);
}

#[tokio::test]
async fn what_its_sender_cannot_write_is_told_to_nobody() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    let refused = rig.handle.announce(&command(), &mut |_| Err(Refusal::Full)).await;
    assert_eq!(refused, Err(Unsaid::Refused(Refusal::Full)));
    screen.expect_pong().await;
    drop(screen);
    let rig = again(rig).await;
    resumed(&rig, &kept("screen")).await.expect_pong().await;
}

async fn named_client(rig: &Rig, name: &str) -> Client<tokio::net::TcpStream> {
    let mut connect = named(name);
    connect.login = Some(Login::new(Text::new(name).unwrap(), Some(Bytes::from_static(b"open"))));
    rig.connect(&connect).await
}

#[tokio::test]
async fn a_guarded_topic_takes_a_scope_of_its_own_to_publish_and_none_to_subscribe() {
    let rig = Rig::new().await;
    rig.handle.guard(["open/stop".parse().unwrap()]);
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("open/#", QoS::AtLeastOnce).await;
    let mut writer = named_client(&rig, "writer").await;
    writer.says(message("open/temp", QoS::AtLeastOnce, 1, "21.5")).await;
    writer.send(&[Packet::Publish(message("open/stop", QoS::AtLeastOnce, 2, "1"))]).await;
    writer.expect_close().await;
    until(|| rig.closed(CloseReason::Denied) == 1).await;
    let mut commander = named_client(&rig, "commander").await;
    commander.says(message("open/stop", QoS::AtLeastOnce, 1, "now")).await;
    assert_eq!(screen.takes().await.0, "21.5");
    assert_eq!(screen.takes().await.0, "now");
    rig.handle.guard([]);
    named_client(&rig, "writer").await.says(message("open/stop", QoS::AtLeastOnce, 1, "free")).await;
    assert_eq!(screen.takes().await.0, "free");
}
