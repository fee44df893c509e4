//! Any packet that can be built is written and read back equal.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_codec_mqtt::{
    Ack, Connack, Connect, Delivery, Disconnect, Encoder, Login, Packet, PacketId, ProtocolLevel, Publish,
    QoS, Refusal, Suback, Subscribe, SubscribeOutcome, Subscription, Text, TopicFilter, TopicName, Unsuback,
    Unsubscribe, Will,
};

use crate::harness::{V311, check_round_trip, fuzz_one, real};
use crate::samples::encoded;

pub(crate) fn any_string() -> impl Strategy<Value = String> {
    let character = prop_oneof![4 => proptest::char::range('a', 'f'), 2 => Just('/'), 1 => any::<char>()];
    vec(character.prop_filter("no null", |c| *c != '\0'), 0..24).prop_map(String::from_iter)
}

pub(crate) fn any_text() -> impl Strategy<Value = Text> {
    any_string().prop_map(|string| Text::new(&string).expect("short and without null"))
}

pub(crate) fn any_name() -> impl Strategy<Value = TopicName> {
    any_string().prop_filter_map("a topic name", |string| TopicName::new(&string).ok())
}

pub(crate) fn any_filter() -> impl Strategy<Value = TopicFilter> {
    let level = prop_oneof![any_string(), Just("+".to_owned()), Just(String::new())];
    (vec(level, 1..5), any::<bool>()).prop_filter_map("a topic filter", |(mut levels, all)| {
        levels.extend(all.then(|| "#".to_owned()));
        TopicFilter::new(&levels.join("/")).ok()
    })
}

pub(crate) fn any_bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

pub(crate) fn any_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_filter_map("above zero", PacketId::new)
}

pub(crate) fn any_qos() -> impl Strategy<Value = QoS> {
    (0..3_u8).prop_filter_map("below three", QoS::new)
}

pub(crate) fn any_delivery() -> impl Strategy<Value = Delivery> {
    (any_qos(), any_id(), any::<bool>()).prop_map(|(qos, id, dup)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
    })
}

pub(crate) fn any_publish() -> impl Strategy<Value = Publish> {
    (any_name(), any_bytes(), any_delivery(), any::<bool>()).prop_map(|(topic, payload, delivery, retain)| {
        let mut publish = Publish::new(topic, payload, delivery);
        publish.retain = retain;
        publish
    })
}

pub(crate) fn any_will() -> impl Strategy<Value = Will> {
    (any_name(), any_bytes(), any_qos(), any::<bool>()).prop_map(|(topic, payload, qos, retain)| {
        let mut will = Will::new(topic, payload);
        will.qos = qos;
        will.retain = retain;
        will
    })
}

fn any_login() -> impl Strategy<Value = Login> {
    (any_text(), proptest::option::of(any_bytes()))
        .prop_map(|(user_name, password)| Login::new(user_name, password))
}

pub(crate) fn any_connect() -> impl Strategy<Value = Connect> {
    let will = proptest::option::of(any_will());
    let login = proptest::option::of(any_login());
    (any_text(), any::<bool>(), any::<u16>(), will, login).prop_map(
        |(client_id, clean, keep_alive_s, will, login)| {
            let mut connect = Connect::new(client_id);
            connect.clean_session = clean || connect.client_id.as_bytes().is_empty();
            connect.keep_alive_s = keep_alive_s;
            connect.will = will;
            connect.login = login;
            connect
        },
    )
}

fn any_connack() -> impl Strategy<Value = Connack> {
    prop_oneof![
        any::<bool>().prop_map(Connack::accepted),
        Just(Connack::refused(Refusal::UnacceptableProtocolVersion)),
        Just(Connack::refused(Refusal::IdentifierRejected)),
        Just(Connack::refused(Refusal::ServerUnavailable)),
        Just(Connack::refused(Refusal::BadUserNameOrPassword)),
        Just(Connack::refused(Refusal::NotAuthorized)),
    ]
}

pub(crate) fn any_subscribe() -> impl Strategy<Value = Subscribe> {
    let subscription = (any_filter(), any_qos()).prop_map(|(filter, qos)| Subscription::new(filter, qos));
    (any_id(), vec(subscription, 1..9)).prop_map(|(id, subscriptions)| Subscribe::new(id, subscriptions))
}

fn any_suback() -> impl Strategy<Value = Suback> {
    let outcome = prop_oneof![any_qos().prop_map(SubscribeOutcome::Granted), Just(SubscribeOutcome::FAILED)];
    (any_id(), vec(outcome, 1..9)).prop_map(|(id, outcomes)| Suback::new(id, outcomes))
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let unsubscribe =
        (any_id(), vec(any_filter(), 1..9)).prop_map(|(id, filters)| Unsubscribe::new(id, filters));
    prop_oneof![
        3 => any_connect().prop_map(|connect| Packet::Connect(Box::new(connect))),
        1 => any_connack().prop_map(Packet::Connack),
        4 => any_publish().prop_map(Packet::Publish),
        1 => any_id().prop_map(|id| Packet::Puback(Ack::new(id))),
        1 => any_id().prop_map(|id| Packet::Pubrec(Ack::new(id))),
        1 => any_id().prop_map(|id| Packet::Pubrel(Ack::new(id))),
        1 => any_id().prop_map(|id| Packet::Pubcomp(Ack::new(id))),
        2 => any_subscribe().prop_map(Packet::Subscribe),
        1 => any_suback().prop_map(Packet::Suback),
        2 => unsubscribe.prop_map(Packet::Unsubscribe),
        1 => any_id().prop_map(|id| Packet::Unsuback(Unsuback::new(id))),
        1 => Just(Packet::Pingreq),
        1 => Just(Packet::Pingresp),
        1 => Just(Packet::Disconnect(Disconnect::default())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_packet_written_is_read_back_equal(packet in any_packet()) {
        check_round_trip(V311, &packet, real().encode);
    }

    #[test]
    fn any_stream_of_packets_passes_the_fuzz_checks(packets in vec(any_packet(), 0..4)) {
        let bytes: Vec<u8> = packets.iter().flat_map(encoded).collect();
        fuzz_one(&bytes);
    }

    #[test]
    fn a_publish_written_for_many_is_the_same_as_in_a_packet(publish in any_publish()) {
        let mut bytes = BytesMut::new();
        Encoder::new(ProtocolLevel::V311).publish(&publish, &mut bytes).expect("a valid PUBLISH");
        prop_assert_eq!(bytes, encoded(&Packet::Publish(publish)));
    }

    #[test]
    fn any_bytes_pass_the_fuzz_checks(bytes in vec(any::<u8>(), 0..64)) {
        fuzz_one(&bytes);
    }
}
