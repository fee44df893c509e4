//! Short ways to say what MQTT 5.0 adds, and one stream of every type for each direction.

use bytes::Bytes;
use tidegate_codec_mqtt::{
    Ack, Auth, Authentication, Connack, Connect, Delivery, Disconnect, Packet, PayloadFormat, Publish, QoS,
    ReasonCode, RetainHandling, Suback, Subscribe, SubscribeOutcome, Subscription, SubscriptionId,
    TopicAlias, Unsuback, Unsubscribe, UserProperty,
};

use crate::samples::{filter, full_connect, id, name, publish, text};

pub(crate) fn user(name: &str, value: &str) -> UserProperty {
    UserProperty::new(text(name), text(value))
}

pub(crate) fn alias(number: u16) -> TopicAlias {
    TopicAlias::new(number).expect("tests use aliases above zero")
}

pub(crate) fn subscription_id(number: u32) -> SubscriptionId {
    SubscriptionId::new(number).expect("tests use identifiers in their range")
}

/// CONNECT with everything set.
pub(crate) fn full_connect_v5() -> Connect {
    let mut connect = full_connect();
    connect.level = tidegate_codec_mqtt::ProtocolLevel::V5;
    connect.properties.session_expiry_s = 3600;
    connect.properties.topic_alias_max = 4;
    connect.properties.packet_bytes_max = std::num::NonZeroU32::new(65536);
    connect.properties.request_problem_information = false;
    let data = Bytes::from_static(b"\x00\x01");
    connect.properties.authentication = Some(Authentication::new(text("SCRAM-SHA-256"), Some(data)));
    connect.properties.user = vec![user("line", "4"), user("line", "5")];
    let will = connect.will.as_mut().expect("the full CONNECT has a will");
    will.delay_s = 60;
    will.properties.content_type = Some(text("text/plain"));
    connect
}

/// PUBLISH with everything a client may set.
pub(crate) fn full_publish() -> Publish {
    let mut message = publish("press/4/温度", b"21.5", Delivery::AtLeastOnce { id: id(9), dup: false });
    message.alias = Some(alias(3));
    message.properties.payload_format = Some(PayloadFormat::Utf8);
    message.properties.expiry_s = Some(30);
    message.properties.content_type = Some(text("text/plain"));
    message.properties.response_topic = Some(name("press/4/answer"));
    message.properties.correlation_data = Some(Bytes::from_static(b"\x00\xff"));
    message.properties.user = vec![user("b", "2"), user("a", ""), user("b", "1")];
    message
}

fn refused_ack(number: u16, reason: ReasonCode) -> Ack {
    let mut ack = Ack::with_reason(id(number), reason);
    ack.properties.reason_string = Some(text("not here"));
    ack.properties.user = vec![user("limit", "9")];
    ack
}

fn auth(reason: ReasonCode) -> Packet {
    Packet::Auth(Box::new(Auth::new(reason, Authentication::new(text("SCRAM-SHA-256"), None))))
}

/// What a client sends, in an order a server takes.
pub(crate) fn to_server() -> Vec<Packet> {
    let mut shared = Subscription::new(filter("$share/writers/press/#"), QoS::AtLeastOnce);
    shared.retain_handling = RetainHandling::DoNotSend;
    let mut own = Subscription::new(filter("press/+/temp"), QoS::ExactlyOnce);
    (own.no_local, own.retain_as_published) = (true, true);
    let mut subscribe = Subscribe::new(id(5), vec![shared, own]);
    subscribe.subscription_id = Some(subscription_id(300));
    let mut leaving = Disconnect::with_reason(ReasonCode::DisconnectWithWill);
    leaving.properties.session_expiry_s = Some(0);
    vec![
        Packet::Connect(Box::new(full_connect_v5())),
        auth(ReasonCode::ContinueAuthentication),
        Packet::Publish(publish("a", b"1", Delivery::AtMostOnce)),
        Packet::Publish(full_publish()),
        Packet::Puback(refused_ack(2, ReasonCode::QuotaExceeded)),
        Packet::Pubrec(Ack::with_reason(id(3), ReasonCode::NoMatchingSubscribers)),
        Packet::Pubrel(Ack::with_reason(id(4), ReasonCode::PacketIdentifierNotFound)),
        Packet::Pubcomp(Ack::new(id(65535))),
        Packet::Subscribe(subscribe),
        Packet::Unsubscribe(Unsubscribe::new(id(6), vec![filter("press/+/temp"), filter("/")])),
        Packet::Pingreq,
        Packet::Disconnect(leaving),
    ]
}

/// What a server sends.
pub(crate) fn to_client() -> Vec<Packet> {
    let mut welcome = Connack::accepted(true);
    welcome.properties.assigned_client_id = Some(text("auto-7"));
    welcome.properties.server_keep_alive_s = Some(60);
    welcome.properties.retain_available = false;
    let mut forwarded = full_publish();
    forwarded.subscription_ids = vec![subscription_id(1), subscription_id(SubscriptionId::MAX)];
    let outcomes = vec![
        SubscribeOutcome::Granted(QoS::ExactlyOnce),
        SubscribeOutcome::Refused(ReasonCode::NotAuthorized),
    ];
    let reasons = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    vec![
        Packet::Connack(welcome),
        Packet::Connack(Connack::refused(ReasonCode::Banned)),
        auth(ReasonCode::Success),
        Packet::Publish(forwarded),
        Packet::Puback(Ack::new(id(1))),
        Packet::Pubrec(refused_ack(2, ReasonCode::NotAuthorized)),
        Packet::Pubrel(Ack::new(id(3))),
        Packet::Pubcomp(refused_ack(4, ReasonCode::PacketIdentifierNotFound)),
        Packet::Suback(Suback::new(id(5), outcomes)),
        Packet::Unsuback(Unsuback::with_reasons(id(6), reasons)),
        Packet::Pingresp,
        Packet::Disconnect(Disconnect::with_reason(ReasonCode::SessionTakenOver)),
    ]
}
