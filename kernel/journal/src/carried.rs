//! Critical records copied to the head before their segment goes over quota.
//!
//! The copy has a number of its own in the log, and in front of its payload where it came from and which cursors still wait for
//! it: number u64, stamp u64, one bit per cursor u64. Those who had passed the original skip the copy. Pure.

use crate::record::{Record, u64_at};

pub(crate) const PREFIX_BYTES: usize = 24;

/// The payload of a copy of `record` for the cursors in `waiting`.
pub(crate) fn wrap(record: &Record, waiting: u64) -> Vec<u8> {
    let (seq, stamp_ms, payload) = match origin(record) {
        Some((seq, stamp_ms, _)) => (seq, stamp_ms, &record.payload[PREFIX_BYTES..]),
        None => (record.head.seq, record.head.stamp_ms, &record.payload[..]),
    };
    let mut out = Vec::with_capacity(PREFIX_BYTES + payload.len());
    for field in [seq, stamp_ms, waiting] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(payload);
    out
}

/// Which cursors wait for a record: all of its stream, or those its copy names.
pub(crate) fn waiting(record: &Record) -> u64 {
    origin(record).map_or(u64::MAX, |(_, _, waiting)| waiting)
}

/// The original as this cursor is to see it, with its first number and stamp; nothing if it had passed it.
pub(crate) fn unwrap_for(cursor: u8, mut record: Record) -> Option<Record> {
    let (seq, stamp_ms, waiting) = origin(&record)?;
    if waiting & (1 << cursor) == 0 {
        return None;
    }
    record.head.seq = seq;
    record.head.stamp_ms = stamp_ms;
    record.payload = record.payload.slice(PREFIX_BYTES..);
    Some(record)
}

fn origin(record: &Record) -> Option<(u64, u64, u64)> {
    let whole = record.head.flags.carried && record.payload.len() >= PREFIX_BYTES;
    whole.then(|| (u64_at(&record.payload, 0), u64_at(&record.payload, 8), u64_at(&record.payload, 16)))
}
