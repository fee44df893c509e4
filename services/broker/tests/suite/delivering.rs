//! From publisher to subscriber: qualities, retained messages, sessions that are resumed, shares, limits.

use bytes::Bytes;
use tidegate_codec_mqtt::{
    Ack, Connect, Delivery, Packet, PacketId, Publish, QoS, Subscribe, SubscribeOutcome, Subscription,
    TopicFilter, TopicName, Unsubscribe,
};
use tidegate_service_broker::{CloseReason, Shed};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::client::{Client, named, with_will};
use crate::rig::{Rig, until};

const QUALITIES: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

pub(crate) fn kept(client_id: &str) -> Connect {
    let mut connect = named(client_id);
    connect.clean_session = false;
    connect
}

pub(crate) fn message(topic: &str, qos: QoS, number: u16, payload: &str) -> Publish {
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id: id(number), dup: false },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id: id(number), dup: false },
    };
    Publish::new(TopicName::new(topic).unwrap(), Bytes::copy_from_slice(payload.as_bytes()), delivery)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn subscribes(&mut self, filter: &str, qos: QoS) -> SubscribeOutcome {
        let wanted = Subscription::new(TopicFilter::new(filter).unwrap(), qos);
        self.send(&[Packet::Subscribe(Subscribe::new(id(900), vec![wanted]))]).await;
        match self.packet().await {
            Some(Packet::Suback(suback)) => suback.outcomes[0],
            other => panic!("{other:?}"),
        }
    }

    /// Publishes and goes through the whole handshake.
    pub(crate) async fn says(&mut self, publish: Publish) {
        let delivery = publish.delivery;
        self.send(&[Packet::Publish(publish)]).await;
        match delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { id, .. } => {
                assert_eq!(self.packet().await, Some(Packet::Puback(Ack::new(id))));
            }
            Delivery::ExactlyOnce { id, .. } => {
                assert_eq!(self.packet().await, Some(Packet::Pubrec(Ack::new(id))));
                self.send(&[Packet::Pubrel(Ack::new(id))]).await;
                assert_eq!(self.packet().await, Some(Packet::Pubcomp(Ack::new(id))));
            }
        }
    }

    /// The next message, not acknowledged yet.
    pub(crate) async fn hears(&mut self) -> Publish {
        match self.packet().await {
            Some(Packet::Publish(publish)) => publish,
            other => panic!("{other:?}"),
        }
    }

    /// The next message, with the whole handshake.
    pub(crate) async fn takes(&mut self) -> (String, QoS) {
        let publish = self.hears().await;
        self.settles(&publish).await;
        (String::from_utf8(publish.payload.to_vec()).unwrap(), publish.delivery.qos())
    }

    /// So many messages, whatever their handshakes are mixed with.
    pub(crate) async fn gathers(&mut self, count: usize) -> Vec<String> {
        let (mut heard, mut open) = (Vec::new(), 0);
        while heard.len() < count || open > 0 {
            match self.packet().await {
                Some(Packet::Publish(publish)) => {
                    heard.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                    match publish.delivery {
                        Delivery::AtMostOnce => {}
                        Delivery::AtLeastOnce { id, .. } => self.send(&[Packet::Puback(Ack::new(id))]).await,
                        Delivery::ExactlyOnce { id, .. } => {
                            open += 1;
                            self.send(&[Packet::Pubrec(Ack::new(id))]).await;
                        }
                    }
                }
                Some(Packet::Pubrel(ack)) => {
                    open -= 1;
                    self.send(&[Packet::Pubcomp(ack)]).await;
                }
                other => panic!("{other:?}"),
            }
        }
        heard
    }

    pub(crate) async fn settles(&mut self, publish: &Publish) {
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { id, .. } => self.send(&[Packet::Puback(Ack::new(id))]).await,
            Delivery::ExactlyOnce { id, .. } => {
                self.send(&[Packet::Pubrec(Ack::new(id))]).await;
                assert_eq!(self.packet().await, Some(Packet::Pubrel(Ack::new(id))));
                self.send(&[Packet::Pubcomp(Ack::new(id))]).await;
            }
        }
    }

    /// Connects to a session that is there.
    pub(crate) async fn resumes(&mut self, connect: &Connect) {
        self.send(&[Packet::Connect(Box::new(connect.clone()))]).await;
        assert_eq!(self.raw(4).await, b"\x20\x02\x01\x00", "a session is present");
    }
}

pub(crate) async fn resumed(rig: &Rig, connect: &Connect) -> Client<TcpStream> {
    let mut client = rig.dial().await;
    client.resumes(connect).await;
    client
}

