//! The history as bytes, and back. Written by hand, little-endian.
//!
//! ```text
//! version u8, 1
//! each tag: device u8 and UTF-8; tag u8 and UTF-8; its latest: quality u8, source time u64, type u8 and value as in a record of
//!   readings; dots u32, then each: source time u64, value f64, quality u8
//! ```
//!
//! The journal keeps it beside its log, with a checksum, and keeps the one before; reading and writing block.

use crate::error::HistoryError;
use crate::history::{History, Tags};
use crate::ring::{Dot, Ring};
use bytes::Buf;
use std::collections::VecDeque;
use std::sync::Arc;
use tidegate_engine_tags::{Point, Quality, Value};
use tidegate_kernel_journal::Journal;

const NAME: &str = "history";
const VERSION: u8 = 1;

impl History {
    /// Writes everything down beside the journal's log.
    pub fn save(&self, journal: &Journal) -> Result<(), HistoryError> {
        let bytes = encode(&self.lock());
        journal.write_snapshot(NAME, journal.synced().value(), &bytes).map_err(HistoryError::Snapshot)
    }

    /// Reads what was written down last, and says when that was: the journal's last record of then, 0 where there is nothing. What is of a
    /// later version or damaged is left alone and logged.
    pub fn load(&self, journal: &Journal) -> Result<u64, HistoryError> {
        let Some((seq, bytes)) = journal.snapshot(NAME).map_err(HistoryError::Snapshot)? else {
            return Ok(0);
        };
        let Some(found) = decode(&bytes) else {
            tracing::warn!(code = "TG-HI-002", "a snapshot of the history is not understood; it begins anew");
            return Ok(0);
        };
        let mut tags = self.lock();
        found.into_iter().for_each(|(device, ring)| tags.restore(&device, ring, &self.config));
        Ok(seq)
    }
}

impl Tags {
    /// Its dots first, as points, so that the limits hold as they do for any.
    fn restore(&mut self, device: &str, ring: Ring, config: &crate::config::Config) {
        let latest = ring.latest;
        for Dot { source_ms, value, quality } in ring.dots {
            let point = Point { tag: latest.tag.clone(), value: Value::Real(value), quality, source_ms };
            if source_ms < latest.source_ms {
                self.record(device, &point, config);
            }
        }
        self.record(device, &latest, config);
    }
}

fn encode(tags: &Tags) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (device, rings) in &tags.devices {
        for ring in rings {
            put_ring(&mut out, device, ring);
        }
    }
    out
}

/// A name that does not fit its byte cannot have come from a record.
fn put_ring(out: &mut Vec<u8>, device: &str, ring: &Ring) {
    let names = [device, &*ring.latest.tag];
    if names.iter().any(|name| name.len() > 255) {
        return;
    }
    for name in names {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
    }
    out.push(ring.latest.quality as u8);
    out.extend_from_slice(&ring.latest.source_ms.to_le_bytes());
    put_value(out, &ring.latest.value);
    out.extend_from_slice(&(ring.dots.len() as u32).to_le_bytes());
    for dot in &ring.dots {
        out.extend_from_slice(&dot.source_ms.to_le_bytes());
        out.extend_from_slice(&dot.value.to_le_bytes());
        out.push(dot.quality as u8);
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let mut put = |code: u8, bytes: &[u8]| {
        out.push(code);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Real(real) => put(1, &real.to_le_bytes()),
        Value::Integer(integer) => put(2, &integer.to_le_bytes()),
        Value::Boolean(boolean) => put(3, &[u8::from(*boolean)]),
        Value::Text(text) => {
            put(4, &(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Reals(reals) => {
            put(5, &(reals.len() as u32).to_le_bytes());
            reals.iter().for_each(|real| out.extend_from_slice(&real.to_le_bytes()));
        }
    }
}

fn decode(mut bytes: &[u8]) -> Option<Vec<(Arc<str>, Ring)>> {
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        found.push(take_ring(&mut bytes)?);
    }
    Some(found)
}

fn take_ring(bytes: &mut &[u8]) -> Option<(Arc<str>, Ring)> {
    let (device, tag) = (take_name(bytes)?, take_name(bytes)?);
    let quality = take_quality(bytes)?;
    let source_ms = bytes.try_get_u64_le().ok()?;
    let value = take_value(bytes)?;
    let count = bytes.try_get_u32_le().ok()?;
    let dots: Option<VecDeque<Dot>> = (0..count).map(|_| take_dot(bytes)).collect();
    Some((device, Ring { latest: Point { tag, value, quality, source_ms }, dots: dots? }))
}

fn take_dot(bytes: &mut &[u8]) -> Option<Dot> {
    let source_ms = bytes.try_get_u64_le().ok()?;
    let value = bytes.try_get_f64_le().ok()?;
    Some(Dot { source_ms, value, quality: take_quality(bytes)? })
}

fn take_quality(bytes: &mut &[u8]) -> Option<Quality> {
    let code = bytes.try_get_u8().ok()?;
    [Quality::Bad, Quality::Uncertain, Quality::Good].into_iter().find(|quality| *quality as u8 == code)
}

fn take_name(bytes: &mut &[u8]) -> Option<Arc<str>> {
    let length = usize::from(bytes.try_get_u8().ok()?);
    Some(std::str::from_utf8(take(bytes, length)?).ok()?.into())
}

fn take_value(bytes: &mut &[u8]) -> Option<Value> {
    Some(match bytes.try_get_u8().ok()? {
        1 => Value::Real(bytes.try_get_f64_le().ok()?),
        2 => Value::Integer(bytes.try_get_i64_le().ok()?),
        3 => Value::Boolean(bytes.try_get_u8().ok()? != 0),
        4 => {
            let length = bytes.try_get_u32_le().ok()? as usize;
            Value::Text(std::str::from_utf8(take(bytes, length)?).ok()?.into())
        }
        5 => {
            let length = (bytes.try_get_u32_le().ok()? as usize).checked_mul(8)?;
            let mut reals = take(bytes, length)?;
            Value::Reals((0..length / 8).map(|_| reals.get_f64_le()).collect())
        }
        _ => return None,
    })
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn sample() -> History {
        let history = History::new(Config::default()).unwrap();
        let point =
            |tag: &str, value, source_ms| Point { tag: tag.into(), value, quality: Quality::Good, source_ms };
        history.record("a", &[point("x", Value::Real(1.0), 1), point("x", Value::Integer(2), 2)]);
        history.record("b", &[point("t", Value::from("on"), 3), point("w", Value::Reals([0.5].into()), 4)]);
        history.record("b", &[point("f", Value::Boolean(true), 5)]);
        history
    }

    #[test]
    fn what_was_written_down_is_read_back() {
        let (before, after) = (sample(), History::new(Config::default()).unwrap());
        for (device, ring) in decode(&encode(&before.lock())).unwrap() {
            after.lock().restore(&device, ring, &Config::default());
        }
        for device in ["a", "b"] {
            assert_eq!(after.latest(device), before.latest(device));
        }
        assert_eq!(after.range("a", "x", 0, 9), before.range("a", "x", 0, 9));
        assert_eq!(after.lock().size(), before.lock().size());
    }

    #[test]
    fn a_snapshot_that_is_cut_or_later_is_none() {
        let mut bytes = encode(&sample().lock());
        let whole = decode(&bytes).unwrap().len();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_none_or(|found| found.len() < whole), "{end}");
        }
        bytes[0] = 2;
        assert!(decode(&bytes).is_none());
    }
}
