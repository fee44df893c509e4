//! Any packet of MQTT 5.0 that can be built is written and read back equal.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tidegate_codec_mqtt::{
    Ack, AckProperties, Auth, Authentication, Connack, ConnackProperties, Connect, ConnectProperties,
    Disconnect, DisconnectProperties, Encoder, Hop, Kind, Login, MessageProperties, Packet, PayloadFormat,
    Properties, ProtocolLevel, Publish, QoS, ReasonCode, RetainHandling, SharedFilter, Suback, Subscribe,
    SubscribeOutcome, Subscription, SubscriptionId, TopicAlias, TopicFilter, Unsuback, Unsubscribe,
    UserProperty, Will,
};

use crate::harness::{ALIAS_MAX, V5, check_round_trip, client, fuzz_one, real};
use crate::roundtrip::{
    any_bytes, any_connect, any_delivery, any_filter, any_id, any_name, any_publish, any_qos, any_text,
    any_will,
};
use crate::samples::encoded_at;

fn any_user() -> impl Strategy<Value = Vec<UserProperty>> {
    let one = (any_text(), any_text()).prop_map(|(name, value)| UserProperty::new(name, value));
    prop_oneof![2 => Just(Vec::new()), 1 => vec(one, 1..5)]
}

fn any_message() -> impl Strategy<Value = Properties<MessageProperties>> {
    let format = option::of(select(vec![PayloadFormat::Unspecified, PayloadFormat::Utf8]));
    let fields = (format, option::of(any::<u32>()), option::of(any_text()), option::of(any_name()));
    let some = (fields, option::of(any_bytes()), any_user()).prop_map(
        |((format, expiry_s, content_type, response_topic), correlation_data, user)| {
            let mut properties = MessageProperties::default();
            properties.payload_format = format;
            properties.expiry_s = expiry_s;
            properties.content_type = content_type;
            properties.response_topic = response_topic;
            properties.correlation_data = correlation_data;
            properties.user = user;
            properties.into()
        },
    );
    prop_oneof![1 => Just(Properties::none()), 3 => some]
}

fn any_subscription_id() -> impl Strategy<Value = SubscriptionId> {
    let number = prop_oneof![1..200_u32, 1..=SubscriptionId::MAX];
    number.prop_filter_map("in its range", SubscriptionId::new)
}

fn any_alias() -> impl Strategy<Value = TopicAlias> {
    (1..=ALIAS_MAX).prop_filter_map("above zero", TopicAlias::new)
}

fn any_publish_v5() -> impl Strategy<Value = Publish> {
    (any_publish(), option::of(any_alias()), vec(any_subscription_id(), 0..4), any_message()).prop_map(
        |(mut publish, alias, subscription_ids, properties)| {
            publish.alias = alias;
            publish.subscription_ids = subscription_ids;
            publish.properties = properties;
            publish
        },
    )
}

fn any_authentication() -> impl Strategy<Value = Authentication> {
    (any_text(), option::of(any_bytes())).prop_map(|(method, data)| Authentication::new(method, data))
}

fn any_will_v5() -> impl Strategy<Value = Will> {
    (any_will(), any::<u32>(), any_message()).prop_map(|(mut will, delay_s, properties)| {
        will.delay_s = delay_s;
        will.properties = properties;
        will
    })
}

fn any_connect_properties() -> impl Strategy<Value = ConnectProperties> {
    let numbers = (any::<u32>(), 1..=u16::MAX, any::<u32>(), any::<u16>());
    let rest = (any::<bool>(), any::<bool>(), option::of(any_authentication()), any_user());
    (numbers, rest).prop_map(
        |((expiry, receive, packet, alias), (response, problem, authentication, user))| {
            let mut properties = ConnectProperties::default();
            properties.session_expiry_s = expiry;
            properties.receive_max = NonZeroU16::new(receive).expect("above zero");
            properties.packet_bytes_max = NonZeroU32::new(packet);
            properties.topic_alias_max = alias;
            properties.request_response_information = response;
            properties.request_problem_information = problem;
            properties.authentication = authentication;
            properties.user = user;
            properties
        },
    )
}

