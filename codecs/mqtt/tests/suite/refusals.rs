//! Everything the standard forbids, one case each: bytes in, the error that must come out.

use bytes::BytesMut;
use tidegate_codec_mqtt::{DecodeError, Decoder, Kind, Packet, Refusal, TextError, TopicError};

use crate::harness::{V311, client, fresh_server, open_server};

#[track_caller]
fn check(mut decoder: Decoder, bytes: &[u8], expected: DecodeError) {
    let mut buffer = BytesMut::from(bytes);
    assert_eq!(decoder.decode(&mut buffer), Err(expected), "{bytes:02x?}");
    assert_eq!(buffer, bytes, "a refused packet stays in the buffer");
}

/// CONNECT with these protocol bytes, keep-alive 0, and this payload.
#[track_caller]
fn check_connect(protocol: &[u8], payload: &[u8], expected: DecodeError) {
    let body = [protocol, &[0, 0], payload].concat();
    check(fresh_server(), &[&[0x10, body.len() as u8], &body[..]].concat(), expected);
}

#[test]
fn types_0_and_15_are_reserved() {
    check(open_server(V311), b"\x00", DecodeError::ReservedType { number: 0 });
    check(client(V311), b"\xf0", DecodeError::ReservedType { number: 15 });
}

#[test]
fn every_other_value_of_fixed_flags_is_refused_on_the_first_byte() {
    for first in 0x10..=0xef_u8 {
        let (number, flags) = (first >> 4, first & 0x0f);
        let fixed = if [6, 8, 10].contains(&number) { 2 } else { 0 };
        if number == 3 || flags == fixed {
            continue;
        }
        let mut decoder = match number {
            1 => fresh_server(),
            2 | 9 | 11 | 13 => client(V311),
            _ => open_server(V311),
        };
        let outcome = decoder.decode(&mut BytesMut::from(&[first][..]));
        assert!(
            matches!(outcome, Err(DecodeError::Flags { flags: shown, .. }) if shown == flags),
            "{first:#04x}"
        );
    }
}

#[test]
fn publish_flags_are_refused_on_the_first_byte() {
    for first in [0x36, 0x37, 0x3e, 0x3f] {
        check(open_server(V311), &[first], DecodeError::PublishQos);
    }
    for first in [0x38, 0x39] {
        check(client(V311), &[first], DecodeError::DupAtMostOnce);
    }
}

#[test]
fn a_remaining_length_ends_with_its_fourth_byte() {
    check(client(V311), b"\x30\x80\x80\x80\x80", DecodeError::RemainingLength);
    check(client(V311), b"\x30\xff\xff\xff\xff\x01", DecodeError::RemainingLength);
    assert_eq!(client(V311).decode(&mut BytesMut::from(&b"\x30\x80\x80\x80"[..])), Ok(None));
}

#[test]
fn a_large_packet_is_refused_before_its_body_arrives() {
    let mut decoder = Decoder::server(14);
    let connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
    assert!(matches!(decoder.decode(&mut BytesMut::from(&connect[..])), Ok(Some(Packet::Connect(_)))));
    let error = DecodeError::PacketTooLarge { kind: Kind::Publish, bytes: 15, bytes_max: 14 };
    check(decoder, b"\x30\x0d", error);
    let error = DecodeError::PacketTooLarge { kind: Kind::Publish, bytes: 268_435_460, bytes_max: 1 << 20 };
    check(client(V311), b"\x30\xff\xff\xff\x7f", error);
}

#[test]
fn a_packet_limit_can_be_raised_after_connect() {
    let mut decoder = open_server(V311);
    decoder.set_packet_bytes_max(14);
    assert_eq!(decoder.decode(&mut BytesMut::from(&b"\x30\x0c"[..])), Ok(None));
    decoder.set_packet_bytes_max(13);
    assert!(decoder.decode(&mut BytesMut::from(&b"\x30\x0c"[..])).is_err());
}

#[test]
fn a_packet_that_travels_the_wrong_way_is_refused() {
    for (first, kind) in
        [(0x20, Kind::Connack), (0x90, Kind::Suback), (0xb0, Kind::Unsuback), (0xd0, Kind::Pingresp)]
    {
        check(open_server(V311), &[first], DecodeError::Direction { kind });
    }
    let from_client = [
        (0x10, Kind::Connect),
        (0x82, Kind::Subscribe),
        (0xa2, Kind::Unsubscribe),
        (0xc0, Kind::Pingreq),
        (0xe0, Kind::Disconnect),
    ];
    for (first, kind) in from_client {
        check(client(V311), &[first], DecodeError::Direction { kind });
    }
}

#[test]
fn a_server_wants_connect_first_and_once() {
    check(fresh_server(), b"\xc0\x00", DecodeError::ConnectExpected { first_byte: 0xc0 });
    check(fresh_server(), b"GET / HTTP/1.1\r\n", DecodeError::ConnectExpected { first_byte: b'G' });
    check(open_server(V311), b"\x10", DecodeError::SecondConnect);
}

