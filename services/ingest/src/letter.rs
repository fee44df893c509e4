//! A dead letter: a reading that one sink refused for good, and why. Stream 15 of `queues`, kind 1, version 1. Pure.
//!
//! ```text
//! 0  original number u64
//! 8  original stamp u64
//! 16 original id, 16 bytes
//! 32 original kind u16
//! 34 original version u8
//! 35 flags u8              bit 0 critical, bit 1 the payload was too long to be kept
//! 36 sink length u8        then the sink's name, UTF-8
//!    code length u8        then the code, UTF-8
//!    reason length u16     then the reason, UTF-8, at most 512 bytes
//!    original payload      to the end
//! ```
//!
//! Kind 2: the letter whose id is the 16 bytes of payload is done with, for it was replayed.

use crate::layout;
use crate::reading::Reading;
use bytes::{Buf, Bytes};
use tidegate_kernel_journal::{Entry, Flags, Head, Id, PAYLOAD_BYTES_MAX, Record};

/// The stream of dead letters.
pub(crate) const LETTERS: u16 = 15;
pub(crate) const LETTER: u16 = 1;
pub(crate) const DONE: u16 = 2;
pub(crate) const VERSION: u8 = 1;
/// Bytes of a reason that are kept.
pub const REASON_BYTES_MAX: usize = 512;

const CRITICAL: u8 = 1;
const CUT: u8 = 2;
/// Everything but the payload is shorter, with room for what a replay puts before it.
const AROUND_BYTES_MAX: usize = 1024;

/// Why a sink refused a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) sink: String,
    pub(crate) seq: u64,
    pub(crate) stamp_ms: u64,
    /// The reading's.
    pub(crate) id: Id,
    pub(crate) kind: u16,
    pub(crate) version: u8,
    pub(crate) critical: bool,
    /// The payload was too long to be kept beside the reason, so there is nothing to replay.
    pub(crate) cut: bool,
    pub(crate) reason: Reason,
    pub(crate) payload: Bytes,
}

impl Letter {
    pub(crate) fn new(sink: &str, record: &Record, mut reason: Reason) -> Letter {
        reason.text.truncate(reason.text.floor_char_boundary(REASON_BYTES_MAX));
        let head = &record.head;
        let cut = record.payload.len() + AROUND_BYTES_MAX > PAYLOAD_BYTES_MAX;
        Letter {
            sink: sink.to_owned(),
            seq: head.seq,
            stamp_ms: head.stamp_ms,
            id: head.id,
            kind: head.kind,
            version: head.version,
            critical: head.flags.critical,
            cut,
            reason,
            payload: if cut { Bytes::new() } else { record.payload.clone() },
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.reason.text.len() + self.payload.len());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.stamp_ms.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.kind.to_le_bytes());
        out.push(self.version);
        out.push((u8::from(self.critical) * CRITICAL) | (u8::from(self.cut) * CUT));
        for text in [&self.sink, &self.reason.code] {
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&(self.reason.text.len() as u16).to_le_bytes());
        out.extend_from_slice(self.reason.text.as_bytes());
        out.extend_from_slice(&self.payload);
        out
    }

    /// Nothing for a layout this version does not know.
    pub(crate) fn decode(mut rest: Bytes) -> Option<Letter> {
        let (seq, stamp_ms) = (rest.try_get_u64_le().ok()?, rest.try_get_u64_le().ok()?);
        let id = take_id(&mut rest)?;
        let (kind, version, flags) =
            (rest.try_get_u16_le().ok()?, rest.try_get_u8().ok()?, rest.try_get_u8().ok()?);
        let short = |rest: &mut Bytes| {
            let bytes = rest.try_get_u8().ok()?;
            take_text(rest, bytes.into())
        };
        let (sink, code) = (short(&mut rest)?, short(&mut rest)?);
        let bytes = rest.try_get_u16_le().ok()?;
        let reason = Reason { code, text: take_text(&mut rest, bytes.into())? };
        let (critical, cut) = (flags & CRITICAL != 0, flags & CUT != 0);
        Some(Letter { sink, seq, stamp_ms, id, kind, version, critical, cut, reason, payload: rest })
    }

    /// The reading, if this version can read it.
    pub(crate) fn reading(&self) -> Option<Reading> {
        let flags = Flags { critical: self.critical, ..Flags::default() };
        let head = Head {
            kind: self.kind,
            version: self.version,
            seq: self.seq,
            flags,
            id: self.id,
            ..Head::default()
        };
        layout::of_record(&Record { head, payload: self.payload.clone() }).ok()
    }

    /// As an entry of the journal; `id` is the letter's own, `payload` what [`Letter::encode`] made.
    pub(crate) fn entry(id: Id, payload: &[u8]) -> Entry<'_> {
        Entry { stream: LETTERS, kind: LETTER, version: VERSION, id, payload, ..Entry::default() }
    }

    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        256 + self.reason.text.len() + self.payload.len()
    }
}

/// The id in a record that says that a letter is done with.
pub(crate) fn done_id(mut payload: Bytes) -> Option<Id> {
    take_id(&mut payload)
}

fn take_id(rest: &mut Bytes) -> Option<Id> {
    let bytes = (rest.len() >= 16).then(|| rest.split_to(16))?;
    Some(Id(bytes[..].try_into().expect("sixteen bytes were split off")))
}

fn take_text(rest: &mut Bytes, bytes: usize) -> Option<String> {
    let text = (rest.len() >= bytes).then(|| rest.split_to(bytes))?;
    String::from_utf8(text.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_letter_reads_back_as_written(
            sink in "[a-z]{1,32}", seq: u64, stamp_ms: u64, kind: u16, critical: bool, text in ".{0,100}",
            payload in prop::collection::vec(any::<u8>(), 0..100)
        ) {
            let reason = Reason { code: "TG-IX-003".to_owned(), text };
            let letter = Letter {
                sink, seq, stamp_ms, id: Id::v7(7), kind, version: 1, critical, cut: false, reason, payload: payload.into()
            };
            prop_assert_eq!(Letter::decode(letter.encode().into()), Some(letter));
        }

        #[test]
        fn any_bytes_are_a_letter_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let again = Letter::decode(bytes.clone().into()).map(|letter| letter.encode());
            // Bits of flags that this version does not know are not kept.
            prop_assert!(again.is_none_or(|again| again.len() == bytes.len()));
        }
    }
}