fn any_connect_v5() -> impl Strategy<Value = Connect> {
    let password_alone = any_bytes().prop_map(|bytes| Some(Login::password_alone(bytes)));
    let login = prop_oneof![Just(None), password_alone];
    (any_connect(), any::<bool>(), option::of(any_will_v5()), login, any_connect_properties()).prop_map(
        |(mut connect, clean, will, login, properties)| {
            connect.level = ProtocolLevel::V5;
            connect.clean_session = clean;
            connect.will = will;
            connect.login = login.or(connect.login);
            connect.properties = properties;
            connect
        },
    )
}

fn any_connack_properties() -> impl Strategy<Value = ConnackProperties> {
    let numbers = (option::of(any::<u32>()), 1..=u16::MAX, any_qos(), any::<u32>(), any::<u16>());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), option::of(any::<u16>()));
    let texts =
        (option::of(any_text()), option::of(any_text()), option::of(any_text()), option::of(any_text()));
    (numbers, flags, texts, option::of(any_authentication()), any_user()).prop_map(
        |(numbers, flags, texts, authentication, user)| {
            let mut properties = ConnackProperties::default();
            properties.session_expiry_s = numbers.0;
            properties.receive_max = NonZeroU16::new(numbers.1).expect("above zero");
            properties.qos_max = numbers.2;
            properties.packet_bytes_max = NonZeroU32::new(numbers.3);
            properties.topic_alias_max = numbers.4;
            properties.retain_available = flags.0;
            properties.wildcards_available = flags.1;
            properties.subscription_ids_available = flags.2;
            properties.shared_available = flags.3;
            properties.server_keep_alive_s = flags.4;
            properties.assigned_client_id = texts.0;
            properties.reason_string = texts.1;
            properties.response_information = texts.2;
            properties.server_reference = texts.3;
            properties.authentication = authentication;
            properties.user = user;
            properties
        },
    )
}

fn any_reason(kind: Kind) -> impl Strategy<Value = ReasonCode> {
    select(ReasonCode::ALL.iter().copied().filter(|reason| reason.fits(kind)).collect::<Vec<_>>())
}

fn any_refusal(kind: Kind) -> impl Strategy<Value = ReasonCode> {
    any_reason(kind).prop_filter("a failure", |reason| reason.is_failure())
}

fn any_connack() -> impl Strategy<Value = Connack> {
    let outcome = prop_oneof![
        any::<bool>().prop_map(Connack::accepted),
        any_refusal(Kind::Connack).prop_map(Connack::refused),
    ];
    (outcome, option::of(any_connack_properties())).prop_map(|(mut connack, properties)| {
        connack.properties = properties.map_or(Properties::none(), Properties::from);
        connack
    })
}

fn any_words() -> impl Strategy<Value = Properties<AckProperties>> {
    let some = (option::of(any_text()), any_user()).prop_map(|(reason_string, user)| {
        let mut properties = AckProperties::default();
        properties.reason_string = reason_string;
        properties.user = user;
        properties.into()
    });
    prop_oneof![Just(Properties::none()), some]
}

fn any_ack(kind: Kind) -> impl Strategy<Value = Ack> {
    (any_id(), any_reason(kind), any_words()).prop_map(|(id, reason, properties)| {
        let mut ack = Ack::with_reason(id, reason);
        ack.properties = properties;
        ack
    })
}

