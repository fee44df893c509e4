//! The body of a remote write request: protobuf, written by hand, for it is four nested messages. Pure.
//!
//! ```text
//! WriteRequest { repeated TimeSeries timeseries = 1 }
//! TimeSeries   { repeated Label labels = 1, repeated Sample samples = 2 }
//! Label        { string name = 1, string value = 2 }
//! Sample       { double value = 1, int64 timestamp = 2 }     milliseconds since 1970
//! ```

use crate::sample::Labels;
use std::collections::BTreeMap;

/// Wire types, as the encoding says.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

/// What one request has: for each set of labels its values by time, in milliseconds.
pub(crate) type Series = BTreeMap<Labels, BTreeMap<i64, f64>>;

pub(crate) fn encode(series: &Series) -> Vec<u8> {
    let mut out = Vec::new();
    for (labels, samples) in series {
        put_bytes(&mut out, 1, &time_series(labels, samples));
    }
    out
}

fn time_series(labels: &Labels, samples: &BTreeMap<i64, f64>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        put_bytes(&mut label, 1, name.as_bytes());
        put_bytes(&mut label, 2, value.as_bytes());
        put_bytes(&mut out, 1, &label);
    }
    for (time_ms, value) in samples {
        let mut sample = Vec::new();
        put_varint(&mut sample, 1 << 3 | FIXED64);
        sample.extend_from_slice(&value.to_le_bytes());
        put_varint(&mut sample, 2 << 3 | VARINT);
        put_varint(&mut sample, *time_ms as u64);
        put_bytes(&mut out, 2, &sample);
    }
    out
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | BYTES);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_spelled_as_the_encoding_says() {
        let labels = vec![("__name__".to_owned(), "m".to_owned())];
        let encoded = encode(&Series::from([(labels, BTreeMap::from([(300, 3.0), (1, 1.0)]))]));
        let label = b"\x0a\x0d\x0a\x08__name__\x12\x01m";
        let first = b"\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x01";
        let second = b"\x12\x0c\x09\0\0\0\0\0\0\x08\x40\x10\xac\x02";
        let series = [&label[..], first, second].concat();
        assert_eq!(encoded, [&[0x0a, series.len() as u8][..], &series].concat());
    }
}
