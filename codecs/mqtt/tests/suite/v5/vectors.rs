//! Bytes worked out by hand from the tables and figures of MQTT 5.0, checked in both directions.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Ack, Auth, Authentication, Connack, Connect, ConnectOutcome, Decoder, Delivery, Disconnect, Encoder,
    Login, Packet, PayloadFormat, ProtocolLevel, QoS, ReasonCode, RetainHandling, SharedFilter, Suback,
    Subscribe, SubscribeOutcome, Subscription, SubscriptionId, Text, TopicError, Unsuback, Unsubscribe, Will,
};

use super::samples::{alias, subscription_id, to_client, to_server, user};
use crate::harness::{V5, client, fresh_server, open_server};
use crate::samples::{encoded_at, filter, id, name, publish, text};

fn check(mut decoder: Decoder, bytes: &[u8], packet: &Packet) {
    assert_eq!(&encoded_at(V5, packet)[..], bytes, "encoding {packet:?}");
    let mut buffer = BytesMut::from(bytes);
    assert_eq!(decoder.decode(&mut buffer).as_ref(), Ok(&Some(packet.clone())), "decoding {bytes:02x?}");
    assert!(buffer.is_empty());
}

/// For bytes that are not the shortest way to say something.
fn check_read(mut decoder: Decoder, bytes: &[u8], packet: &Packet) {
    assert_eq!(
        decoder.decode(&mut BytesMut::from(bytes)).as_ref(),
        Ok(&Some(packet.clone())),
        "{bytes:02x?}"
    );
}

