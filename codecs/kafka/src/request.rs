//! Requests as bytes, each a whole frame. The versions are the ones every Kafka from 0.11 to 4 knows.

use crate::write::Write;
use bytes::Bytes;

pub(crate) const PRODUCE: i16 = 0;
pub(crate) const METADATA: i16 = 3;
pub(crate) const SASL_HANDSHAKE: i16 = 17;
pub(crate) const API_VERSIONS: i16 = 18;
pub(crate) const SASL_AUTHENTICATE: i16 = 36;

pub(crate) const METADATA_VERSION: i16 = 4;
const SASL_HANDSHAKE_VERSION: i16 = 1;
const SASL_AUTHENTICATE_VERSION: i16 = 0;
const API_VERSIONS_VERSION: i16 = 0;
/// All replicas that are in sync.
const ACKS_ALL: i16 = -1;

/// What every request begins with.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Comes back with the answer.
    pub correlation: i32,
    pub client_id: &'a str,
}

/// A record batch on its way to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionBatch {
    pub topic: String,
    pub partition: i32,
    /// As [`encode_batch`](crate::encode_batch) writes it.
    pub batch: Bytes,
}

impl Head<'_> {
    fn frame(self, key: i16, version: i16, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = vec![0; 4];
        out.i16(key);
        out.i16(version);
        out.i32(self.correlation);
        out.string(self.client_id);
        body(&mut out);
        let length = i32::try_from(out.len() - 4).expect("the limits of a request keep it within 31 bits");
        out[..4].copy_from_slice(&length.to_be_bytes());
        out
    }
}

/// Which versions the broker knows.
pub fn api_versions(head: Head<'_>) -> Vec<u8> {
    head.frame(API_VERSIONS, API_VERSIONS_VERSION, |_| {})
}

/// Where these topics are. None is made by asking.
pub fn metadata<'a>(head: Head<'_>, topics: impl ExactSizeIterator<Item = &'a str>) -> Vec<u8> {
    head.frame(METADATA, METADATA_VERSION, |out| {
        out.count(topics.len());
        topics.for_each(|topic| out.string(topic));
        out.i8(0);
    })
}

/// Batches for partitions that this broker leads, each partition once and those of one topic side by side. All of its replicas in
/// sync acknowledge.
pub fn produce(head: Head<'_>, version: i16, timeout_ms: i32, batches: &[PartitionBatch]) -> Vec<u8> {
    head.frame(PRODUCE, version, |out| {
        // No transaction.
        out.i16(-1);
        out.i16(ACKS_ALL);
        out.i32(timeout_ms);
        // Brokers drop a topic that stands there twice.
        let topics: Vec<&[PartitionBatch]> = batches.chunk_by(|one, next| one.topic == next.topic).collect();
        out.count(topics.len());
        for batches in topics {
            out.string(&batches[0].topic);
            out.count(batches.len());
            for PartitionBatch { partition, batch, .. } in batches {
                out.i32(*partition);
                out.bytes(batch);
            }
        }
    })
}

/// By which mechanism this client wants to say who it is.
pub fn sasl_handshake(head: Head<'_>, mechanism: &str) -> Vec<u8> {
    head.frame(SASL_HANDSHAKE, SASL_HANDSHAKE_VERSION, |out| out.string(mechanism))
}

/// One step of that mechanism.
pub fn sasl_authenticate(head: Head<'_>, step: &[u8]) -> Vec<u8> {
    head.frame(SASL_AUTHENTICATE, SASL_AUTHENTICATE_VERSION, |out| out.bytes(step))
}
