//! Everything MQTT 5.0 forbids beyond 3.1.1: bytes in, the error and the reason code that must come out.

use bytes::BytesMut;
use tidegate_codec_mqtt::{
    ConnectOutcome, DecodeError, Decoder, Kind, Packet, Property, ProtocolLevel, ReasonCode, Refusal,
    TextError, TopicError, UserLimit,
};

use crate::harness::{ALIAS_MAX, V5, V311, client, fresh_server, open_server};

#[track_caller]
fn check(mut decoder: Decoder, bytes: &[u8], expected: DecodeError, reason: ReasonCode) {
    let mut buffer = BytesMut::from(bytes);
    assert_eq!(decoder.decode(&mut buffer), Err(expected), "{bytes:02x?}");
    assert_eq!(buffer, bytes, "a refused packet stays in the buffer");
    assert_eq!(expected.reason(), reason);
}

/// A packet with these properties in the place its type has for them, and all else right.
fn with_properties(place: Place, list: &[u8]) -> Vec<u8> {
    let section = [&[list.len() as u8], list].concat();
    let (first, before, behind): (u8, &[u8], &[u8]) = match place {
        Place::Connect => (0x10, b"\x00\x04MQTT\x05\x02\x00\x00", b"\x00\x00"),
        Place::Will => (0x10, b"\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x00", b"\x00\x01w\x00\x00"),
        Place::Connack => (0x20, b"\x00\x00", b""),
        Place::Publish => (0x30, b"\x00\x01t", b""),
        Place::Puback => (0x40, b"\x00\x01\x00", b""),
        Place::Pubrec => (0x50, b"\x00\x01\x00", b""),
        Place::Pubrel => (0x62, b"\x00\x01\x00", b""),
        Place::Pubcomp => (0x70, b"\x00\x01\x00", b""),
        Place::Subscribe => (0x82, b"\x00\x01", b"\x00\x01t\x00"),
        Place::Suback => (0x90, b"\x00\x01", b"\x00"),
        Place::Unsubscribe => (0xa2, b"\x00\x01", b"\x00\x01t"),
        Place::Unsuback => (0xb0, b"\x00\x01", b"\x00"),
        Place::Disconnect => (0xe0, b"\x00", b""),
        Place::Auth => (0xf0, b"\x00", b""),
    };
    let body = [before, &section, behind].concat();
    [&[first, body.len() as u8], &body[..]].concat()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Connect,
    Will,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
}

use Place::*;

const PLACES: [Place; 14] = [
    Connect,
    Will,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
];

const WITH_WORDS: [Place; 9] = [Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth];

/// Table 2-4, with a valid value of each property's type.
const TABLE: [(Property, &[u8], &[Place]); 27] = [
    (Property::PayloadFormat, b"\x01", &[Publish, Will]),
    (Property::MessageExpiry, b"\x00\x00\x00\x01", &[Publish, Will]),
    (Property::ContentType, b"\x00\x01a", &[Publish, Will]),
    (Property::ResponseTopic, b"\x00\x01a", &[Publish, Will]),
    (Property::CorrelationData, b"\x00\x01a", &[Publish, Will]),
    (Property::SubscriptionId, b"\x01", &[Publish, Subscribe]),
    (Property::SessionExpiry, b"\x00\x00\x00\x01", &[Connect, Connack, Disconnect]),
    (Property::AssignedClientId, b"\x00\x01a", &[Connack]),
    (Property::ServerKeepAlive, b"\x00\x01", &[Connack]),
    (Property::AuthenticationMethod, b"\x00\x01a", &[Connect, Connack, Auth]),
    (Property::AuthenticationData, b"\x00\x01a", &[Connect, Connack, Auth]),
    (Property::RequestProblemInformation, b"\x01", &[Connect]),
    (Property::WillDelay, b"\x00\x00\x00\x01", &[Will]),
    (Property::RequestResponseInformation, b"\x01", &[Connect]),
    (Property::ResponseInformation, b"\x00\x01a", &[Connack]),
    (Property::ServerReference, b"\x00\x01a", &[Connack, Disconnect]),
    (Property::ReasonString, b"\x00\x01a", &WITH_WORDS),
    (Property::ReceiveMax, b"\x00\x01", &[Connect, Connack]),
    (Property::TopicAliasMax, b"\x00\x01", &[Connect, Connack]),
    (Property::TopicAlias, b"\x00\x01", &[Publish]),
    (Property::QosMax, b"\x01", &[Connack]),
    (Property::RetainAvailable, b"\x01", &[Connack]),
    (Property::UserProperty, b"\x00\x01a\x00\x01b", &PLACES),
    (Property::PacketBytesMax, b"\x00\x00\x00\x01", &[Connect, Connack]),
    (Property::WildcardsAvailable, b"\x01", &[Connack]),
    (Property::SubscriptionIdsAvailable, b"\x01", &[Connack]),
    (Property::SharedAvailable, b"\x01", &[Connack]),
];

