//! What only MQTT 5 has.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use tidegate_codec_mqtt::{
    Ack, Connack, Connect, ConnectOutcome, Disconnect, Login, Packet, QoS, ReasonCode, RetainHandling,
    Subscribe, SubscribeOutcome, Subscription, SubscriptionId, Text, TopicAlias, TopicFilter, UserProperty,
    Will,
};
use tidegate_kernel_journal::Level;
use tidegate_service_broker::{CloseReason, Shed};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::delivering::{id, message};
use crate::rig::{Rig, until};

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn v5(client_id: &str) -> Connect {
    Connect::v5(text(client_id))
}

fn lasting(client_id: &str, expiry_s: u32) -> Connect {
    let mut connect = v5(client_id);
    connect.clean_session = false;
    connect.properties.session_expiry_s = expiry_s;
    connect
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn knocks(stream: S, connect: &Connect) -> (Self, Connack) {
        let mut client = Self::fifth(stream);
        client.send(&[Packet::Connect(Box::new(connect.clone()))]).await;
        match client.packet().await {
            Some(Packet::Connack(connack)) => (client, connack),
            other => panic!("{other:?}"),
        }
    }

    async fn enters(stream: S, connect: &Connect) -> Self {
        let (client, connack) = Self::knocks(stream, connect).await;
        assert!(matches!(connack.outcome, ConnectOutcome::Accepted { .. }), "{connack:?}");
        client
    }

    async fn asks(&mut self, wanted: Subscription, number: Option<u32>) -> SubscribeOutcome {
        let mut subscribe = Subscribe::new(id(900), vec![wanted]);
        subscribe.subscription_id = number.and_then(SubscriptionId::new);
        self.send(&[Packet::Subscribe(subscribe)]).await;
        match self.packet().await {
            Some(Packet::Suback(suback)) => suback.outcomes[0],
            other => panic!("{other:?}"),
        }
    }

    /// The broker says why, and closes.
    async fn is_told(&mut self, reason: ReasonCode) {
        match self.packet().await {
            Some(Packet::Disconnect(Disconnect { reason: told, .. })) => assert_eq!(told, reason),
            other => panic!("{other:?}"),
        }
        self.expect_close().await;
    }
}

fn wanted(filter: &str, qos: QoS) -> Subscription {
    Subscription::new(TopicFilter::new(filter).unwrap(), qos)
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_what_the_broker_takes_and_gets_a_name_it_can_come_back_with() {
    let rig = Rig::with(Level::Memory, |config| {
        config.keep_alive_s_max = 60;
        config.session_expiry_s_max = 100;
    })
    .await;
    let mut connect = lasting("", 1000);
    connect.keep_alive_s = 120;
    let (client, connack) = Client::knocks(rig.pipe(), &connect).await;
    let told = &*connack.properties;
    assert_eq!((told.server_keep_alive_s, told.session_expiry_s), (Some(60), Some(100)));
    assert_eq!((told.receive_max.get(), told.topic_alias_max), (256, 32));
    connect.client_id = told.assigned_client_id.clone().unwrap();
    drop(client);
    rig.until_closed(CloseReason::Lost).await;
    let (_, connack) = Client::knocks(rig.pipe(), &connect).await;
    assert_eq!(connack.outcome, ConnectOutcome::Accepted { session_present: true });
}

#[tokio::test(start_paused = true)]
async fn properties_go_through_and_a_subscriber_of_3_1_1_gets_the_message_without_them() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut new = Client::enters(rig.pipe(), &v5("new")).await;
    new.asks(wanted("a", QoS::AtLeastOnce), Some(7)).await;
    let mut old = Client::connected(rig.pipe(), &crate::client::named("old")).await;
    old.subscribes("a", QoS::AtLeastOnce).await;
    let mut publish = message("a", QoS::AtLeastOnce, 1, "x");
    publish.properties.content_type = Some(text("text/plain"));
    publish.properties.user.push(UserProperty::new(text("unit"), text("C")));
    let mut publisher = Client::enters(rig.pipe(), &v5("press")).await;
    publisher.says(publish.clone()).await;
    let heard = new.hears().await;
    assert_eq!(*heard.properties, *publish.properties);
    assert_eq!(heard.subscription_ids, [SubscriptionId::new(7).unwrap()]);
    assert!(old.hears().await.properties.is_none());
    assert_eq!(*rig.shelf.notes().taken[0].properties, *publish.properties);
}

