//! A dead letter on its way again: a record of kind 64 on the readings' stream, meant for one sink. Pure.
//!
//! ```text
//! 0 original stamp u64
//! 8 original kind u16
//! 10 original version u8
//! 11 sink length u8      then the sink's name, UTF-8
//!    original payload    to the end
//! ```
//!
//! It is a new record, counted as accepted, with the original's id; to every other sink it is nothing, counted as absorbed.

use crate::letter::Letter;
use tidegate_kernel_journal::Record;

pub(crate) const KIND: u16 = 64;
pub(crate) const VERSION: u8 = 1;
const FIXED_BYTES: usize = 12;

/// What a record of the readings' stream is to one sink.
#[derive(Debug)]
pub(crate) enum Unwrapped {
    /// No replay.
    Plain(Record),
    /// The original, with the number of the replay.
    Mine(Record),
    /// Meant for another sink.
    Others,
}

pub(crate) fn encode(letter: &Letter) -> Vec<u8> {
    let name = letter.sink.as_bytes();
    let mut out = Vec::with_capacity(FIXED_BYTES + name.len() + letter.payload.len());
    out.extend_from_slice(&letter.stamp_ms.to_le_bytes());
    out.extend_from_slice(&letter.kind.to_le_bytes());
    out.push(letter.version);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.extend_from_slice(&letter.payload);
    out
}

/// A replay this version does not know, or one that is damaged, stays as it is: it is no reading either.
pub(crate) fn unwrap(record: Record, sink: &str) -> Unwrapped {
    if (record.head.kind, record.head.version) != (KIND, VERSION) {
        return Unwrapped::Plain(record);
    }
    let Some((name, end)) = target(&record.payload) else { return Unwrapped::Plain(record) };
    if name != sink.as_bytes() {
        return Unwrapped::Others;
    }
    let mut original = record.clone();
    original.head.stamp_ms =
        u64::from_le_bytes(record.payload[..8].try_into().expect("eight bytes are there"));
    original.head.kind = u16::from_le_bytes([record.payload[8], record.payload[9]]);
    original.head.version = record.payload[10];
    original.payload = record.payload.slice(end..);
    Unwrapped::Mine(original)
}

/// The name of the sink and where it ends.
fn target(payload: &[u8]) -> Option<(&[u8], usize)> {
    let end = FIXED_BYTES + usize::from(*payload.get(FIXED_BYTES - 1)?);
    Some((payload.get(FIXED_BYTES..end)?, end))
}