#[test]
fn a_field_that_runs_past_its_packet_is_refused() {
    let truncated = |kind| DecodeError::Truncated { kind };
    check(client(V311), b"\x30\x00", truncated(Kind::Publish));
    check(client(V311), b"\x30\x03\x00\x02a", truncated(Kind::Publish));
    check(client(V311), b"\x32\x04\x00\x01a\x00", truncated(Kind::Publish));
    check(client(V311), b"\x40\x01\x00", truncated(Kind::Puback));
    check(client(V311), b"\x20\x01\x00", truncated(Kind::Connack));
    check(client(V311), b"\x90\x01\x00", truncated(Kind::Suback));
    check(open_server(V311), b"\x82\x05\x00\x01\x00\x01a", truncated(Kind::Subscribe));
    check(open_server(V311), b"\x82\x04\x00\x01\x00\x01", truncated(Kind::Subscribe));
    check(open_server(V311), b"\xa2\x05\x00\x01\x00\x02a", truncated(Kind::Unsubscribe));
    check_connect(b"\x00\x04MQTT\x04\x82", b"\x00\x01c", truncated(Kind::Connect));
    check_connect(b"\x00\x04MQTT\x04\x06", b"\x00\x01c\x00\x01w", truncated(Kind::Connect));
    check_connect(b"\x00\x04MQTT\x04\xc2", b"\x00\x01c\x00\x01u\x00", truncated(Kind::Connect));
}

#[test]
fn bytes_behind_the_last_field_are_refused() {
    let trailing = |kind, bytes| DecodeError::TrailingBytes { kind, bytes };
    check(open_server(V311), b"\xc0\x01\x00", trailing(Kind::Pingreq, 1));
    check(open_server(V311), b"\xe0\x02\x00\x00", trailing(Kind::Disconnect, 2));
    check(client(V311), b"\xd0\x01\x00", trailing(Kind::Pingresp, 1));
    check(client(V311), b"\x40\x03\x00\x01\x00", trailing(Kind::Puback, 1));
    check(client(V311), b"\xb0\x03\x00\x01\x00", trailing(Kind::Unsuback, 1));
    check(client(V311), b"\x20\x03\x00\x00\x00", trailing(Kind::Connack, 1));
    check_connect(b"\x00\x04MQTT\x04\x02", b"\x00\x01c\x00", trailing(Kind::Connect, 1));
}

#[test]
fn strings_are_well_formed_utf_8_without_null() {
    let ill_formed: [&[u8]; 5] = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe6\xb8"];
    for bytes in ill_formed {
        let field = [&[0, bytes.len() as u8], bytes].concat();
        let publish = [&[0x30, field.len() as u8], &field[..]].concat();
        check(client(V311), &publish, DecodeError::Topic(TopicError::Text(TextError::IllFormed)));
        check_connect(b"\x00\x04MQTT\x04\x02", &field, DecodeError::Text(TextError::IllFormed));
    }
    check(client(V311), b"\x30\x05\x00\x03a\0b", TopicError::from(TextError::NullCharacter).into());
    check_connect(b"\x00\x04MQTT\x04\x02", b"\x00\x01\x00", TextError::NullCharacter.into());
    check_connect(b"\x00\x04MQTT\x04\x82", b"\x00\x01c\x00\x01\xff", TextError::IllFormed.into());
    check(open_server(V311), b"\x82\x06\x00\x01\x00\x01\xff\x00", TextError::IllFormed.into());
    check(open_server(V311), b"\xa2\x05\x00\x01\x00\x01\x00", TextError::NullCharacter.into());
}

#[test]
fn packet_identifier_0_is_refused_wherever_there_is_one() {
    let zero = |kind| DecodeError::PacketIdZero { kind };
    check(open_server(V311), b"\x32\x05\x00\x01a\x00\x00", zero(Kind::Publish));
    check(open_server(V311), b"\x34\x05\x00\x01a\x00\x00", zero(Kind::Publish));
    check(open_server(V311), b"\x40\x02\x00\x00", zero(Kind::Puback));
    check(open_server(V311), b"\x50\x02\x00\x00", zero(Kind::Pubrec));
    check(open_server(V311), b"\x62\x02\x00\x00", zero(Kind::Pubrel));
    check(open_server(V311), b"\x70\x02\x00\x00", zero(Kind::Pubcomp));
    check(open_server(V311), b"\x82\x06\x00\x00\x00\x01a\x00", zero(Kind::Subscribe));
    check(open_server(V311), b"\xa2\x05\x00\x00\x00\x01a", zero(Kind::Unsubscribe));
    check(client(V311), b"\x90\x03\x00\x00\x00", zero(Kind::Suback));
    check(client(V311), b"\xb0\x02\x00\x00", zero(Kind::Unsuback));
}

