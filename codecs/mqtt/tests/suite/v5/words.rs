//! What an encoder leaves out, and what it refuses to write, at level 5 and for a receiver with limits.

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Ack, Auth, Authentication, Connack, Connect, Delivery, Disconnect, EncodeError, Encoder, FIELD_BYTES_MAX,
    Hop, Kind, Login, Packet, ProtocolLevel, QoS, ReasonCode, Refusal, Suback, Subscribe, SubscribeOutcome,
    Subscription, Text, TopicError, Unsuback,
};

use super::samples::{full_publish, to_client, to_server, user};
use crate::harness::{V5, V311, check_round_trip, open_server, real};
use crate::samples::{encoded_at, filter, id, publish, text};

#[track_caller]
fn check(level: ProtocolLevel, packet: &Packet, expected: EncodeError) {
    let mut out = BytesMut::from(&b"before"[..]);
    assert_eq!(Encoder::new(level).encode(packet, &mut out), Err(expected));
    assert_eq!(Encoder::new(level).packet_bytes(packet), Err(expected));
    assert_eq!(out, b"before"[..], "a refused packet leaves no bytes");
}

fn worded_ack() -> Ack {
    let mut ack = Ack::with_reason(id(1), ReasonCode::QuotaExceeded);
    ack.properties.reason_string = Some(text("full"));
    ack.properties.user = vec![user("limit", "9")];
    ack
}

/// The packet as it is written for a receiver with this limit.
fn written(packet: &Packet, packet_bytes_max: usize) -> Result<Packet, EncodeError> {
    let mut encoder = Encoder::new(V5);
    encoder.set_packet_bytes_max(packet_bytes_max);
    let mut bytes = BytesMut::new();
    encoder.encode(packet, &mut bytes)?;
    assert!(bytes.len() <= packet_bytes_max);
    assert_eq!(encoder.packet_bytes(packet), Ok(bytes.len()));
    Ok(open_server(V5).decode(&mut bytes).expect("a valid packet").expect("a whole packet"))
}

#[test]
fn an_answer_that_is_too_large_loses_its_user_properties_and_then_its_reason_string() {
    let full = worded_ack();
    let (mut reason_only, bare) = (full.clone(), Ack::with_reason(id(1), ReasonCode::QuotaExceeded));
    reason_only.properties.user.clear();
    let bytes = |ack: &Ack| encoded_at(V5, &Packet::Puback(ack.clone())).len();
    let at = |bytes_max| written(&Packet::Puback(full.clone()), bytes_max);
    let steps = [(bytes(&full), &full), (bytes(&reason_only), &reason_only), (bytes(&bare), &bare)];
    assert_eq!(steps.map(|(bytes, _)| bytes), [24, 13, 5]);
    for (bytes, expected) in steps {
        assert_eq!(at(bytes), Ok(Packet::Puback(expected.clone())));
    }
    assert_eq!(at(23), Ok(Packet::Puback(reason_only)));
    assert_eq!(at(12), Ok(Packet::Puback(bare)));
    assert_eq!(at(4), Err(EncodeError::TooLargeForPeer { bytes: 5, bytes_max: 4 }));
}

#[test]
fn a_message_that_is_too_large_is_refused_whole() {
    let message = full_publish();
    let bytes = encoded_at(V5, &Packet::Publish(message.clone())).len();
    assert!(written(&Packet::Publish(message.clone()), bytes).is_ok());
    let error = EncodeError::TooLargeForPeer { bytes, bytes_max: bytes - 1 };
    assert_eq!(written(&Packet::Publish(message.clone()), bytes - 1), Err(error));
    let mut encoder = Encoder::new(V5);
    encoder.set_packet_bytes_max(10);
    let hop = Hop::new(Delivery::AtMostOnce);
    let mut out = BytesMut::new();
    assert!(encoder.forward(&message, &hop, &mut out).is_err() && out.is_empty());
    assert!(encoder.forward_bytes(&message, &hop).is_err());
    assert!(encoder.publish(&publish("t", b"1", Delivery::AtMostOnce), &mut out).is_ok());
}

#[test]
fn a_client_that_wants_no_problem_information_gets_it_in_two_packets_only() {
    let mut quiet = Encoder::new(V5);
    quiet.set_problem_information(false);
    let bytes = |encoder: &Encoder, packet: &Packet| encoder.packet_bytes(packet).expect("a valid packet");
    let words = worded_ack().properties;
    let mut suback = Suback::new(id(1), vec![SubscribeOutcome::FAILED]);
    suback.properties = words.clone();
    let mut unsuback = Unsuback::with_reasons(id(1), vec![ReasonCode::Success]);
    unsuback.properties = words.clone();
    let mut auth = Auth::new(ReasonCode::Success, Authentication::new(text("m"), None));
    auth.reason_string = words.reason_string.clone();
    let silenced = [
        Packet::Puback(worded_ack()),
        Packet::Pubrec(worded_ack()),
        Packet::Suback(suback),
        Packet::Unsuback(unsuback),
        Packet::Auth(Box::new(auth)),
    ];
    for packet in silenced {
        assert!(bytes(&quiet, &packet) < bytes(&Encoder::new(V5), &packet), "{packet:?}");
    }
    let mut connack = Connack::refused(ReasonCode::Banned);
    connack.properties.reason_string = words.reason_string.clone();
    let mut disconnect = Disconnect::with_reason(ReasonCode::ServerBusy);
    disconnect.properties.reason_string = words.reason_string.clone();
    let spoken = [Packet::Connack(connack), Packet::Disconnect(disconnect), Packet::Publish(full_publish())];
    for packet in spoken {
        assert_eq!(bytes(&quiet, &packet), bytes(&Encoder::new(V5), &packet), "{packet:?}");
    }
}

