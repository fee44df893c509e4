//! What another implementation writes is what we read; and what nobody wrote is refused.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiVersionsResponse, MetadataResponse, ProduceResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;
use tidegate_codec_kafka::{ErrorCode, Malformed, Metadata, Produced, SaslStep, Versions, next_frame};

fn body(answer: &impl Encodable, version: i16) -> Bytes {
    let mut out = BytesMut::new();
    answer.encode(&mut out, version).unwrap();
    out.freeze()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn versions(known: &[(i16, i16, i16)]) -> Option<Versions> {
    let key = |(key, min, max): &(i16, i16, i16)| {
        ApiVersion::default().with_api_key(*key).with_min_version(*min).with_max_version(*max)
    };
    let answer = ApiVersionsResponse::default().with_api_keys(known.iter().map(key).collect());
    Versions::read(body(&answer, 0)).unwrap()
}

#[test]
fn the_highest_version_both_sides_know_is_spoken_and_none_with_too_old_or_too_new_a_broker() {
    assert_eq!(versions(&[(0, 0, 13), (3, 0, 13)]), Some(Versions { produce: 8 }));
    assert_eq!(versions(&[(0, 0, 5), (3, 0, 5)]), Some(Versions { produce: 5 }));
    assert_eq!(versions(&[(0, 0, 2), (3, 0, 4)]), None);
    assert_eq!(versions(&[(0, 9, 13), (3, 0, 13)]), None);
    assert_eq!(versions(&[(0, 3, 13), (3, 5, 13)]), None);
    assert_eq!(Versions::read(body(&ApiVersionsResponse::default().with_error_code(35), 0)), Ok(None));
}

#[test]
fn metadata_is_read() {
    let broker =
        MetadataResponseBroker::default().with_node_id(5.into()).with_host(text("b5")).with_port(9093);
    let partition = |index: i32, leader: i32| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(leader.into())
            .with_replica_nodes(vec![5.into(), 6.into()])
            .with_isr_nodes(vec![5.into()])
    };
    let topics = vec![
        MetadataResponseTopic::default()
            .with_name(Some(text("a").into()))
            .with_partitions(vec![partition(1, -1), partition(0, 5)]),
        MetadataResponseTopic::default().with_name(Some(text("b").into())).with_error_code(3),
    ];
    let answer = MetadataResponse::default()
        .with_brokers(vec![broker.with_rack(Some(text("r1")))])
        .with_cluster_id(Some(text("c")))
        .with_topics(topics);
    let read = Metadata::read(body(&answer, 4)).unwrap();
    assert_eq!((read.brokers[0].id, read.brokers[0].host.as_str(), read.brokers[0].port), (5, "b5", 9093));
    let leaders: Vec<_> = read.topics[0].partitions.iter().map(|one| (one.index, one.leader)).collect();
    assert_eq!(leaders, [(1, -1), (0, 5)]);
    assert_eq!(
        (read.topics[1].name.as_str(), read.topics[1].error.to_string()),
        ("b", "UNKNOWN_TOPIC_OR_PARTITION".to_owned())
    );
}

#[test]
fn what_became_of_each_batch_is_read_in_every_version() {
    for version in 3..=8 {
        let partition = |index: i32, error: i16| {
            let answer = PartitionProduceResponse::default().with_index(index).with_error_code(error);
            let answer = answer.with_base_offset(40).with_log_append_time_ms(-1);
            if version >= 8 { answer.with_error_message(Some(text("why"))) } else { answer }
        };
        let topic = |name: &str, partitions| {
            TopicProduceResponse::default().with_name(text(name).into()).with_partition_responses(partitions)
        };
        let answer = ProduceResponse::default()
            .with_responses(vec![
                topic("a", vec![partition(0, 0), partition(2, 10)]),
                topic("b", vec![partition(0, 6)]),
            ])
            .with_throttle_time_ms(250);
        let (read, throttle_ms) = Produced::read(body(&answer, version), version).unwrap();
        let found: Vec<_> = read.iter().map(|one| (one.topic.as_str(), one.partition, one.error.0)).collect();
        assert_eq!((found, throttle_ms), (vec![("a", 0, 0), ("a", 2, 10), ("b", 0, 6)], 250));
        assert_eq!(read[0].message.as_deref(), (version >= 8).then_some("why"));
    }
}

#[test]
fn steps_of_a_login_are_read() {
    let shake = SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(vec![text("PLAIN")]);
    let read = SaslStep::read_handshake(body(&shake, 1)).unwrap();
    assert_eq!(read, (ErrorCode::UNSUPPORTED_SASL_MECHANISM, vec!["PLAIN".to_owned()]));
    let step = SaslAuthenticateResponse::default().with_error_code(58).with_error_message(Some(text("no")));
    let read = SaslStep::read(body(&step.with_auth_bytes(Bytes::from_static(b"v=1")), 0)).unwrap();
    assert_eq!((read.error.0, read.message.as_deref(), &read.bytes[..]), (58, Some("no"), &b"v=1"[..]));
}

#[test]
fn an_answer_is_taken_when_it_is_there_whole_and_one_that_is_too_long_is_refused() {
    let mut buffer = BytesMut::new();
    buffer.put_i32(6);
    assert_eq!(next_frame(&mut buffer, 100), Ok(None));
    buffer.put_i32(42);
    buffer.put_u8(1);
    assert_eq!(next_frame(&mut buffer, 100), Ok(None));
    buffer.put_slice(&[2, 9]);
    assert_eq!(next_frame(&mut buffer, 100), Ok(Some((42, Bytes::from_static(&[1, 2])))));
    assert_eq!(&buffer[..], [9]);
    let http = &mut BytesMut::from(&b"HTTP/1.1 400 Bad Request"[..]);
    assert_eq!(next_frame(http, 4 << 20), Err(Malformed::TooLong(0x4854_5450)));
    assert!(next_frame(&mut BytesMut::from(&[0, 0, 0, 2, 0, 0][..]), 100).is_err());
    assert!(next_frame(&mut BytesMut::from(&[255; 8][..]), 100).is_err());
}

#[test]
fn an_array_that_only_claims_to_be_long_makes_no_room() {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(Metadata::read(bytes.into()), Err(Malformed::Short("an array")));
}

proptest! {
    #[test]
    fn no_bytes_bring_a_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..200), version in 3..=8_i16) {
        let bytes = Bytes::from(bytes);
        let _ = Versions::read(bytes.clone());
        let _ = Metadata::read(bytes.clone());
        let _ = Produced::read(bytes.clone(), version);
        let _ = SaslStep::read(bytes.clone());
        let _ = SaslStep::read_handshake(bytes.clone());
        let _ = next_frame(&mut BytesMut::from(&bytes[..]), 100);
    }
}
