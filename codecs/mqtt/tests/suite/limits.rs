//! What an encoder refuses to write, and the largest things both sides take.

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Connect, Delivery, EncodeError, Encoder, FIELD_BYTES_MAX, FILTERS_MAX, Kind, Login, PACKET_BYTES_MAX,
    Packet, ProtocolLevel, QoS, Suback, Subscribe, SubscribeOutcome, Subscription, Text, TextError,
    TopicName, Unsubscribe, Will,
};

use crate::harness::{V311, check_round_trip, client, open_server, real};
use crate::samples::{filter, id, name, publish, text};

fn encode(packet: &Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
    Encoder::new(ProtocolLevel::V311).encode(packet, out)
}

#[track_caller]
fn check(packet: &Packet, expected: EncodeError) {
    let mut out = BytesMut::from(&b"before"[..]);
    assert_eq!(encode(packet, &mut out), Err(expected));
    assert_eq!(out, b"before"[..], "a refused packet leaves no bytes");
}

#[test]
fn a_body_longer_than_a_remaining_length_is_refused() {
    let mut message = publish("a", b"", Delivery::AtMostOnce);
    message.payload = Bytes::from(vec![0; PACKET_BYTES_MAX]);
    check(&Packet::Publish(message), EncodeError::PacketTooLarge { bytes: PACKET_BYTES_MAX + 3 });
}

#[test]
fn a_field_longer_than_its_length_is_refused() {
    let long = Bytes::from(vec![0; FIELD_BYTES_MAX + 1]);
    let mut connect = Connect::new(text("c"));
    connect.login = Some(Login::new(text("u"), Some(long.clone())));
    let error = EncodeError::FieldTooLong { name: "password", bytes: FIELD_BYTES_MAX + 1 };
    check(&Packet::Connect(Box::new(connect.clone())), error);
    connect.will = Some(Will::new(name("w"), long));
    let error = EncodeError::FieldTooLong { name: "will payload", bytes: FIELD_BYTES_MAX + 1 };
    check(&Packet::Connect(Box::new(connect)), error);
}

#[test]
fn the_longest_fields_go_through() {
    let longest = Bytes::from(vec![b'x'; FIELD_BYTES_MAX]);
    let string = Text::try_from(longest.clone()).expect("a string of the longest length");
    let mut connect = Connect::new(string.clone());
    let topic = TopicName::try_from(string.clone()).expect("a topic of the longest length");
    connect.will = Some(Will::new(topic, longest.clone()));
    connect.login = Some(Login::new(string, Some(longest)));
    check_round_trip(V311, &Packet::Connect(Box::new(connect)), real().encode);
    let too_long = "x".repeat(FIELD_BYTES_MAX + 1);
    assert_eq!(Text::new(&too_long), Err(TextError::TooLong { bytes: FIELD_BYTES_MAX + 1 }));
}

#[test]
fn lists_that_must_not_be_empty_are_refused() {
    check(&Packet::Subscribe(Subscribe::new(id(1), vec![])), EncodeError::Empty { kind: Kind::Subscribe });
    let unsubscribe = Unsubscribe::new(id(1), vec![]);
    check(&Packet::Unsubscribe(unsubscribe), EncodeError::Empty { kind: Kind::Unsubscribe });
    check(&Packet::Suback(Suback::new(id(1), vec![])), EncodeError::Empty { kind: Kind::Suback });
}

fn lists(count: usize) -> [Packet; 3] {
    let subscription = Subscription::new(filter("#"), QoS::AtMostOnce);
    [
        Packet::Subscribe(Subscribe::new(id(1), vec![subscription; count])),
        Packet::Unsubscribe(Unsubscribe::new(id(1), vec![filter("+"); count])),
        Packet::Suback(Suback::new(id(1), vec![SubscribeOutcome::FAILED; count])),
    ]
}

#[test]
fn the_longest_lists_go_through_and_one_entry_more_does_not() {
    for packet in lists(FILTERS_MAX) {
        check_round_trip(V311, &packet, real().encode);
    }
    for packet in lists(FILTERS_MAX + 1) {
        check(&packet, EncodeError::TooManyFilters { kind: packet.kind(), count: FILTERS_MAX + 1 });
    }
}

#[test]
fn a_received_list_that_is_too_long_is_refused() {
    let entries: [(u8, &[u8]); 3] = [(0x82, b"\x00\x01#\x00"), (0xa2, b"\x00\x01#"), (0x90, b"\x80")];
    for (first, entry) in entries {
        let body = [&b"\x00\x01"[..], &entry.repeat(FILTERS_MAX + 1)].concat();
        let length = [body.len() as u8 | 0x80, (body.len() >> 7) as u8 | 0x80, (body.len() >> 14) as u8];
        let mut bytes = BytesMut::from(&[&[first], &length[..], &body[..]].concat()[..]);
        let mut decoder = if first == 0x90 { client(V311) } else { open_server(V311) };
        let error = decoder.decode(&mut bytes).expect_err("one entry too many");
        assert_eq!(error.code(), "TG-MQ-034", "{first:#04x}: {error}");
    }
}

#[test]
fn a_kept_session_without_an_identifier_is_not_asked_for() {
    let mut connect = Connect::new(Text::default());
    connect.clean_session = false;
    check(&Packet::Connect(Box::new(connect)), EncodeError::ClientIdMissing);
}