#[tokio::test(start_paused = true)]
async fn the_options_of_a_subscription_are_kept() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::enters(rig.pipe(), &v5("one")).await;
    let mut own = wanted("a", QoS::AtMostOnce);
    own.no_local = true;
    client.asks(own, None).await;
    let mut flagged = wanted("b", QoS::AtMostOnce);
    (flagged.retain_as_published, flagged.retain_handling) = (true, RetainHandling::SendIfNew);
    client.asks(flagged.clone(), None).await;
    client.send(&[Packet::Publish(message("a", QoS::AtMostOnce, 0, "own"))]).await;
    let mut publish = message("b", QoS::AtMostOnce, 0, "kept");
    publish.retain = true;
    client.send(&[Packet::Publish(publish)]).await;
    let heard = client.hears().await;
    assert!(heard.retain && heard.payload == "kept", "not its own, and flagged as it was published");
    client.asks(flagged, None).await;
    client.expect_pong().await;
    let mut never = wanted("b", QoS::AtMostOnce);
    never.retain_handling = RetainHandling::DoNotSend;
    client.asks(never, None).await;
    client.expect_pong().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_expires_in_the_queue_and_another_says_how_long_it_has_left() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut screen = Client::enters(rig.pipe(), &lasting("screen", 1000)).await;
    screen.asks(wanted("#", QoS::AtLeastOnce), None).await;
    drop(screen);
    rig.until_closed(CloseReason::Lost).await;
    let mut publisher = Client::enters(rig.pipe(), &v5("press")).await;
    for (number, expiry_s) in [(1, 5), (2, 60)] {
        let mut publish = message("a", QoS::AtLeastOnce, number, &number.to_string());
        publish.properties.expiry_s = Some(expiry_s);
        publish.retain = true;
        publisher.says(publish).await;
    }
    sleep(Duration::from_secs(20)).await;
    let mut screen = Client::enters(rig.pipe(), &lasting("screen", 1000)).await;
    let heard = screen.hears().await;
    assert_eq!((&heard.payload[..], heard.properties.expiry_s), (&b"2"[..], Some(40)));
    assert!(rig.snapshot().shed.contains(&(Shed::Expired, 1)));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.snapshot().retained, 0);
}

