//! A record batch of version 2, with `CreateTime` stamps and no producer id.

use crate::write::Write;
use bytes::Bytes;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// What a batch has beside its records.
const BATCH_OVERHEAD_BYTES: usize = 61;

const MAGIC: i8 = 2;
/// Bytes in front of what the length counts, and in front of what the checksum covers.
const LENGTH_FROM: usize = 12;
const CHECKED_FROM: usize = 21;

/// One record. Headers keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Bytes,
    pub value: Bytes,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    pub headers: Vec<(&'static str, Bytes)>,
}

/// How a batch is packed; those of Kafka's that need no C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    /// One raw block, which brokers and clients read beside the framed form.
    Snappy,
}

impl Record {
    /// About how many bytes it takes, and not fewer.
    pub fn bytes(&self) -> usize {
        const FIELDS: usize = 32;
        let headers = self.headers.iter().map(|(name, value)| 10 + name.len() + value.len());
        FIELDS + self.key.len() + self.value.len() + headers.sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>, offset: usize, base_ms: i64) {
        let mut body = Vec::with_capacity(self.bytes());
        body.i8(0);
        body.varint(self.timestamp_ms.wrapping_sub(base_ms));
        body.varint(offset as i64);
        body.short_bytes(&self.key);
        body.short_bytes(&self.value);
        body.varint(self.headers.len() as i64);
        for (name, value) in &self.headers {
            body.short_bytes(name.as_bytes());
            body.short_bytes(value);
        }
        out.short_bytes(&body);
    }
}

/// The batch of these records, in their order; there is at least one.
pub fn encode_batch<'a>(
    records: impl Iterator<Item = &'a Record> + Clone,
    compression: Compression,
) -> Bytes {
    let base_ms = records.clone().next().map_or(0, |record| record.timestamp_ms);
    let max_ms = records.clone().map(|record| record.timestamp_ms).max().unwrap_or(base_ms);
    let (mut packed, mut many) = (Vec::new(), 0);
    for record in records {
        record.encode(&mut packed, many, base_ms);
        many += 1;
    }
    let packed = compression.pack(packed);
    let mut out = Vec::with_capacity(BATCH_OVERHEAD_BYTES + packed.len());
    out.i64(0);
    out.count(BATCH_OVERHEAD_BYTES - LENGTH_FROM + packed.len());
    out.i32(-1);
    out.i8(MAGIC);
    out.i32(0);
    out.i16(compression.attribute());
    out.count(many.saturating_sub(1));
    out.i64(base_ms);
    out.i64(max_ms);
    // No producer's id, epoch and sequence.
    out.i64(-1);
    out.i16(-1);
    out.i32(-1);
    out.count(many);
    out.put(&packed);
    let checksum = crc32c::crc32c(&out[CHECKED_FROM..]);
    out[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
    out.into()
}

impl Compression {
    fn attribute(self) -> i16 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
        }
    }

    fn pack(self, records: Vec<u8>) -> Vec<u8> {
        const IN_MEMORY: &str = "writing into memory does not fail";
        match self {
            Compression::None => records,
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&records).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Compression::Snappy => {
                snap::raw::Encoder::new().compress_vec(&records).expect("a batch is below snappy's 4 GiB")
            }
        }
    }
}