/// The end that may take every property of the place.
fn end_of(place: Place) -> Decoder {
    match place {
        Connect | Will => fresh_server(),
        Subscribe | Unsubscribe | Disconnect => open_server(V5),
        _ => client(V5),
    }
}

/// What else must stand beside a property.
fn company(place: Place, property: Property) -> &'static [u8] {
    let method = b"\x15\x00\x01m";
    let lacks_method = place == Auth || property == Property::AuthenticationData;
    if lacks_method && property != Property::AuthenticationMethod { method } else { b"" }
}

fn decode(place: Place, list: &[u8]) -> Result<Option<Packet>, DecodeError> {
    end_of(place).decode(&mut BytesMut::from(&with_properties(place, list)[..]))
}

#[test]
fn each_property_stands_where_table_2_4_says_and_nowhere_else() {
    assert_eq!(TABLE.len(), Property::ALL.len());
    for (property, value, places) in TABLE {
        for place in PLACES {
            let allowed = places.contains(&place);
            let alone = [&[property as u8], value].concat();
            let with = if allowed { company(place, property) } else { b"" };
            let outcome = decode(place, &[&alone, with].concat());
            match outcome {
                Ok(Some(_)) => assert!(allowed, "{property} taken in {place:?}"),
                Err(DecodeError::PropertyMisplaced { property: named, .. }) => {
                    assert!(!allowed && named == property, "{property} refused in {place:?}");
                    assert_eq!(outcome.expect_err("refused").reason(), ReasonCode::MalformedPacket);
                }
                other => panic!("{property} in {place:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn only_user_properties_and_a_servers_subscription_identifiers_come_twice() {
    for (property, value, places) in TABLE {
        for place in places {
            let one = [&[property as u8], value].concat();
            let outcome = decode(*place, &[&one, &one, company(*place, property)].concat());
            let often = property == Property::UserProperty
                || (property, *place) == (Property::SubscriptionId, Publish);
            match outcome {
                Ok(Some(_)) => assert!(often, "{property} twice in {place:?}"),
                Err(DecodeError::PropertyRepeated { property: named, .. }) => {
                    assert!(!often && named == property, "{property} in {place:?}");
                    assert_eq!(outcome.expect_err("refused").reason(), ReasonCode::ProtocolError);
                }
                other => panic!("{property} in {place:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_value_cut_short_by_its_list_is_refused() {
    for (property, value, places) in TABLE {
        let list = [&[property as u8], &value[..value.len() - 1]].concat();
        let outcome = decode(places[0], &list);
        assert!(matches!(outcome, Err(DecodeError::Truncated { .. })), "{property}: {outcome:?}");
    }
    let long = b"\x30\x04\x00\x01t\x01";
    let error = DecodeError::Truncated { kind: Kind::Publish };
    check(open_server(V5), long, error, ReasonCode::MalformedPacket);
    check(open_server(V5), b"\x30\x03\x00\x01t", error, ReasonCode::MalformedPacket);
}

#[test]
fn unknown_numbers_are_no_properties() {
    for number in (0..=0x7f_u8).filter(|number| Property::new(u32::from(*number)).is_none()) {
        let bytes = with_properties(Publish, &[number, 0, 0]);
        let error = DecodeError::PropertyUnknown { kind: Kind::Publish, number: u32::from(number) };
        check(open_server(V5), &bytes, error, ReasonCode::MalformedPacket);
    }
    let error = DecodeError::PropertyUnknown { kind: Kind::Publish, number: 128 };
    check(open_server(V5), &with_properties(Publish, &[0x80, 1]), error, ReasonCode::MalformedPacket);
}

#[test]
fn values_the_standard_rules_out_are_refused() {
    let cases: [(Place, Kind, Property, &[u8], u32); 12] = [
        (Publish, Kind::Publish, Property::PayloadFormat, b"\x02", 2),
        (Will, Kind::Connect, Property::PayloadFormat, b"\xff", 255),
        (Connect, Kind::Connect, Property::ReceiveMax, b"\x00\x00", 0),
        (Connect, Kind::Connect, Property::PacketBytesMax, b"\x00\x00\x00\x00", 0),
        (Connect, Kind::Connect, Property::RequestProblemInformation, b"\x02", 2),
        (Connect, Kind::Connect, Property::RequestResponseInformation, b"\x02", 2),
        (Connack, Kind::Connack, Property::QosMax, b"\x02", 2),
        (Connack, Kind::Connack, Property::RetainAvailable, b"\x02", 2),
        (Connack, Kind::Connack, Property::SharedAvailable, b"\x03", 3),
        (Connack, Kind::Connack, Property::PacketBytesMax, b"\x00\x00\x00\x00", 0),
        (Subscribe, Kind::Subscribe, Property::SubscriptionId, b"\x00", 0),
        (Publish, Kind::Publish, Property::SubscriptionId, b"\x00", 0),
    ];
    for (place, kind, property, value, shown) in cases {
        let bytes = with_properties(place, &[&[property as u8], value].concat());
        let error = DecodeError::PropertyValue { kind, property, value: shown };
        check(end_of(place), &bytes, error, ReasonCode::ProtocolError);
    }
}

#[test]
fn properties_have_their_direction() {
    let (kind, property) = (Kind::Publish, Property::SubscriptionId);
    let error = DecodeError::PropertyDirection { kind, property };
    check(open_server(V5), &with_properties(Publish, b"\x0b\x01"), error, ReasonCode::ProtocolError);
    let (kind, property) = (Kind::Disconnect, Property::SessionExpiry);
    let error = DecodeError::PropertyDirection { kind, property };
    let bytes = with_properties(Disconnect, b"\x11\x00\x00\x00\x00");
    check(client(V5), &bytes, error, ReasonCode::ProtocolError);
}

#[test]
fn numbers_of_one_to_four_bytes_are_as_short_as_they_can_be() {
    let malformed = ReasonCode::MalformedPacket;
    let error = |kind| DecodeError::VariableInteger { kind };
    check(client(V5), b"\xd0\x80\x00", error(Kind::Pingresp), malformed);
    check(open_server(V5), b"\x30\x05\x00\x01t\x80\x00", error(Kind::Publish), malformed);
    check(open_server(V5), b"\x30\x08\x00\x01t\x80\x80\x80\x80\x01", error(Kind::Publish), malformed);
    let connect = b"\x10\x8d\x00\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00";
    check(fresh_server(), connect, error(Kind::Connect), malformed);
    check(client(V5), &with_properties(Publish, b"\x0b\x81\x00"), error(Kind::Publish), malformed);
}

#[test]
fn user_properties_are_bounded_in_count_and_bytes() {
    let one = b"\x26\x00\x02ab\x00\x01c";
    let error =
        |count_max, bytes_max| DecodeError::UserProperties { kind: Kind::Publish, count_max, bytes_max };
    for (count_max, bytes_max) in [(2, 1000), (1000, 8)] {
        let limited = || {
            let mut decoder = open_server(V5);
            decoder.set_user_limit(UserLimit { count_max, bytes_max });
            decoder
        };
        let two = limited().decode(&mut BytesMut::from(&with_properties(Publish, &one.repeat(2))[..]));
        assert!(matches!(two, Ok(Some(_))), "{two:?}");
        let three = with_properties(Publish, &one.repeat(3));
        check(limited(), &three, error(count_max, bytes_max), ReasonCode::QuotaExceeded);
    }
    let UserLimit { count_max, bytes_max } = UserLimit::default();
    let many = with_properties(Publish, &b"\x26\x00\x00\x00\x00".repeat(count_max + 1)[..]);
    let many =
        if many.len() < 128 { many } else { long_publish(&b"\x26\x00\x00\x00\x00".repeat(count_max + 1)) };
    check(open_server(V5), &many, error(count_max, bytes_max), ReasonCode::QuotaExceeded);
}

/// PUBLISH whose list and packet need two bytes for their lengths.
fn long_publish(list: &[u8]) -> Vec<u8> {
    let two = |bytes: usize| [bytes as u8 | 0x80, (bytes >> 7) as u8];
    [&[0x30], &two(5 + list.len())[..], b"\x00\x01t", &two(list.len()), list].concat()
}

#[test]
fn aliases_stay_within_what_was_granted_and_are_set_before_they_are_used() {
    let publish = |topic: &[u8], alias: u16| {
        let body = [&[0, topic.len() as u8], topic, b"\x03\x23", &alias.to_be_bytes()].concat();
        [&[0x30, body.len() as u8], &body[..]].concat()
    };
    let invalid = ReasonCode::TopicAliasInvalid;
    check(open_server(V5), &publish(b"t", 0), DecodeError::TopicAlias { alias: 0, alias_max: 0 }, invalid);
    let error = DecodeError::TopicAlias { alias: ALIAS_MAX + 1, alias_max: ALIAS_MAX };
    check(open_server(V5), &publish(b"t", ALIAS_MAX + 1), error, invalid);
    let error = DecodeError::TopicAlias { alias: 1, alias_max: 0 };
    check(Decoder::client(V5, 1024), &publish(b"t", 1), error, invalid);
    let error = DecodeError::TopicAliasUnset { alias: 3 };
    check(open_server(V5), &publish(b"", 3), error, ReasonCode::ProtocolError);
    check(open_server(V5), b"\x30\x03\x00\x00\x00", DecodeError::TopicMissing, ReasonCode::ProtocolError);
}

#[test]
fn a_lowered_alias_maximum_forgets_what_is_above_it() {
    let mut decoder = open_server(V5);
    let set = &b"\x30\x07\x00\x01t\x03\x23\x00\x08"[..];
    assert!(decoder.decode(&mut BytesMut::from(set)).is_ok());
    decoder.set_topic_alias_max(7);
    decoder.set_topic_alias_max(8);
    let used = b"\x30\x06\x00\x00\x03\x23\x00\x08";
    check(decoder, used, DecodeError::TopicAliasUnset { alias: 8 }, ReasonCode::ProtocolError);
}

type Bytes = fn(u8) -> Vec<u8>;

#[test]
fn reason_codes_are_those_of_their_packet() {
    let packets: [(Kind, Bytes); 8] = [
        (Kind::Connack, |code| vec![0x20, 3, 0, code, 0]),
        (Kind::Puback, |code| vec![0x40, 3, 0, 1, code]),
        (Kind::Pubrec, |code| vec![0x50, 3, 0, 1, code]),
        (Kind::Pubrel, |code| vec![0x62, 3, 0, 1, code]),
        (Kind::Pubcomp, |code| vec![0x70, 3, 0, 1, code]),
        (Kind::Unsuback, |code| vec![0xb0, 4, 0, 1, 0, code]),
        (Kind::Disconnect, |code| vec![0xe0, 1, code]),
        (Kind::Auth, |code| vec![0xf0, 6, code, 4, 0x15, 0, 1, b'm']),
    ];
    for (kind, packet) in packets {
        for code in 0..=255 {
            let outcome = client(V5).decode(&mut BytesMut::from(&packet(code)[..]));
            let fits = ReasonCode::new(code).is_some_and(|reason| reason.fits(kind));
            let error = DecodeError::ReasonCode { kind, code };
            assert_eq!(outcome.is_ok(), fits, "{kind} {code:#04x}: {outcome:?}");
            assert!(fits || outcome == Err(error), "{kind} {code:#04x}: {outcome:?}");
        }
    }
    let error = DecodeError::SubackCode { code: 0x9f };
    check(client(V5), &[0x90, 4, 0, 1, 0, 0x9f], error, ReasonCode::ProtocolError);
}

#[test]
fn data_needs_a_method() {
    let error = |kind| DecodeError::AuthenticationMethod { kind };
    for (place, kind) in [(Connect, Kind::Connect), (Connack, Kind::Connack), (Auth, Kind::Auth)] {
        let bytes = with_properties(place, b"\x16\x00\x01d");
        check(end_of(place), &bytes, error(kind), ReasonCode::ProtocolError);
    }
    check(client(V5), b"\xf0\x02\x18\x00", error(Kind::Auth), ReasonCode::ProtocolError);
}

#[test]
fn subscription_options_use_no_reserved_value() {
    let subscribe = |filter: &str, bits: u8| {
        let body = [&[0, 1, 0, 0, filter.len() as u8], filter.as_bytes(), &[bits]].concat();
        [&[0x82, body.len() as u8], &body[..]].concat()
    };
    for bits in [0x40, 0x80, 0xc0] {
        let error = DecodeError::SubscriptionOptions { bits };
        check(open_server(V5), &subscribe("a", bits), error, ReasonCode::MalformedPacket);
    }
    let (protocol_error, malformed) = (ReasonCode::ProtocolError, ReasonCode::MalformedPacket);
    check(open_server(V5), &subscribe("a", 0x30), DecodeError::RetainHandling { bits: 0x30 }, protocol_error);
    check(open_server(V5), &subscribe("a", 0x03), DecodeError::RequestedQos { bits: 3 }, protocol_error);
    check(open_server(V5), &subscribe("$share/g/a", 0x04), DecodeError::SharedNoLocal, protocol_error);
    check(open_server(V5), &subscribe("$share/g", 0), TopicError::SharedFilter.into(), malformed);
    // At level 3.1.1 it is a filter like any other.
    let mut plain = BytesMut::from(&b"\x82\x0d\x00\x01\x00\x08$share/g\x00"[..]);
    assert!(open_server(V311).decode(&mut plain).is_ok());
}

#[test]
fn lists_of_filters_and_codes_are_not_empty() {
    let (subscribe, unsubscribe) = (Kind::Subscribe, Kind::Unsubscribe);
    let missing = |kind| DecodeError::FiltersMissing { kind };
    check(open_server(V5), b"\x82\x03\x00\x01\x00", missing(subscribe), ReasonCode::ProtocolError);
    check(open_server(V5), b"\xa2\x03\x00\x01\x00", missing(unsubscribe), ReasonCode::ProtocolError);
    for (first, kind) in [(0x90, Kind::Suback), (0xb0, Kind::Unsuback)] {
        let error = DecodeError::CodesMissing { kind };
        check(client(V5), &[first, 3, 0, 1, 0], error, ReasonCode::ProtocolError);
    }
}

#[test]
fn text_in_properties_is_checked_too() {
    let malformed = ReasonCode::MalformedPacket;
    let text = |list: &[u8], error: DecodeError| {
        check(open_server(V5), &with_properties(Publish, list), error, malformed);
    };
    text(b"\x03\x00\x01\xff", TextError::IllFormed.into());
    text(b"\x26\x00\x01\x00\x00\x00", TextError::NullCharacter.into());
    text(b"\x26\x00\x00\x00\x01\xff", TextError::IllFormed.into());
    text(b"\x08\x00\x01#", TopicError::WildcardInName.into());
    text(b"\x08\x00\x00", TopicError::Empty.into());
}

#[test]
fn an_auth_is_of_level_5_and_comes_behind_connect() {
    let reserved = DecodeError::ReservedType { number: 15 };
    check(open_server(V311), b"\xf0", reserved, ReasonCode::MalformedPacket);
    check(fresh_server(), b"\xf0", reserved, ReasonCode::MalformedPacket);
    let disconnect = DecodeError::Direction { kind: Kind::Disconnect };
    check(client(V311), b"\xe0", disconnect, ReasonCode::ProtocolError);
}

/// Feeds a fresh server and asks what it owes its client.
fn farewell(decoder: &mut Decoder, bytes: &[u8]) -> Option<Packet> {
    decoder.decode(&mut BytesMut::from(bytes)).expect_err("what is wrong is refused");
    decoder.farewell()
}

#[test]
fn a_client_is_told_in_the_form_of_its_level_why_it_goes() {
    let refused = |packet: Option<Packet>| match packet {
        Some(Packet::Connack(connack)) => match connack.outcome {
            ConnectOutcome::Refused(reason) => reason,
            accepted => panic!("{accepted:?}"),
        },
        other => panic!("{other:?}"),
    };
    let v5 = b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00";
    let mut decoder = fresh_server();
    assert_eq!(refused(farewell(&mut decoder, v5)), ReasonCode::MalformedPacket);
    assert_eq!(decoder.level(), Some(V5));
    let mut decoder = fresh_server().only(ProtocolLevel::V311);
    assert_eq!(refused(farewell(&mut decoder, v5)), Refusal::UnacceptableProtocolVersion.into());
    assert_eq!(decoder.level(), None);
    let v311 = b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00";
    assert_eq!(refused(farewell(&mut fresh_server(), v311)), ReasonCode::ClientIdentifierNotValid);
    let v31 = b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00";
    assert_eq!(refused(farewell(&mut fresh_server(), v31)), ReasonCode::UnsupportedProtocolVersion);
    assert_eq!(farewell(&mut fresh_server(), b"GET / HTTP/1.1"), None);
    assert_eq!(farewell(&mut open_server(V311), b"\x10"), None);
}

#[test]
fn an_open_connection_of_level_5_ends_with_a_reason() {
    for mut decoder in [open_server(V5), client(V5)] {
        assert_eq!(decoder.farewell(), None, "nothing is wrong yet");
        let Some(Packet::Disconnect(end)) = farewell(&mut decoder, b"\x36") else { panic!("a DISCONNECT") };
        assert_eq!(end.reason, ReasonCode::MalformedPacket);
    }
    let mut decoder = open_server(V5);
    decoder.set_packet_bytes_max(10);
    let Some(Packet::Disconnect(end)) = farewell(&mut decoder, b"\x30\x7f") else { panic!("a DISCONNECT") };
    assert_eq!(end.reason, ReasonCode::PacketTooLarge);
}