#[tokio::test(start_paused = true)]
async fn a_topic_alias_works_in_both_directions_and_one_that_is_too_high_ends_the_connection() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut connect = v5("screen");
    connect.properties.topic_alias_max = 1;
    let mut screen = Client::enters(rig.pipe(), &connect).await;
    screen.expect_alias_max(1);
    screen.asks(wanted("#", QoS::AtMostOnce), None).await;
    let mut publisher = Client::enters(rig.pipe(), &v5("press")).await;
    // Topic "ab" with alias 3, then alias 3 alone, payloads "1" and "2".
    publisher.send_raw(b"\x30\x09\x00\x02ab\x03\x23\x00\x031").await;
    publisher.send_raw(b"\x30\x07\x00\x00\x03\x23\x00\x032").await;
    for payload in ["1", "2"] {
        let heard = screen.hears().await;
        assert_eq!((heard.topic.as_str(), &heard.payload[..]), ("ab", payload.as_bytes()));
        assert_eq!(heard.alias, TopicAlias::new(1));
    }
    publisher.send_raw(b"\x30\x09\x00\x02ab\x03\x23\x00\x211").await;
    publisher.is_told(ReasonCode::TopicAliasInvalid).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_no_more_at_once_than_it_takes_and_nothing_larger() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut connect = v5("screen");
    connect.properties.receive_max = NonZeroU16::new(2).unwrap();
    connect.properties.packet_bytes_max = NonZeroU32::new(40);
    let mut screen = Client::enters(rig.pipe(), &connect).await;
    screen.asks(wanted("#", QoS::ExactlyOnce), None).await;
    let mut publisher = Client::enters(rig.pipe(), &v5("press")).await;
    publisher.says(message("a", QoS::AtLeastOnce, 1, &"x".repeat(40))).await;
    for number in 2..=5 {
        publisher.says(message("a", QoS::AtLeastOnce, number, &number.to_string())).await;
    }
    let (first, second) = (screen.hears().await, screen.hears().await);
    screen.expect_pong().await;
    screen.settles(&first).await;
    assert_eq!(screen.hears().await.payload, "4");
    screen.expect_pong().await;
    screen.settles(&second).await;
    assert_eq!(screen.hears().await.payload, "5");
    assert!(rig.snapshot().shed.contains(&(Shed::PacketTooLarge, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_more_at_once_than_it_was_told_is_cut_with_the_reason() {
    let rig = Rig::with(Level::Memory, |config| config.receive_max = 3).await;
    let mut client = Client::enters(rig.pipe(), &v5("eager")).await;
    for number in 1..=4 {
        client.send(&[Packet::Publish(message("a", QoS::ExactlyOnce, number, "x"))]).await;
    }
    client.is_told(ReasonCode::ReceiveMaximumExceeded).await;
    assert_eq!(rig.shelf.taken().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_will_waits_for_its_delay_unless_the_client_comes_back_or_its_session_ends_before() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut screen = Client::enters(rig.pipe(), &v5("screen")).await;
    screen.asks(wanted("gone", QoS::AtMostOnce), None).await;
    for (expiry_s, delay_s, expected_s) in [(60, 30, 30), (10, 30, 10), (0, 30, 0)] {
        let mut connect = lasting("pump", expiry_s);
        connect.clean_session = true;
        let mut will = Will::new("gone".parse().unwrap(), "bye".into());
        will.delay_s = delay_s;
        connect.will = Some(will);
        drop(Client::enters(rig.pipe(), &connect).await);
        let start = Instant::now();
        assert_eq!(screen.hears().await.payload, "bye");
        assert_eq!(start.elapsed().as_secs(), expected_s);
    }
    let mut connect = lasting("pump", 60);
    let mut will = Will::new("gone".parse().unwrap(), "bye".into());
    will.delay_s = 30;
    connect.will = Some(will);
    drop(Client::enters(rig.pipe(), &connect).await);
    sleep(Duration::from_secs(20)).await;
    connect.will = None;
    let _back = Client::enters(rig.pipe(), &connect).await;
    sleep(Duration::from_secs(40)).await;
    screen.expect_pong().await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_can_change_how_long_the_session_stays() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut client = Client::enters(rig.pipe(), &lasting("screen", 1)).await;
    let mut goodbye = Disconnect::default();
    goodbye.properties.session_expiry_s = Some(100);
    client.send(&[Packet::Disconnect(goodbye)]).await;
    client.expect_close().await;
    sleep(Duration::from_secs(50)).await;
    let (mut client, connack) = Client::knocks(rig.pipe(), &lasting("screen", 1)).await;
    assert_eq!(connack.outcome, ConnectOutcome::Accepted { session_present: true });
    let mut goodbye = Disconnect::with_reason(ReasonCode::DisconnectWithWill);
    goodbye.properties.session_expiry_s = Some(0);
    client.send(&[Packet::Disconnect(goodbye)]).await;
    client.expect_close().await;
    until(|| rig.snapshot().sessions == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_why_it_has_to_go() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut silent = v5("silent");
    silent.keep_alive_s = 10;
    Client::enters(rig.pipe(), &silent).await.is_told(ReasonCode::KeepAliveTimeout).await;
    let mut first = Client::enters(rig.pipe(), &v5("twin")).await;
    let _second = Client::enters(rig.pipe(), &v5("twin")).await;
    first.is_told(ReasonCode::SessionTakenOver).await;
    let mut last = Client::enters(rig.pipe(), &v5("last")).await;
    let handle = rig.handle.clone();
    let draining = tokio::spawn(async move { handle.drain(Instant::now() + Duration::from_secs(9)).await });
    last.is_told(ReasonCode::ServerShuttingDown).await;
    drop(last);
    draining.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scopes_say_where_a_client_may_publish_and_subscribe() {
    let rig = Rig::with(Level::Memory, |config| config.withheld = vec!["hidden/#".parse().unwrap()]).await;
    let login = |name: &str| Some(Login::new(text(name), Some("open".into())));
    let mut reader = v5("reader");
    reader.login = login("reader");
    let mut reader = Client::enters(rig.pipe(), &reader).await;
    let denied = SubscribeOutcome::Refused(ReasonCode::NotAuthorized);
    for (filter, outcome) in [
        ("open/#", SubscribeOutcome::Granted(QoS::AtMostOnce)),
        ("open/+/a", SubscribeOutcome::Granted(QoS::AtMostOnce)),
        ("$share/g/open/a", SubscribeOutcome::Granted(QoS::AtMostOnce)),
        ("#", denied),
        ("+/a", denied),
        ("$share/g/a", denied),
    ] {
        assert_eq!(reader.asks(wanted(filter, QoS::AtMostOnce), None).await, outcome, "{filter}");
    }
    for (qos, number) in [(QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 2)] {
        reader.send(&[Packet::Publish(message("open/a", qos, number, "x"))]).await;
        let ack = Ack::with_reason(id(number), ReasonCode::NotAuthorized);
        let expected = if number == 1 { Packet::Puback(ack) } else { Packet::Pubrec(ack) };
        assert_eq!(reader.packet().await, Some(expected));
    }
    let mut writer = v5("writer");
    writer.login = Some(Login::password_alone("a-token".into()));
    let mut writer = Client::enters(rig.pipe(), &writer).await;
    writer.says(message("open/a", QoS::AtLeastOnce, 1, "yes")).await;
    let mut anyone = Client::enters(rig.pipe(), &v5("anyone")).await;
    let hidden = SubscribeOutcome::Refused(ReasonCode::UnspecifiedError);
    assert_eq!(anyone.asks(wanted("hidden/a", QoS::AtMostOnce), None).await, hidden);
    anyone.asks(wanted("#", QoS::AtMostOnce), None).await;
    anyone.says(message("hidden/a", QoS::AtLeastOnce, 1, "secret")).await;
    anyone.expect_pong().await;
    assert_eq!(rig.shelf.taken(), ["yes", "secret"]);
    let mut old = crate::client::named("old");
    old.login = login("reader");
    let mut old = Client::connected(rig.pipe(), &old).await;
    old.send(&[Packet::Publish(message("open/a", QoS::AtLeastOnce, 1, "x"))]).await;
    old.expect_close().await;
    assert_eq!(rig.closed(CloseReason::Denied), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_known_or_wants_another_ones_session_is_refused_with_a_reason() {
    let rig = Rig::with(Level::Memory, |config| config.will_bytes_max = 3).await;
    let login = |name: &str, secret: &'static str| Some(Login::new(text(name), Some(secret.into())));
    let mut stranger = v5("stranger");
    stranger.login = login("reader", "wrong");
    let mut single = v5("single");
    single.login = login("single", "open");
    let _one = Client::enters(rig.pipe(), &single).await;
    single.client_id = text("double");
    let _mine = Client::enters(rig.pipe(), &lasting("mine", 100)).await;
    let mut thief = lasting("mine", 100);
    thief.login = login("reader", "open");
    let mut loud = v5("loud");
    loud.will = Some(Will::new("a".parse().unwrap(), "four".into()));
    for (connect, reason) in [
        (stranger, ReasonCode::BadUserNameOrPassword),
        (single, ReasonCode::QuotaExceeded),
        (thief, ReasonCode::ClientIdentifierNotValid),
        (loud, ReasonCode::NotAuthorized),
    ] {
        let (mut client, connack) = Client::knocks(rig.pipe(), &connect).await;
        assert_eq!(connack.outcome, ConnectOutcome::Refused(reason));
        client.expect_close().await;
    }
    until(|| rig.snapshot().connections_open == 2).await;
    assert_eq!(rig.closed(CloseReason::TakenOver), 0, "nobody had to leave for them");
}

#[tokio::test(start_paused = true)]
async fn a_principal_beyond_its_rate_is_not_read_from_until_it_may_go_on() {
    let rig = Rig::with(Level::Memory, |_| {}).await;
    let mut connect = v5("slow");
    connect.login = Some(Login::new(text("slow"), Some("open".into())));
    let mut client = Client::enters(rig.pipe(), &connect).await;
    let start = Instant::now();
    for number in 1..=12 {
        client.says(message("a", QoS::AtLeastOnce, number, "x")).await;
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(4) && took <= Duration::from_secs(5), "{took:?}");
}