#[test]
fn the_connect_of_figure_3_6_has_every_flag_and_a_session_expiry() {
    let mut connect = Connect::v5(text("c"));
    connect.keep_alive_s = 10;
    connect.properties.session_expiry_s = 10;
    let mut will = Will::new(name("w"), Bytes::from_static(b"m"));
    will.qos = QoS::AtLeastOnce;
    connect.will = Some(will);
    connect.login = Some(Login::new(text("u"), Some(Bytes::from_static(b"p"))));
    let bytes = b"\x10\x20\x00\x04MQTT\x05\xce\x00\x0a\x05\x11\x00\x00\x00\x0a\
        \x00\x01c\x00\x00\x01w\x00\x01m\x00\x01u\x00\x01p";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn every_property_of_section_3_1_2_11_has_its_number_and_type() {
    let mut connect = Connect::v5(Text::default());
    let properties = &mut connect.properties;
    properties.session_expiry_s = u32::MAX;
    properties.receive_max = NonZeroU16::new(20).expect("above zero");
    properties.packet_bytes_max = NonZeroU32::new(256);
    properties.topic_alias_max = 10;
    properties.request_response_information = true;
    properties.request_problem_information = false;
    properties.authentication = Some(Authentication::new(text("m"), Some(Bytes::from_static(b"\xff"))));
    properties.user = vec![user("k", "v")];
    let bytes =
        b"\x10\x30\x00\x04MQTT\x05\x02\x00\x00\x23\x11\xff\xff\xff\xff\x21\x00\x14\x27\x00\x00\x01\x00\
        \x22\x00\x0a\x19\x01\x17\x00\x15\x00\x01m\x16\x00\x01\xff\x26\x00\x01k\x00\x01v\x00\x00";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn the_will_has_properties_of_its_own_in_front_of_its_topic() {
    let mut connect = Connect::v5(text("c"));
    let mut will = Will::new(name("w"), Bytes::new());
    will.delay_s = 5;
    will.properties.payload_format = Some(PayloadFormat::Utf8);
    will.properties.expiry_s = Some(9);
    will.properties.content_type = Some(text("t"));
    will.properties.response_topic = Some(name("r"));
    will.properties.correlation_data = Some(Bytes::from_static(b"d"));
    will.properties.user = vec![user("k", "v")];
    connect.will = Some(will);
    let bytes = b"\x10\x33\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x01c\x1f\x18\x00\x00\x00\x05\x01\x01\
        \x02\x00\x00\x00\x09\x03\x00\x01t\x08\x00\x01r\x09\x00\x01d\x26\x00\x01k\x00\x01v\x00\x01w\x00\x00";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn a_password_may_stand_alone_and_an_empty_identifier_keep_its_session() {
    let mut connect = Connect::v5(Text::default());
    connect.clean_session = false;
    connect.login = Some(Login::password_alone(Bytes::from_static(b"token")));
    let bytes = b"\x10\x14\x00\x04MQTT\x05\x40\x00\x00\x00\x00\x00\x00\x05token";
    check(fresh_server(), bytes, &Packet::Connect(Box::new(connect)));
}

#[test]
fn every_property_of_section_3_2_2_3_has_its_number_and_type() {
    check(client(V5), b"\x20\x03\x00\x00\x00", &Packet::Connack(Connack::accepted(false)));
    let mut connack = Connack::accepted(true);
    let properties = &mut connack.properties;
    properties.session_expiry_s = Some(7);
    properties.receive_max = NonZeroU16::new(1).expect("above zero");
    properties.qos_max = QoS::AtLeastOnce;
    properties.packet_bytes_max = NonZeroU32::new(1024);
    properties.topic_alias_max = 2;
    (properties.retain_available, properties.wildcards_available) = (false, false);
    (properties.subscription_ids_available, properties.shared_available) = (false, false);
    properties.server_keep_alive_s = Some(60);
    properties.assigned_client_id = Some(text("a"));
    properties.response_information = Some(text("i"));
    properties.server_reference = Some(text("s"));
    properties.reason_string = Some(text("w"));
    let bytes =
        b"\x20\x30\x01\x00\x2d\x11\x00\x00\x00\x07\x21\x00\x01\x24\x01\x27\x00\x00\x04\x00\x22\x00\x02\
        \x25\x00\x28\x00\x29\x00\x2a\x00\x13\x00\x3c\x12\x00\x01a\x1a\x00\x01i\x1c\x00\x01s\x1f\x00\x01w";
    check(client(V5), bytes, &Packet::Connack(connack));
}

#[test]
fn a_refusal_carries_its_reason() {
    for reason in
        ReasonCode::ALL.iter().filter(|one| one.is_failure() && one.fits(tidegate_codec_mqtt::Kind::Connack))
    {
        let bytes = [0x20, 3, 0, *reason as u8, 0];
        check(client(V5), &bytes, &Packet::Connack(Connack::refused(*reason)));
    }
}

#[test]
fn a_refusal_in_the_form_of_3_1_1_is_understood() {
    let outcome = client(V5).decode(&mut BytesMut::from(&b"\x20\x02\x00\x01"[..]));
    let Ok(Some(Packet::Connack(connack))) = outcome else { panic!("{outcome:?}") };
    assert_eq!(connack.outcome, ConnectOutcome::Refused(ReasonCode::UnsupportedProtocolVersion));
}

#[test]
fn the_publish_of_figure_3_9_has_an_empty_list_of_properties() {
    let delivery = Delivery::AtLeastOnce { id: id(10), dup: false };
    let packet = Packet::Publish(publish("a/b", b"21", delivery));
    check(open_server(V5), b"\x32\x0a\x00\x03a/b\x00\x0a\x0021", &packet);
    let Packet::Publish(message) = packet else { unreachable!() };
    assert!(message.properties.is_none(), "nothing is allocated for no properties");
}

#[test]
fn every_property_of_section_3_3_2_3_has_its_number_and_type() {
    let mut message = publish("t", b"p", Delivery::AtMostOnce);
    message.alias = Some(alias(2));
    message.subscription_ids = vec![subscription_id(1), subscription_id(300)];
    message.properties.payload_format = Some(PayloadFormat::Unspecified);
    message.properties.expiry_s = Some(1);
    message.properties.content_type = Some(text(""));
    message.properties.response_topic = Some(name("r"));
    message.properties.correlation_data = Some(Bytes::new());
    message.properties.user = vec![user("k", "1"), user("k", "2")];
    let bytes =
        b"\x30\x2c\x00\x01t\x27\x23\x00\x02\x0b\x01\x0b\xac\x02\x01\x00\x02\x00\x00\x00\x01\x03\x00\x00\
        \x08\x00\x01r\x09\x00\x00\x26\x00\x01k\x00\x011\x26\x00\x01k\x00\x012p";
    check(client(V5), bytes, &Packet::Publish(message));
}

#[test]
fn an_alias_stands_for_the_topic_it_was_last_sent_with() {
    let mut decoder = open_server(V5);
    let mut topic = |bytes: &[u8]| match decoder.decode(&mut BytesMut::from(bytes)) {
        Ok(Some(Packet::Publish(publish))) => publish.topic.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(topic(b"\x30\x08\x00\x01a\x03\x23\x00\x081"), "a");
    assert_eq!(topic(b"\x30\x08\x00\x01b\x03\x23\x00\x011"), "b");
    assert_eq!(topic(b"\x30\x07\x00\x00\x03\x23\x00\x081"), "a");
    assert_eq!(topic(b"\x30\x08\x00\x01c\x03\x23\x00\x081"), "c");
    assert_eq!(topic(b"\x30\x07\x00\x00\x03\x23\x00\x081"), "c");
    assert_eq!(topic(b"\x30\x07\x00\x00\x03\x23\x00\x011"), "b");
}

#[test]
fn an_acknowledgement_is_as_short_as_section_3_4_2_allows() {
    let with = |reason| Ack::with_reason(id(0x1234), reason);
    check(client(V5), b"\x40\x02\x12\x34", &Packet::Puback(with(ReasonCode::Success)));
    check(client(V5), b"\x40\x03\x12\x34\x10", &Packet::Puback(with(ReasonCode::NoMatchingSubscribers)));
    check(client(V5), b"\x50\x03\x12\x34\x97", &Packet::Pubrec(with(ReasonCode::QuotaExceeded)));
    check(client(V5), b"\x62\x03\x12\x34\x92", &Packet::Pubrel(with(ReasonCode::PacketIdentifierNotFound)));
    check(client(V5), b"\x70\x03\x12\x34\x92", &Packet::Pubcomp(with(ReasonCode::PacketIdentifierNotFound)));
    let mut worded = with(ReasonCode::Success);
    worded.properties.reason_string = Some(text("ok"));
    worded.properties.user = vec![user("k", "v")];
    check(
        open_server(V5),
        b"\x40\x10\x12\x34\x00\x0c\x1f\x00\x02ok\x26\x00\x01k\x00\x01v",
        &Packet::Puback(worded),
    );
    check_read(client(V5), b"\x40\x03\x12\x34\x00", &Packet::Puback(with(ReasonCode::Success)));
    check_read(client(V5), b"\x40\x04\x12\x34\x00\x00", &Packet::Puback(with(ReasonCode::Success)));
}

#[test]
fn the_short_way_to_a_puback_is_that_of_3_1_1() {
    let mut bytes = BytesMut::new();
    Encoder::new(V5).puback(id(7), &mut bytes);
    assert_eq!(bytes, encoded_at(V5, &Packet::Puback(Ack::new(id(7)))));
}

#[test]
fn the_subscribe_of_figure_3_20_asks_for_two_topics() {
    let subscriptions = vec![
        Subscription::new(filter("a/b"), QoS::AtLeastOnce),
        Subscription::new(filter("c/d"), QoS::ExactlyOnce),
    ];
    let packet = Packet::Subscribe(Subscribe::new(id(10), subscriptions));
    check(open_server(V5), b"\x82\x0f\x00\x0a\x00\x00\x03a/b\x01\x00\x03c/d\x02", &packet);
}

#[test]
fn subscription_options_are_in_the_bits_of_section_3_8_3_1() {
    let mut subscription = Subscription::new(filter("a"), QoS::AtMostOnce);
    let options = |subscription: &Subscription| {
        let mut subscribe = Subscribe::new(id(1), vec![subscription.clone()]);
        subscribe.subscription_id = Some(subscription_id(128));
        subscribe.user = vec![user("k", "v")];
        let bits = *encoded_at(V5, &Packet::Subscribe(subscribe.clone())).last().expect("not empty");
        let bytes =
            [b"\x82\x11\x00\x01\x0a\x0b\x80\x01\x26\x00\x01k\x00\x01v\x00\x01a", &[bits][..]].concat();
        check(open_server(V5), &bytes, &Packet::Subscribe(subscribe));
        bits
    };
    assert_eq!(options(&subscription), 0);
    subscription.no_local = true;
    assert_eq!(options(&subscription), 0b0100);
    subscription.retain_as_published = true;
    assert_eq!(options(&subscription), 0b1100);
    subscription.retain_handling = RetainHandling::SendIfNew;
    assert_eq!(options(&subscription), 0b1_1100);
    subscription.retain_handling = RetainHandling::DoNotSend;
    subscription.qos = QoS::ExactlyOnce;
    assert_eq!(options(&subscription), 0b10_1110);
}

#[test]
fn suback_and_unsuback_have_a_code_for_each_filter() {
    let outcomes = vec![
        SubscribeOutcome::Granted(QoS::AtLeastOnce),
        SubscribeOutcome::Refused(ReasonCode::WildcardSubscriptionsNotSupported),
        SubscribeOutcome::FAILED,
    ];
    check(client(V5), b"\x90\x06\x00\x0a\x00\x01\xa2\x80", &Packet::Suback(Suback::new(id(10), outcomes)));
    let reasons = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted, ReasonCode::NotAuthorized];
    let packet = Packet::Unsuback(Unsuback::with_reasons(id(10), reasons));
    check(client(V5), b"\xb0\x06\x00\x0a\x00\x00\x11\x87", &packet);
}

#[test]
fn the_unsubscribe_of_figure_3_28_gives_two_topics_up() {
    let mut unsubscribe = Unsubscribe::new(id(10), vec![filter("a/b"), filter("c/d")]);
    check(
        open_server(V5),
        b"\xa2\x0d\x00\x0a\x00\x00\x03a/b\x00\x03c/d",
        &Packet::Unsubscribe(unsubscribe.clone()),
    );
    unsubscribe.user = vec![user("", "")];
    check(
        open_server(V5),
        b"\xa2\x12\x00\x0a\x05\x26\x00\x00\x00\x00\x00\x03a/b\x00\x03c/d",
        &Packet::Unsubscribe(unsubscribe),
    );
}

#[test]
fn a_disconnect_goes_both_ways_and_is_as_short_as_section_3_14_2_allows() {
    for decoder in [client, open_server] {
        check(decoder(V5), b"\xe0\x00", &Packet::Disconnect(Disconnect::default()));
        let busy = Disconnect::with_reason(ReasonCode::QuotaExceeded);
        check(decoder(V5), b"\xe0\x01\x97", &Packet::Disconnect(busy));
        check_read(decoder(V5), b"\xe0\x02\x00\x00", &Packet::Disconnect(Disconnect::default()));
    }
    let mut leaving = Disconnect::default();
    leaving.properties.session_expiry_s = Some(0);
    let bytes = b"\xe0\x07\x00\x05\x11\x00\x00\x00\x00";
    check(open_server(V5), bytes, &Packet::Disconnect(leaving));
    let mut moved = Disconnect::with_reason(ReasonCode::ServerMoved);
    moved.properties.server_reference = Some(text("b"));
    check(client(V5), b"\xe0\x06\x9d\x04\x1c\x00\x01b", &Packet::Disconnect(moved));
}

#[test]
fn an_auth_carries_a_method_and_data() {
    let step = Authentication::new(text("m"), Some(Bytes::from_static(b"d")));
    let auth = Auth::new(ReasonCode::ContinueAuthentication, step);
    for decoder in [client, open_server] {
        let bytes = b"\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01d";
        check(decoder(V5), bytes, &Packet::Auth(Box::new(auth.clone())));
        check(decoder(V5), b"\xf0\x00", &Packet::Auth(Box::default()));
    }
}

#[test]
fn a_stream_of_every_type_is_taken_by_each_end() {
    for (mut decoder, packets) in [(fresh_server(), to_server()), (client(V5), to_client())] {
        for packet in packets {
            let mut bytes = encoded_at(V5, &packet);
            assert_eq!(decoder.decode(&mut bytes), Ok(Some(packet)));
        }
        assert_eq!(decoder.level(), Some(ProtocolLevel::V5));
    }
}

#[test]
fn shared_filters_are_taken_apart_as_section_4_8_2_says() {
    let parse = |string: &str| SharedFilter::parse(&filter(string));
    let shared = parse("$share/consumer1/sport/tennis/+").expect("valid").expect("shared");
    assert_eq!((shared.group().as_str(), shared.filter()), ("consumer1", &filter("sport/tennis/+")));
    let shared = parse("$share/consumer1//finance").expect("valid").expect("shared");
    assert_eq!(shared.filter(), &filter("/finance"));
    for plain in ["sport/$share/a/b", "$shared/a/b", "$share", "$SYS/#"] {
        assert_eq!(parse(plain), Ok(None), "{plain}");
    }
    for wrong in ["$share/", "$share/a", "$share/a/", "$share//b", "$share/+/b", "$share/#"] {
        assert_eq!(parse(wrong), Err(TopicError::SharedFilter), "{wrong}");
    }
}

#[test]
fn a_payload_is_checked_only_against_what_is_said_of_it() {
    let mut message = publish("t", b"\xff", Delivery::AtMostOnce);
    assert!(message.properties.payload_holds(&message.payload));
    message.properties.payload_format = Some(PayloadFormat::Unspecified);
    assert!(message.properties.payload_holds(&message.payload));
    message.properties.payload_format = Some(PayloadFormat::Utf8);
    assert!(!message.properties.payload_holds(&message.payload));
    assert!(message.properties.payload_holds("温度".as_bytes()));
}

#[test]
fn identifiers_and_aliases_know_their_range() {
    assert_eq!(SubscriptionId::new(0), None);
    assert_eq!(SubscriptionId::new(SubscriptionId::MAX + 1), None);
    assert_eq!(tidegate_codec_mqtt::TopicAlias::new(0), None);
    assert_eq!(subscription_id(SubscriptionId::MAX).get(), 268_435_455);
}
