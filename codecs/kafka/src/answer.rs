//! Answers out of bytes, in the versions the requests were in.

use crate::code::ErrorCode;
use crate::read::{Malformed, Read};
use crate::request::{METADATA, METADATA_VERSION, PRODUCE};
use bytes::Bytes;

/// Produce requests are spoken in these versions: the first with record batches, the last without tagged fields.
const PRODUCE_VERSIONS: (i16, i16) = (3, 8);

/// What a broker knows of the requests made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The version of produce requests that both sides know.
    pub produce: i16,
}

/// The cluster as one broker sees it, as far as was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    pub brokers: Vec<BrokerAt>,
    pub topics: Vec<TopicFound>,
}

/// Where a broker says it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAt {
    pub id: i32,
    pub host: String,
    pub port: i32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFound {
    pub error: ErrorCode,
    pub name: String,
    pub partitions: Vec<PartitionFound>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFound {
    pub error: ErrorCode,
    pub index: i32,
    /// The broker's id; -1 for none.
    pub leader: i32,
}

/// What became of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub topic: String,
    pub partition: i32,
    pub error: ErrorCode,
    /// Of the batch's first record.
    pub base_offset: i64,
    /// What the broker says of the error, where it says anything.
    pub message: Option<String>,
}

/// The broker's side of a step of SASL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslStep {
    pub error: ErrorCode,
    pub message: Option<String>,
    pub bytes: Bytes,
}

impl Versions {
    /// From the answer to [`api_versions`](crate::api_versions); `None` for a broker that has no version in common with us.
    pub fn read(body: Bytes) -> Result<Option<Versions>, Malformed> {
        let mut read = Read(body);
        if read.i16()? != ErrorCode::NONE.0 {
            return Ok(None);
        }
        let known = read.array(6, |read| Ok((read.i16()?, (read.i16()?, read.i16()?))))?;
        let range = |key: i16| known.iter().find(|(known, _)| *known == key).map(|(_, range)| *range);
        let common = |key: i16, (ours_min, ours_max): (i16, i16)| {
            let (min, max) = range(key)?;
            Some(max.min(ours_max)).filter(|version| *version >= min.max(ours_min))
        };
        let metadata = common(METADATA, (METADATA_VERSION, METADATA_VERSION));
        Ok(metadata.and_then(|_| common(PRODUCE, PRODUCE_VERSIONS)).map(|produce| Versions { produce }))
    }
}

impl Metadata {
    /// From the answer to [`metadata`](crate::metadata).
    pub fn read(body: Bytes) -> Result<Metadata, Malformed> {
        let mut read = Read(body);
        let _throttle_ms = read.i32()?;
        let brokers = read.array(12, |read| {
            let (id, host, port) = (read.i32()?, read.string()?, read.i32()?);
            let _rack = read.nullable_string()?;
            Ok(BrokerAt { id, host, port })
        })?;
        let (_cluster, _controller) = (read.nullable_string()?, read.i32()?);
        let topics = read.array(9, topic)?;
        Ok(Metadata { brokers, topics })
    }
}

fn topic(read: &mut Read) -> Result<TopicFound, Malformed> {
    let (error, name) = (ErrorCode(read.i16()?), read.string()?);
    let _is_internal = read.i8()?;
    let partitions = read.array(18, |read| {
        let (error, index, leader) = (ErrorCode(read.i16()?), read.i32()?, read.i32()?);
        let (_replicas, _in_sync) = (read.array(4, Read::i32)?, read.array(4, Read::i32)?);
        Ok(PartitionFound { error, index, leader })
    })?;
    Ok(TopicFound { error, name, partitions })
}

impl Produced {
    /// From the answer to [`produce`](crate::produce): what became of each batch, and for how many milliseconds the broker will
    /// take nothing from this connection, having taken this.
    pub fn read(body: Bytes, version: i16) -> Result<(Vec<Produced>, u32), Malformed> {
        let mut read = Read(body);
        let topics = read.array(6, |read| {
            let topic = read.string()?;
            read.array(22, |read| partition(read, &topic, version))
        })?;
        let throttle_ms = u32::try_from(read.i32()?).unwrap_or(0);
        Ok((topics.into_iter().flatten().collect(), throttle_ms))
    }
}

fn partition(read: &mut Read, topic: &str, version: i16) -> Result<Produced, Malformed> {
    let (partition, error, base_offset) = (read.i32()?, ErrorCode(read.i16()?), read.i64()?);
    let _log_append_ms = read.i64()?;
    if version >= 5 {
        let _log_start_offset = read.i64()?;
    }
    let mut message = None;
    if version >= 8 {
        let rows = read.array(6, |read| Ok((read.i32()?, read.nullable_string()?)))?;
        let of_row = rows.into_iter().find_map(|(_, message)| message);
        message = read.nullable_string()?.or(of_row);
    }
    Ok(Produced { topic: topic.to_owned(), partition, error, base_offset, message })
}

impl SaslStep {
    /// From the answer to [`sasl_authenticate`](crate::sasl_authenticate).
    pub fn read(body: Bytes) -> Result<SaslStep, Malformed> {
        let mut read = Read(body);
        Ok(SaslStep { error: ErrorCode(read.i16()?), message: read.nullable_string()?, bytes: read.bytes()? })
    }

    /// From the answer to [`sasl_handshake`](crate::sasl_handshake): the mechanisms that the broker has, where it has not ours.
    pub fn read_handshake(body: Bytes) -> Result<(ErrorCode, Vec<String>), Malformed> {
        let mut read = Read(body);
        Ok((ErrorCode(read.i16()?), read.array(2, Read::string)?))
    }
}
