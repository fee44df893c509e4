//! Bytes worked out by hand from the standard's tables and figures, checked in both directions.

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Ack, Connack, Connect, Decoder, Delivery, Disconnect, Encoder, Login, Packet, ProtocolLevel, QoS,
    Refusal, Suback, Subscribe, SubscribeOutcome, Subscription, Text, Unsuback, Unsubscribe, Will,
};

use crate::harness::{V311, client, fresh_server, open_server};
use crate::samples::{encoded, filter, full_connect, id, name, publish, text};

fn check(mut decoder: Decoder, bytes: &[u8], packet: &Packet) {
    assert_eq!(encoded(packet), bytes, "encoding {packet:?}");
    let mut buffer = BytesMut::from(bytes);
    assert_eq!(decoder.decode(&mut buffer).as_ref(), Ok(&Some(packet.clone())), "decoding {bytes:02x?}");
    assert!(buffer.is_empty());
}

#[test]
fn the_connect_of_figure_3_6_has_every_flag_in_its_place() {
    let mut connect = Connect::new(text("c"));
    connect.keep_alive_s = 10;
    let mut will = Will::new(name("w"), Bytes::from_static(b"m"));
    will.qos = QoS::AtLeastOnce;
    connect.will = Some(will);
    connect.login = Some(Login::new(text("u"), Some(Bytes::from_static(b"p"))));
    let bytes = b"\x10\x19\x00\x04MQTT\x04\xce\x00\x0a\x00\x01c\x00\x01w\x00\x01m\x00\x01u\x00\x01p";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn the_smallest_connect_is_anonymous_and_clean() {
    let connect = Packet::Connect(Box::new(Connect::new(Text::default())));
    check(fresh_server(), b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", &connect);
}

#[test]
fn a_user_name_needs_no_password_and_a_will_may_be_empty() {
    let mut connect = Connect::new(text("id"));
    connect.clean_session = false;
    connect.keep_alive_s = 0xffff;
    let mut will = Will::new(name("w"), Bytes::new());
    will.qos = QoS::ExactlyOnce;
    will.retain = true;
    connect.will = Some(will);
    connect.login = Some(Login::new(text(""), None));
    let bytes = b"\x10\x15\x00\x04MQTT\x04\xb4\xff\xff\x00\x02id\x00\x01w\x00\x00\x00\x00";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn a_connack_carries_session_or_reason() {
    check(client(V311), b"\x20\x02\x00\x00", &Packet::Connack(Connack::accepted(false)));
    check(client(V311), b"\x20\x02\x01\x00", &Packet::Connack(Connack::accepted(true)));
    let refusals = [
        Refusal::UnacceptableProtocolVersion,
        Refusal::IdentifierRejected,
        Refusal::ServerUnavailable,
        Refusal::BadUserNameOrPassword,
        Refusal::NotAuthorized,
    ];
    for (code, refusal) in (1..).zip(refusals) {
        check(client(V311), &[0x20, 2, 0, code], &Packet::Connack(Connack::refused(refusal)));
    }
}

#[test]
fn the_publish_of_figure_3_11_has_topic_identifier_and_payload() {
    let at_least_once = |dup| Delivery::AtLeastOnce { id: id(10), dup };
    let packet = Packet::Publish(publish("a/b", b"21", at_least_once(false)));
    check(open_server(V311), b"\x32\x09\x00\x03a/b\x00\x0a21", &packet);
    let packet = Packet::Publish(publish("a/b", b"21", at_least_once(true)));
    check(client(V311), b"\x3a\x09\x00\x03a/b\x00\x0a21", &packet);
}

#[test]
fn a_publish_at_qos_0_has_no_identifier() {
    let mut message = publish("a/b", b"\x00\x0a", Delivery::AtMostOnce);
    check(open_server(V311), b"\x30\x07\x00\x03a/b\x00\x0a", &Packet::Publish(message.clone()));
    message.retain = true;
    check(client(V311), b"\x31\x07\x00\x03a/b\x00\x0a", &Packet::Publish(message));
}

#[test]
fn a_publish_at_qos_2_may_be_empty_repeated_and_retained() {
    let mut message = publish("/", b"", Delivery::ExactlyOnce { id: id(0xfffe), dup: true });
    message.retain = true;
    check(open_server(V311), b"\x3d\x05\x00\x01/\xff\xfe", &Packet::Publish(message));
}

#[test]
fn the_four_acknowledgements_differ_in_their_first_byte() {
    let ack = || Ack::new(id(0x1234));
    for decoder in [|| client(V311), || open_server(V311)] {
        check(decoder(), b"\x40\x02\x12\x34", &Packet::Puback(ack()));
        check(decoder(), b"\x50\x02\x12\x34", &Packet::Pubrec(ack()));
        check(decoder(), b"\x62\x02\x12\x34", &Packet::Pubrel(ack()));
        check(decoder(), b"\x70\x02\x12\x34", &Packet::Pubcomp(ack()));
    }
}

#[test]
fn the_short_way_to_a_puback_writes_the_same_bytes() {
    for number in [1, 0x1234, 0xffff] {
        let mut bytes = BytesMut::new();
        Encoder::new(ProtocolLevel::V311).puback(id(number), &mut bytes);
        assert_eq!(bytes, encoded(&Packet::Puback(Ack::new(id(number)))));
    }
}

#[test]
fn the_subscribe_of_figure_3_23_asks_for_two_topics() {
    let subscriptions = vec![
        Subscription::new(filter("a/b"), QoS::AtLeastOnce),
        Subscription::new(filter("c/d"), QoS::ExactlyOnce),
    ];
    let packet = Packet::Subscribe(Subscribe::new(id(10), subscriptions));
    check(open_server(V311), b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02", &packet);
}

#[test]
fn the_suback_of_figure_3_26_grants_two_and_refuses_one() {
    let granted = SubscribeOutcome::Granted;
    let outcomes = vec![granted(QoS::AtMostOnce), granted(QoS::ExactlyOnce), SubscribeOutcome::FAILED];
    check(client(V311), b"\x90\x05\x00\x0a\x00\x02\x80", &Packet::Suback(Suback::new(id(10), outcomes)));
}

#[test]
fn the_unsubscribe_of_figure_3_30_gives_two_topics_up() {
    let packet = Packet::Unsubscribe(Unsubscribe::new(id(10), vec![filter("a/b"), filter("c/d")]));
    check(open_server(V311), b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d", &packet);
    check(client(V311), b"\xb0\x02\x00\x0a", &Packet::Unsuback(Unsuback::new(id(10))));
}

#[test]
fn pings_and_disconnect_are_two_bytes() {
    check(open_server(V311), b"\xc0\x00", &Packet::Pingreq);
    check(client(V311), b"\xd0\x00", &Packet::Pingresp);
    check(open_server(V311), b"\xe0\x00", &Packet::Disconnect(Disconnect::default()));
}

#[test]
fn remaining_lengths_change_size_where_table_2_4_says() {
    let cases: [(usize, &[u8]); 6] = [
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
    ];
    for (body_bytes, length) in cases {
        let mut message = publish("a", b"", Delivery::AtMostOnce);
        message.payload = Bytes::from(vec![0; body_bytes - 3]);
        let packet = Packet::Publish(message);
        let mut bytes = encoded(&packet);
        assert_eq!(&bytes[1..=length.len()], length);
        let mut decoder = Decoder::client(ProtocolLevel::V311, 1 + length.len() + body_bytes);
        assert_eq!(decoder.decode(&mut bytes), Ok(Some(packet)));
    }
}

#[test]
fn a_remaining_length_may_be_longer_than_it_must() {
    let mut bytes = BytesMut::from(&b"\xd0\x80\x80\x00\xd0\x80\x80\x80\x00"[..]);
    let mut decoder = client(V311);
    assert_eq!(decoder.decode(&mut bytes), Ok(Some(Packet::Pingresp)));
    assert_eq!(decoder.decode(&mut bytes), Ok(Some(Packet::Pingresp)));
    assert_eq!(decoder.decode(&mut bytes), Ok(None));
}

#[test]
fn the_string_of_figure_1_2_holds_a_character_beyond_16_bits() {
    let packet = Packet::Publish(publish("A\u{2A6D4}", b"", Delivery::AtMostOnce));
    check(client(V311), b"\x30\x07\x00\x05\x41\xf0\xaa\x9b\x94", &packet);
}

#[test]
fn a_byte_order_mark_is_kept_wherever_it_stands() {
    let packet = Packet::Publish(publish("\u{feff}a\u{feff}", b"", Delivery::AtMostOnce));
    check(client(V311), b"\x30\x09\x00\x07\xef\xbb\xbfa\xef\xbb\xbf", &packet);
}

#[test]
fn a_server_learns_the_protocol_level_from_connect() {
    let mut decoder = fresh_server();
    assert_eq!(decoder.level(), None);
    decoder.decode(&mut encoded(&Packet::Connect(Box::new(full_connect())))).expect("a valid CONNECT");
    assert_eq!(decoder.level(), Some(ProtocolLevel::V311));
}

#[test]
fn a_password_does_not_show_in_debug_output() {
    let shown = format!("{:?}", full_connect());
    assert!(shown.contains("press-4") && shown.contains("hidden"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}