#[test]
fn topics_are_not_empty_and_names_have_no_wildcards() {
    check(client(V311), b"\x30\x02\x00\x00", TopicError::Empty.into());
    check(client(V311), b"\x30\x05\x00\x03a/+", TopicError::WildcardInName.into());
    check(client(V311), b"\x30\x03\x00\x01#", TopicError::WildcardInName.into());
    check_connect(b"\x00\x04MQTT\x04\x06", b"\x00\x01c\x00\x01#\x00\x00", TopicError::WildcardInName.into());
    check_connect(b"\x00\x04MQTT\x04\x06", b"\x00\x01c\x00\x00\x00\x00", TopicError::Empty.into());
    check(open_server(V311), b"\x82\x05\x00\x01\x00\x00\x00", TopicError::Empty.into());
    check(open_server(V311), b"\xa2\x04\x00\x01\x00\x00", TopicError::Empty.into());
    check(open_server(V311), b"\x82\x07\x00\x01\x00\x02a#\x00", TopicError::MultiLevelWildcard.into());
    check(open_server(V311), b"\xa2\x06\x00\x01\x00\x02+a", TopicError::SingleLevelWildcard.into());
}

#[test]
fn another_protocol_name_is_refused_without_an_answer() {
    for name in [&b"\x00\x04mqtt\x04"[..], b"\x00\x03MQT\x04", b"\x00\x05MQTTX\x04"] {
        check_connect(&[name, &[2]].concat(), b"\x00\x00", DecodeError::ProtocolName);
    }
    assert_eq!(DecodeError::ProtocolName.refusal(), None);
}

#[test]
fn another_protocol_level_is_answered_with_return_code_1() {
    check_connect(b"\x00\x04MQTT\x06\x02", b"\x00\x00\x00", DecodeError::ProtocolLevel { level: 6 });
    // MQTT 3.1 spelled the protocol differently, and has the return code too.
    check_connect(b"\x00\x06MQIsdp\x03\x02", b"\x00\x00", DecodeError::ProtocolLevel { level: 3 });
    // Some bridges set the top bit, and come back without it when they are told this.
    check_connect(b"\x00\x04MQTT\x84\x02", b"\x00\x00", DecodeError::ProtocolLevel { level: 0x84 });
    let answer = DecodeError::ProtocolLevel { level: 6 }.refusal();
    assert_eq!(answer, Some(Refusal::UnacceptableProtocolVersion));
}

#[test]
fn connect_flags_agree_with_each_other() {
    let flags = |flags| [&b"\x00\x04MQTT\x04"[..], &[flags]].concat();
    check_connect(&flags(0x03), b"\x00\x00", DecodeError::ConnectReservedFlag);
    for will_less in [0x0a, 0x12, 0x1a, 0x22] {
        check_connect(&flags(will_less), b"\x00\x00", DecodeError::WillFlags);
    }
    check_connect(&flags(0x1e), b"\x00\x00\x00\x01w\x00\x00", DecodeError::WillQos);
    check_connect(&flags(0x42), b"\x00\x00\x00\x01p", DecodeError::PasswordAlone);
}

#[test]
fn a_kept_session_without_an_identifier_is_answered_with_return_code_2() {
    check_connect(b"\x00\x04MQTT\x04\x00", b"\x00\x00", DecodeError::ClientIdMissing);
    assert_eq!(DecodeError::ClientIdMissing.refusal(), Some(Refusal::IdentifierRejected));
}

#[test]
fn a_connack_uses_no_reserved_value() {
    check(client(V311), b"\x20\x02\x02\x00", DecodeError::ConnackFlags { flags: 2 });
    check(client(V311), b"\x20\x02\x81\x00", DecodeError::ConnackFlags { flags: 0x81 });
    check(client(V311), b"\x20\x02\x00\x06", DecodeError::ConnackCode { code: 6 });
    check(client(V311), b"\x20\x02\x01\x05", DecodeError::SessionInRefusal);
}

#[test]
fn subscriptions_and_answers_are_never_empty() {
    check(open_server(V311), b"\x82\x02\x00\x01", DecodeError::FiltersMissing { kind: Kind::Subscribe });
    check(open_server(V311), b"\xa2\x02\x00\x01", DecodeError::FiltersMissing { kind: Kind::Unsubscribe });
    check(client(V311), b"\x90\x02\x00\x01", DecodeError::CodesMissing { kind: Kind::Suback });
}

#[test]
fn reserved_bits_beside_a_requested_or_granted_qos_are_refused() {
    for bits in [3, 4, 0x80] {
        check(open_server(V311), &[0x82, 6, 0, 1, 0, 1, b'a', bits], DecodeError::RequestedQos { bits });
    }
    for code in [3, 0x7f, 0x81] {
        check(client(V311), &[0x90, 4, 0, 1, 0, code], DecodeError::SubackCode { code });
    }
}

#[test]
fn a_failed_decoder_stays_failed() {
    let mut decoder = open_server(V311);
    let failure = decoder.decode(&mut BytesMut::from(&b"\x40\x02\x00\x00"[..]));
    assert!(failure.is_err());
    assert_eq!(decoder.decode(&mut BytesMut::from(&b"\xc0\x00"[..])), failure);
    assert_eq!(decoder.decode(&mut BytesMut::new()), failure);
}
