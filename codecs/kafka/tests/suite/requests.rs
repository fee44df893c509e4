//! What we write is what another implementation reads.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, MetadataRequest, ProduceRequest, RequestHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::records::RecordBatchDecoder;
use proptest::prelude::*;
use tidegate_codec_kafka::{
    Compression, Head, PartitionBatch, Record, api_versions, encode_batch, metadata, produce,
    sasl_authenticate, sasl_handshake,
};

const HEAD: Head<'static> = Head { correlation: 77, client_id: "tidegate" };

/// The body of a request, which has to end with the frame.
fn open<T: Decodable>(frame: Vec<u8>, key: ApiKey, version: i16) -> T {
    let mut frame = Bytes::from(frame);
    assert_eq!(frame.get_i32() as usize, frame.len());
    let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).unwrap();
    assert_eq!((header.request_api_key, header.request_api_version), (key as i16, version));
    assert_eq!((header.correlation_id, header.client_id.as_deref()), (77, Some("tidegate")));
    let body = T::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty());
    body
}

#[test]
fn requests_without_records_are_read() {
    let _: ApiVersionsRequest = open(api_versions(HEAD), ApiKey::ApiVersions, 0);
    let asked: MetadataRequest = open(metadata(HEAD, ["a", "b.c"].into_iter()), ApiKey::Metadata, 4);
    let names: Vec<_> =
        asked.topics.unwrap().into_iter().map(|topic| topic.name.unwrap().to_string()).collect();
    assert_eq!((names, asked.allow_auto_topic_creation), (vec!["a".to_owned(), "b.c".to_owned()], false));
    let shake: SaslHandshakeRequest = open(sasl_handshake(HEAD, "PLAIN"), ApiKey::SaslHandshake, 1);
    assert_eq!(&*shake.mechanism, "PLAIN");
    let step: SaslAuthenticateRequest = open(sasl_authenticate(HEAD, b"\0u\0p"), ApiKey::SaslAuthenticate, 0);
    assert_eq!(&*step.auth_bytes, b"\0u\0p");
}

#[test]
fn partitions_of_one_topic_stand_under_it_once() {
    let batch = |topic: &str, partition| PartitionBatch {
        topic: topic.to_owned(),
        partition,
        batch: encode_batch([&record(b"k", b"v", 1)].into_iter(), Compression::None),
    };
    let frame = produce(HEAD, 8, 9000, &[batch("a", 0), batch("a", 3), batch("b", 1)]);
    let asked: ProduceRequest = open(frame, ApiKey::Produce, 8);
    assert_eq!((asked.acks, asked.timeout_ms, asked.transactional_id), (-1, 9000, None));
    let found: Vec<_> = asked
        .topic_data
        .iter()
        .map(|topic| {
            (topic.name.to_string(), topic.partition_data.iter().map(|one| one.index).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found, [("a".to_owned(), vec![0, 3]), ("b".to_owned(), vec![1])]);
}

fn record(key: &[u8], value: &[u8], timestamp_ms: i64) -> Record {
    let headers = vec![("tidegate.id", Bytes::from_static(b"0190")), ("empty", Bytes::new())];
    Record { key: Bytes::copy_from_slice(key), value: Bytes::copy_from_slice(value), timestamp_ms, headers }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let one = (bytes(), bytes(), 0..i64::MAX / 2).prop_map(|(key, value, time)| record(&key, &value, time));
    prop::collection::vec(one, 1..50)
}

proptest! {
    #[test]
    fn batches_are_read_in_every_compression_with_keys_times_and_headers(records in records()) {
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy] {
            let mut batch = encode_batch(records.iter(), compression);
            let read = RecordBatchDecoder::decode(&mut batch).unwrap().records;
            prop_assert!(batch.is_empty());
            prop_assert_eq!(read.len(), records.len());
            for (at, (read, written)) in read.iter().zip(&records).enumerate() {
                prop_assert_eq!((read.offset, read.timestamp), (at as i64, written.timestamp_ms));
                prop_assert_eq!((&read.key, &read.value), (&Some(written.key.clone()), &Some(written.value.clone())));
                let headers = read.headers.iter().map(|(name, value)| (&**name, value.clone().unwrap()));
                prop_assert!(headers.eq(written.headers.iter().cloned()));
                prop_assert!(written.bytes() >= written.key.len() + written.value.len());
            }
        }
    }
}