#[test]
fn every_packet_is_as_long_as_was_said_before() {
    for packet in to_server().into_iter().chain(to_client()) {
        assert_eq!(Encoder::new(V5).packet_bytes(&packet), Ok(encoded_at(V5, &packet).len()), "{packet:?}");
    }
}

#[test]
fn a_reason_that_a_packet_cannot_have_is_not_written() {
    let wrong = |kind, reason| EncodeError::ReasonCode { kind, reason };
    let ack = Ack::with_reason(id(1), ReasonCode::ServerBusy);
    check(V5, &Packet::Puback(ack.clone()), wrong(Kind::Puback, ReasonCode::ServerBusy));
    check(V5, &Packet::Pubrel(ack), wrong(Kind::Pubrel, ReasonCode::ServerBusy));
    let suback = Suback::new(id(1), vec![SubscribeOutcome::Refused(ReasonCode::Success)]);
    check(V5, &Packet::Suback(suback), wrong(Kind::Suback, ReasonCode::Success));
    let unsuback = Unsuback::with_reasons(id(1), vec![ReasonCode::Banned]);
    check(V5, &Packet::Unsuback(unsuback), wrong(Kind::Unsuback, ReasonCode::Banned));
    check(V5, &Packet::Unsuback(Unsuback::new(id(1))), EncodeError::Empty { kind: Kind::Unsuback });
    for reason in [ReasonCode::Success, ReasonCode::SessionTakenOver] {
        let expected = wrong(Kind::Connack, reason);
        check(V5, &Packet::Connack(Connack::refused(reason)), expected);
    }
    let disconnect = Disconnect::with_reason(ReasonCode::Banned);
    check(V5, &Packet::Disconnect(disconnect), wrong(Kind::Disconnect, ReasonCode::Banned));
}

#[test]
fn what_level_3_1_1_cannot_say_is_not_written_there() {
    let level = |kind| EncodeError::Level { kind };
    check(V311, &Packet::Auth(Box::default()), level(Kind::Auth));
    let end = Disconnect::with_reason(ReasonCode::SessionTakenOver);
    check(V311, &Packet::Disconnect(end), level(Kind::Disconnect));
    check(V311, &Packet::Puback(worded_ack()), level(Kind::Puback));
    check(V311, &Packet::Pubrec(worded_ack()), level(Kind::Pubrec));
    let refused = Connack::refused(ReasonCode::MalformedPacket);
    check(V311, &Packet::Connack(refused), level(Kind::Connack));
    let mut connect = Connect::new(text("c"));
    connect.login = Some(Login::password_alone(Bytes::new()));
    check(V311, &Packet::Connect(Box::new(connect)), EncodeError::PasswordAlone);
}

#[test]
fn reasons_become_return_codes_at_level_3_1_1() {
    let code = |reason| encoded_at(V311, &Packet::Connack(Connack::refused(reason)))[3];
    assert_eq!(code(ReasonCode::UnsupportedProtocolVersion), 1);
    assert_eq!(code(ReasonCode::ClientIdentifierNotValid), 2);
    assert_eq!(code(ReasonCode::ServerBusy), 3);
    assert_eq!(code(ReasonCode::QuotaExceeded), 3);
    assert_eq!(code(ReasonCode::BadUserNameOrPassword), 4);
    assert_eq!(code(ReasonCode::Banned), 5);
    for refusal in [Refusal::IdentifierRejected, Refusal::ServerUnavailable, Refusal::NotAuthorized] {
        assert_eq!(Refusal::of(refusal.into()), Some(refusal));
    }
    let suback = Suback::new(id(1), vec![SubscribeOutcome::Refused(ReasonCode::NotAuthorized)]);
    assert_eq!(encoded_at(V311, &Packet::Suback(suback)), b"\x90\x03\x00\x01\x80"[..]);
    let unsuback = Unsuback::with_reasons(id(1), vec![ReasonCode::Success]);
    assert_eq!(encoded_at(V311, &Packet::Unsuback(unsuback)), b"\xb0\x02\x00\x01"[..]);
}

#[test]
fn what_a_server_would_refuse_is_not_asked_for() {
    let mut own = Subscription::new(filter("$share/g/a"), QoS::AtMostOnce);
    own.no_local = true;
    check(V5, &Packet::Subscribe(Subscribe::new(id(1), vec![own])), EncodeError::SharedNoLocal);
    let wrong = Subscription::new(filter("$share/g"), QoS::AtMostOnce);
    let expected = EncodeError::Filter(TopicError::SharedFilter);
    check(V5, &Packet::Subscribe(Subscribe::new(id(1), vec![wrong])), expected);
    let mut lacking = Auth::default();
    lacking.reason = ReasonCode::ContinueAuthentication;
    check(V5, &Packet::Auth(Box::new(lacking)), EncodeError::AuthenticationMethod);
}

#[test]
fn data_longer_than_its_length_is_refused_and_the_longest_goes_through() {
    let long = Bytes::from(vec![0; FIELD_BYTES_MAX + 1]);
    let too_long = |name| EncodeError::FieldTooLong { name, bytes: FIELD_BYTES_MAX + 1 };
    let mut message = publish("t", b"", Delivery::AtMostOnce);
    message.properties.correlation_data = Some(long.clone());
    check(V5, &Packet::Publish(message.clone()), too_long("correlation data"));
    message.properties.correlation_data = Some(long.slice(1..));
    message.properties.content_type = Text::new(&"x".repeat(FIELD_BYTES_MAX)).ok();
    check_round_trip(V5, &Packet::Publish(message), real().encode);
    let mut connect = Connect::v5(text("c"));
    connect.properties.authentication = Some(Authentication::new(text("m"), Some(long)));
    check(V5, &Packet::Connect(Box::new(connect)), too_long("authentication data"));
}