#[tokio::test]
async fn a_message_arrives_once_with_the_lower_of_both_qualities() {
    let rig = Rig::new().await;
    let mut publisher = rig.connect(&named("press")).await;
    for wanted in QUALITIES {
        let mut screen = rig.connect(&named("screen")).await;
        assert_eq!(screen.subscribes("line/+/temp", wanted).await, SubscribeOutcome::Granted(wanted));
        for (number, said) in (1..).zip(QUALITIES) {
            publisher.says(message("line/7/temp", said, number, "21.5")).await;
            assert_eq!(screen.takes().await, ("21.5".to_owned(), wanted.min(said)));
        }
        screen.expect_pong().await;
    }
    assert_eq!(rig.shelf.taken().len(), 9, "every publication is a reading as well");
    assert_eq!(rig.snapshot().sent, [5, 3, 1]);
}

#[tokio::test]
async fn a_client_with_several_matching_filters_gets_one_copy_and_none_after_it_unsubscribes() {
    let rig = Rig::new().await;
    let mut client = rig.connect(&named("screen")).await;
    client.subscribes("line/#", QoS::AtMostOnce).await;
    client.subscribes("line/+/temp", QoS::AtLeastOnce).await;
    client.send(&[Packet::Publish(message("line/7/temp", QoS::AtLeastOnce, 1, "both"))]).await;
    let (mut acks, mut heard) = (0, Vec::new());
    while acks + heard.len() < 2 {
        match client.packet().await {
            Some(Packet::Puback(_)) => acks += 1,
            Some(Packet::Publish(publish)) => heard.push(publish.delivery.qos()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((acks, heard), (1, vec![QoS::AtLeastOnce]));
    let filters = ["line/#", "line/+/temp"].map(|filter| TopicFilter::new(filter).unwrap());
    client.send(&[Packet::Unsubscribe(Unsubscribe::new(id(5), filters.to_vec()))]).await;
    assert!(matches!(client.packet().await, Some(Packet::Unsuback(_))));
    client.send(&[Packet::Publish(message("line/7/temp", QoS::AtMostOnce, 0, "late"))]).await;
    client.expect_pong().await;
    assert_eq!(rig.snapshot().subscriptions, 0);
}

#[tokio::test]
async fn a_retained_message_is_sent_to_whoever_subscribes_later_and_an_empty_one_clears_it() {
    let rig = Rig::new().await;
    let mut publisher = rig.connect(&named("press")).await;
    for (number, qos) in (1..).zip(QUALITIES) {
        let mut publish = message(&format!("state/{number}"), qos, number, "on");
        publish.retain = true;
        publisher.says(publish).await;
    }
    publisher.expect_pong().await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("state/#", QoS::AtLeastOnce).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let publish = screen.hears().await;
        assert!(publish.retain);
        screen.settles(&publish).await;
        heard.push(publish.delivery.qos());
    }
    heard.sort_unstable();
    assert_eq!(heard, [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::AtLeastOnce]);
    let mut clearing = message("state/1", QoS::AtLeastOnce, 9, "");
    clearing.retain = true;
    publisher.says(clearing).await;
    assert!(!screen.hears().await.retain, "to a subscriber it is a message like any other");
    assert_eq!(rig.snapshot().retained, 2);
}

#[tokio::test]
async fn retained_messages_beyond_the_limit_are_sent_and_not_kept() {
    let rig = Rig::with(tidegate_kernel_journal::Level::Os, |config| config.retained_max = 1).await;
    let mut client = rig.connect(&named("press")).await;
    for number in 1..=3 {
        let mut publish = message(&format!("state/{number}"), QoS::AtLeastOnce, number, "on");
        publish.retain = true;
        client.says(publish).await;
    }
    let shed = rig.snapshot().shed;
    assert!(shed.contains(&(Shed::RetainedFull, 2)), "{shed:?}");
    assert_eq!(rig.snapshot().retained, 1);
}

#[tokio::test]
async fn a_session_that_is_kept_gets_what_was_published_while_its_client_was_away_in_order() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("line/#", QoS::ExactlyOnce).await;
    screen.send(&[Packet::Disconnect(Default::default())]).await;
    screen.expect_close().await;
    let mut publisher = rig.connect(&named("press")).await;
    for number in 1..=20 {
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        publisher.says(message("line/1", qos, number, &number.to_string())).await;
    }
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(screen.gathers(20).await, (1..=20).map(|number| number.to_string()).collect::<Vec<_>>());
    screen.expect_pong().await;
}

#[tokio::test]
async fn what_was_sent_and_not_acknowledged_is_sent_again_with_its_identifier_and_marked() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("line/#", QoS::ExactlyOnce).await;
    let mut publisher = rig.connect(&named("press")).await;
    publisher.says(message("line/1", QoS::AtLeastOnce, 1, "a")).await;
    publisher.says(message("line/1", QoS::ExactlyOnce, 2, "b")).await;
    publisher.says(message("line/1", QoS::ExactlyOnce, 3, "c")).await;
    let first = [screen.hears().await, screen.hears().await, screen.hears().await];
    let received = first[1].delivery.id().unwrap();
    screen.send(&[Packet::Pubrec(Ack::new(received))]).await;
    assert_eq!(screen.packet().await, Some(Packet::Pubrel(Ack::new(received))));
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    let mut screen = resumed(&rig, &kept("screen")).await;
    assert_eq!(
        screen.packet().await,
        Some(Packet::Pubrel(Ack::new(received))),
        "it is not sent a second time"
    );
    for before in [&first[0], &first[2]] {
        let again = screen.hears().await;
        assert!(again.delivery.is_dup() && again.delivery.id() == before.delivery.id());
        assert_eq!(again.payload, before.payload);
    }
}