fn any_shared() -> impl Strategy<Value = TopicFilter> {
    let group = any_name().prop_map(|name| name.as_str().replace('/', "-"));
    (group, any_filter()).prop_filter_map("a shared filter", |(group, filter)| {
        let shared = TopicFilter::new(&format!("$share/{group}/{filter}")).ok()?;
        let parts = SharedFilter::parse(&shared).expect("built from valid parts")?;
        assert_eq!((parts.group().as_str(), parts.filter()), (&group[..], &filter));
        Some(shared)
    })
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    let handling = select(vec![RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    let filter = prop_oneof![3 => any_filter(), 1 => any_shared()];
    (filter, any_qos(), any::<bool>(), any::<bool>(), handling).prop_filter_map(
        "a subscription",
        |(filter, qos, no_local, as_published, retain_handling)| {
            let shared = SharedFilter::parse(&filter).ok()?.is_some();
            let mut subscription = Subscription::new(filter, qos);
            subscription.no_local = no_local && !shared;
            subscription.retain_as_published = as_published;
            subscription.retain_handling = retain_handling;
            Some(subscription)
        },
    )
}

fn any_subscribe() -> impl Strategy<Value = Subscribe> {
    (any_id(), vec(any_subscription(), 1..6), option::of(any_subscription_id()), any_user()).prop_map(
        |(id, subscriptions, subscription_id, user)| {
            let mut subscribe = Subscribe::new(id, subscriptions);
            subscribe.subscription_id = subscription_id;
            subscribe.user = user;
            subscribe
        },
    )
}

fn any_unsubscribe() -> impl Strategy<Value = Unsubscribe> {
    (any_id(), vec(any_filter(), 1..6), any_user()).prop_map(|(id, filters, user)| {
        let mut unsubscribe = Unsubscribe::new(id, filters);
        unsubscribe.user = user;
        unsubscribe
    })
}

fn any_suback() -> impl Strategy<Value = Suback> {
    let outcome = prop_oneof![
        any_qos().prop_map(SubscribeOutcome::Granted),
        any_refusal(Kind::Suback).prop_map(SubscribeOutcome::Refused),
    ];
    (any_id(), vec(outcome, 1..6), any_words()).prop_map(|(id, outcomes, properties)| {
        let mut suback = Suback::new(id, outcomes);
        suback.properties = properties;
        suback
    })
}

fn any_unsuback() -> impl Strategy<Value = Unsuback> {
    (any_id(), vec(any_reason(Kind::Unsuback), 1..6), any_words()).prop_map(|(id, reasons, properties)| {
        let mut unsuback = Unsuback::with_reasons(id, reasons);
        unsuback.properties = properties;
        unsuback
    })
}

fn any_disconnect() -> impl Strategy<Value = Disconnect> {
    let texts = (option::of(any_text()), option::of(any_text()));
    (any_reason(Kind::Disconnect), option::of(any::<u32>()), texts, any_user()).prop_map(
        |(reason, expiry, (reference, words), user)| {
            let mut properties = DisconnectProperties::default();
            properties.session_expiry_s = expiry;
            properties.server_reference = reference;
            properties.reason_string = words;
            properties.user = user;
            let mut disconnect = Disconnect::with_reason(reason);
            disconnect.properties = properties.into();
            disconnect
        },
    )
}

fn any_auth() -> impl Strategy<Value = Auth> {
    let full = (any_reason(Kind::Auth), any_authentication(), option::of(any_text()), any_user()).prop_map(
        |(reason, authentication, reason_string, user)| {
            let mut auth = Auth::new(reason, authentication);
            auth.reason_string = reason_string;
            auth.user = user;
            auth
        },
    );
    prop_oneof![1 => Just(Auth::default()), 9 => full]
}

fn any_packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        4 => any_connect_v5().prop_map(|connect| Packet::Connect(Box::new(connect))),
        3 => any_connack().prop_map(Packet::Connack),
        6 => any_publish_v5().prop_map(Packet::Publish),
        1 => any_ack(Kind::Puback).prop_map(Packet::Puback),
        1 => any_ack(Kind::Pubrec).prop_map(Packet::Pubrec),
        1 => any_ack(Kind::Pubrel).prop_map(Packet::Pubrel),
        1 => any_ack(Kind::Pubcomp).prop_map(Packet::Pubcomp),
        3 => any_subscribe().prop_map(Packet::Subscribe),
        2 => any_suback().prop_map(Packet::Suback),
        2 => any_unsubscribe().prop_map(Packet::Unsubscribe),
        1 => any_unsuback().prop_map(Packet::Unsuback),
        1 => any_disconnect().prop_map(Packet::Disconnect),
        2 => any_auth().prop_map(|auth| Packet::Auth(Box::new(auth))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_packet_of_level_5_written_is_read_back_equal(packet in any_packet()) {
        check_round_trip(V5, &packet, real().encode);
    }

    #[test]
    fn any_stream_of_level_5_passes_the_fuzz_checks(packets in vec(any_packet(), 0..4)) {
        let bytes: Vec<u8> = packets.iter().flat_map(|packet| encoded_at(V5, packet)).collect();
        fuzz_one(&bytes);
    }

    #[test]
    fn a_forwarded_message_is_the_same_as_one_built_for_its_receiver(
        message in any_publish_v5(),
        (delivery, retain, alias) in (any_delivery(), any::<bool>(), option::of(any_alias())),
        (expiry_s, ids) in (option::of(any::<u32>()), vec(any_subscription_id(), 0..3)),
    ) {
        let mut hop = Hop::new(delivery);
        (hop.retain, hop.alias, hop.expiry_s, hop.subscription_ids) = (retain, alias, expiry_s, &ids);
        let mut bytes = BytesMut::new();
        Encoder::new(V5).forward(&message, &hop, &mut bytes).expect("a valid PUBLISH");
        prop_assert_eq!(Encoder::new(V5).forward_bytes(&message, &hop), Ok(bytes.len()));
        let mut built = message.clone();
        (built.delivery, built.retain, built.alias) = (delivery, retain, alias);
        built.subscription_ids = ids.clone();
        built.properties.expiry_s = expiry_s;
        prop_assert_eq!(&bytes, &encoded_at(V5, &Packet::Publish(built)));
    }

    #[test]
    fn a_topic_left_out_for_its_alias_comes_back(message in any_publish_v5(), alias in any_alias()) {
        let mut hop = Hop::new(message.delivery);
        hop.alias = Some(alias);
        let (mut bytes, mut decoder) = (BytesMut::new(), client(V5));
        for topic_known in [false, true, true] {
            hop.topic_known = topic_known;
            Encoder::new(V5).forward(&message, &hop, &mut bytes).expect("a valid PUBLISH");
            let Ok(Some(Packet::Publish(publish))) = decoder.decode(&mut bytes) else { panic!("a PUBLISH") };
            prop_assert_eq!((&publish.topic, publish.alias), (&message.topic, Some(alias)));
            prop_assert_eq!(publish.payload, &message.payload);
        }
    }

    #[test]
    fn a_detached_message_is_equal_and_shares_nothing(message in any_publish_v5()) {
        let mut bytes = encoded_at(V5, &Packet::Publish(message));
        let memory = bytes.as_ptr_range();
        let Ok(Some(Packet::Publish(publish))) = client(V5).decode(&mut bytes) else { panic!("a PUBLISH") };
        let detached = publish.detach();
        prop_assert_eq!(&detached, &publish);
        let inside = |slice: &[u8]| !slice.is_empty() && memory.contains(&slice.as_ptr());
        prop_assert!(!inside(&detached.payload) && !inside(detached.topic.as_bytes()));
        prop_assert!(crate::harness::parts_of(&detached.properties).all(|part| !inside(part)));
    }

    #[test]
    fn what_level_3_1_1_has_no_form_for_is_left_out_of_a_publish(message in any_publish_v5()) {
        let mut plain = Publish::new(message.topic.clone(), message.payload.clone(), message.delivery);
        plain.retain = message.retain;
        let level = ProtocolLevel::V311;
        prop_assert_eq!(encoded_at(level, &Packet::Publish(message)), encoded_at(level, &Packet::Publish(plain)));
    }
}

#[test]
fn a_quality_of_service_is_no_failure() {
    for kind in [Kind::Puback, Kind::Suback, Kind::Disconnect] {
        assert!(ReasonCode::Success.fits(kind) && !ReasonCode::Success.is_failure());
    }
    assert_eq!(QoS::new(ReasonCode::Success as u8), Some(QoS::AtMostOnce));
}
