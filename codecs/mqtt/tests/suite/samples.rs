//! Short ways to say a packet, and one stream of every type for each direction.

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Ack, Connack, Connect, Delivery, Disconnect, Encoder, Login, Packet, PacketId, ProtocolLevel, Publish,
    QoS, Refusal, Suback, Subscribe, SubscribeOutcome, Subscription, Text, TopicFilter, TopicName, Unsuback,
    Unsubscribe, Will,
};

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("tests use identifiers above zero")
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).expect("tests use valid strings")
}

pub(crate) fn name(name: &str) -> TopicName {
    TopicName::new(name).expect("tests use valid topic names")
}

pub(crate) fn filter(filter: &str) -> TopicFilter {
    TopicFilter::new(filter).expect("tests use valid topic filters")
}

pub(crate) fn publish(topic: &str, payload: &'static [u8], delivery: Delivery) -> Publish {
    Publish::new(name(topic), Bytes::from_static(payload), delivery)
}

pub(crate) fn encoded(packet: &Packet) -> BytesMut {
    encoded_at(ProtocolLevel::V311, packet)
}

pub(crate) fn encoded_at(level: ProtocolLevel, packet: &Packet) -> BytesMut {
    let mut bytes = BytesMut::new();
    Encoder::new(level).encode(packet, &mut bytes).expect("a valid packet");
    bytes
}

/// CONNECT with everything set.
pub(crate) fn full_connect() -> Connect {
    let mut will = Will::new(name("press/4/state"), Bytes::from_static(b"gone"));
    will.qos = QoS::AtLeastOnce;
    will.retain = true;
    let mut connect = Connect::new(text("press-4"));
    connect.clean_session = false;
    connect.keep_alive_s = 30;
    connect.will = Some(will);
    connect.login = Some(Login::new(text("press"), Some(Bytes::from_static(b"\x00secret\xff"))));
    connect
}

/// What a client sends, in an order a server takes.
pub(crate) fn to_server() -> Vec<Packet> {
    let mut retained = publish("press/4/温度", b"21.5", Delivery::ExactlyOnce { id: id(7), dup: true });
    retained.retain = true;
    let subscriptions = vec![
        Subscription::new(filter("press/+/temp"), QoS::AtLeastOnce),
        Subscription::new(filter("#"), QoS::ExactlyOnce),
    ];
    vec![
        Packet::Connect(Box::new(full_connect())),
        Packet::Publish(publish("a", b"", Delivery::AtMostOnce)),
        Packet::Publish(publish("press/4", &[b'x'; 200], Delivery::AtLeastOnce { id: id(1), dup: false })),
        Packet::Publish(retained),
        Packet::Puback(Ack::new(id(2))),
        Packet::Pubrec(Ack::new(id(3))),
        Packet::Pubrel(Ack::new(id(4))),
        Packet::Pubcomp(Ack::new(id(65535))),
        Packet::Subscribe(Subscribe::new(id(5), subscriptions)),
        Packet::Unsubscribe(Unsubscribe::new(id(6), vec![filter("press/+/temp"), filter("/")])),
        Packet::Pingreq,
        Packet::Disconnect(Disconnect::default()),
    ]
}

/// What a server sends.
pub(crate) fn to_client() -> Vec<Packet> {
    let granted = SubscribeOutcome::Granted;
    let outcomes = vec![granted(QoS::AtMostOnce), granted(QoS::ExactlyOnce), SubscribeOutcome::FAILED];
    vec![
        Packet::Connack(Connack::accepted(true)),
        Packet::Connack(Connack::refused(Refusal::NotAuthorized)),
        Packet::Publish(publish("$SYS/load", b"1", Delivery::AtMostOnce)),
        Packet::Puback(Ack::new(id(1))),
        Packet::Pubrec(Ack::new(id(2))),
        Packet::Pubrel(Ack::new(id(3))),
        Packet::Pubcomp(Ack::new(id(4))),
        Packet::Suback(Suback::new(id(5), outcomes)),
        Packet::Unsuback(Unsuback::new(id(6))),
        Packet::Pingresp,
    ]
}

pub(crate) fn stream(packets: &[Packet]) -> Vec<u8> {
    packets.iter().flat_map(|packet| encoded(packet).to_vec()).collect()
}