#[tokio::test]
async fn a_qos_2_publication_that_is_sent_twice_is_taken_once() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("#", QoS::AtMostOnce).await;
    let mut publisher = rig.connect(&kept("press")).await;
    publisher.send(&[Packet::Publish(message("a", QoS::ExactlyOnce, 7, "once"))]).await;
    assert_eq!(publisher.packet().await, Some(Packet::Pubrec(Ack::new(id(7)))));
    drop(publisher);
    rig.until_closed(CloseReason::Lost).await;
    let mut publisher = resumed(&rig, &kept("press")).await;
    let mut again = message("a", QoS::ExactlyOnce, 7, "once");
    again.delivery = Delivery::ExactlyOnce { id: id(7), dup: true };
    publisher.says(again).await;
    publisher.says(message("a", QoS::ExactlyOnce, 7, "twice")).await;
    assert_eq!([screen.takes().await.0, screen.takes().await.0], ["once", "twice"]);
    assert_eq!(rig.shelf.taken(), ["once", "twice"]);
}

#[tokio::test]
async fn of_a_share_one_member_gets_each_message_and_the_others_theirs_in_turn() {
    let rig = Rig::new().await;
    let mut members = Vec::new();
    for name in ["one", "two", "three"] {
        let mut member = rig.connect(&named(name)).await;
        member.subscribes("$share/workers/jobs/#", QoS::AtLeastOnce).await;
        members.push(member);
    }
    let mut all = rig.connect(&named("all")).await;
    all.subscribes("jobs/#", QoS::AtMostOnce).await;
    let mut publisher = rig.connect(&named("press")).await;
    for number in 1..=9 {
        publisher.says(message("jobs/cut", QoS::AtLeastOnce, number, &number.to_string())).await;
        assert_eq!(all.takes().await.0, number.to_string());
    }
    let mut heard = Vec::new();
    for member in &mut members {
        for _ in 0..3 {
            heard.push(member.takes().await.0.parse::<u16>().unwrap());
        }
        member.expect_pong().await;
    }
    heard.sort_unstable();
    assert_eq!(heard, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_bounded_and_what_it_misses_is_counted() {
    let rig = Rig::with(tidegate_kernel_journal::Level::Memory, |config| {
        config.queue_messages_max = 10;
        config.inflight_max = 5;
    })
    .await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    let mut publisher = rig.connect(&named("press")).await;
    for number in 1..=30 {
        publisher.says(message("a", QoS::AtLeastOnce, number, &number.to_string())).await;
    }
    for number in 1..=15 {
        assert_eq!(screen.takes().await.0, number.to_string(), "five in flight and ten in the queue");
    }
    screen.expect_pong().await;
    until(|| rig.snapshot().shed.contains(&(Shed::QueueFull, 15))).await;
}

#[tokio::test]
async fn a_will_reaches_subscribers_and_stays_where_it_is_retained() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.subscribes("line/#", QoS::AtLeastOnce).await;
    let mut connect = with_will("pump", "gone");
    connect.will.as_mut().unwrap().retain = true;
    drop(rig.connect(&connect).await);
    assert_eq!(screen.takes().await.0, "gone");
    assert_eq!((rig.snapshot().retained, rig.shelf.taken()), (1, vec!["gone".to_owned()]));
}

#[tokio::test]
async fn a_clean_session_throws_away_what_was_kept() {
    let rig = Rig::new().await;
    let mut screen = rig.connect(&kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    let mut publisher = rig.connect(&named("press")).await;
    publisher.says(message("a", QoS::AtLeastOnce, 1, "missed")).await;
    let mut screen = rig.connect(&named("screen")).await;
    screen.expect_pong().await;
    assert!(rig.snapshot().shed.contains(&(Shed::SessionEnded, 1)));
    drop(screen);
    until(|| rig.snapshot().sessions == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_of_a_client_that_stays_away_ends_at_its_expiry() {
    let rig =
        Rig::with(tidegate_kernel_journal::Level::Memory, |config| config.session_expiry_s_max = 60).await;
    let mut screen = Client::connected(rig.pipe(), &kept("screen")).await;
    screen.subscribes("#", QoS::AtLeastOnce).await;
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    tokio::time::sleep(std::time::Duration::from_secs(59)).await;
    Client::new(rig.pipe()).resumes(&kept("screen")).await;
    until(|| rig.snapshot().connections_open == 0).await;
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!((rig.snapshot().sessions, rig.snapshot().subscriptions), (0, 0));
    Client::connected(rig.pipe(), &kept("screen")).await.expect_pong().await;
}
