//! One record on disk: a 56-byte header, the payload, zeros up to the next multiple of eight.
//!
//! Little-endian, written by hand, so that no library's idea of a format is ever on disk. Pure: no IO, no clock.
//!
//! ```text
//!  0 length u32     header and payload, without the padding
//!  4 stream u16     0 is the journal's own
//!  6 kind u16       what the payload means, within the stream; a new meaning is a new kind
//!  8 version u8     of the payload's layout
//!  9 flags u8       bit 0 critical, 1 pruned, 2 carried, 3 once, 4 restated
//! 10 zero u16
//! 12 crc u32        CRC32C of the salt and of everything else in the record
//! 16 seq u64        the record's number in its journal, from 1, without gaps; a restated one has that of the record before
//! 24 stamp u64      milliseconds since 1970, never backwards
//! 32 batch u64      the batch it was committed with
//! 40 id [u8; 16]
//! 56 payload
//! ```

use bytes::Bytes;
use tidegate_kernel_id::Id;

pub(crate) const HEADER_BYTES: usize = 56;

const CRITICAL: u8 = 1;
const PRUNED: u8 = 1 << 1;
const CARRIED: u8 = 1 << 2;
const ONCE: u8 = 1 << 3;
const RESTATED: u8 = 1 << 4;

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub head: Head,
    pub payload: Bytes,
}

/// Everything about a record but its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub stream: u16,
    pub kind: u16,
    pub version: u8,
    pub flags: Flags,
    pub seq: u64,
    pub stamp_ms: u64,
    pub batch: u64,
    pub id: Id,
}

/// What is true of a record beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Never shed: over quota it is copied to the head before its segment goes.
    pub critical: bool,
    /// The payload is gone; what stands for it is in its place: see [`crate::Journal::prune`]. Whoever reads payloads looks here first.
    pub pruned: bool,
    /// A critical record copied forward before its segment went; see [`crate::carried`].
    pub carried: bool,
    /// Its id is remembered for a window, and refused a second time.
    pub once: bool,
    /// The journal's own, and no new fact: it has no number to itself.
    pub restated: bool,
}

impl Flags {
    fn bits(self) -> u8 {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        bit(self.critical, CRITICAL)
            | bit(self.pruned, PRUNED)
            | bit(self.carried, CARRIED)
            | bit(self.once, ONCE)
            | bit(self.restated, RESTATED)
    }

    fn of(bits: u8) -> Option<Flags> {
        (bits & !(CRITICAL | PRUNED | CARRIED | ONCE | RESTATED) == 0).then_some(Flags {
            critical: bits & CRITICAL != 0,
            pruned: bits & PRUNED != 0,
            carried: bits & CARRIED != 0,
            once: bits & ONCE != 0,
            restated: bits & RESTATED != 0,
        })
    }
}

/// Bytes a record with this payload takes in a segment.
pub(crate) fn padded_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(8)
}

/// Appends the record to `out`, without its checksum: the segment, and so the salt, is not known yet.
pub(crate) fn encode(out: &mut Vec<u8>, head: &Head, payload: &[u8]) {
    let length = (HEADER_BYTES + payload.len()) as u32;
    let end = out.len() + padded_bytes(payload.len());
    out.reserve(padded_bytes(payload.len()));
    let mut fixed = [0; HEADER_BYTES];
    fixed[0..4].copy_from_slice(&length.to_le_bytes());
    fixed[4..6].copy_from_slice(&head.stream.to_le_bytes());
    fixed[6..8].copy_from_slice(&head.kind.to_le_bytes());
    fixed[8] = head.version;
    fixed[9] = head.flags.bits();
    fixed[16..24].copy_from_slice(&head.seq.to_le_bytes());
    fixed[24..32].copy_from_slice(&head.stamp_ms.to_le_bytes());
    fixed[32..40].copy_from_slice(&head.batch.to_le_bytes());
    fixed[40..56].copy_from_slice(&head.id.0);
    out.extend_from_slice(&fixed);
    out.extend_from_slice(payload);
    out.resize(end, 0);
}

/// Writes the checksum of every record in `records`, which holds whole records one behind another.
pub(crate) fn seal(records: &mut [u8], salt: u32) {
    let mut rest = records;
    while !rest.is_empty() {
        let length = u32_at(rest, 0) as usize;
        let (record, behind) = rest.split_at_mut(length.next_multiple_of(8));
        let crc = checksum(&record[..length], salt);
        record[12..16].copy_from_slice(&crc.to_le_bytes());
        rest = behind;
    }
}

/// A record found whole at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framed {
    pub(crate) head: Head,
    /// Header and payload, without the padding.
    pub(crate) length: usize,
}

impl Framed {
    pub(crate) fn padded(&self) -> usize {
        self.length.next_multiple_of(8)
    }

    pub(crate) fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[HEADER_BYTES..self.length]
    }
}

/// The record at the start of `bytes`, or nothing if no whole record with a right checksum is there.
pub(crate) fn parse(bytes: &[u8], salt: u32) -> Option<Framed> {
    if bytes.len() < HEADER_BYTES {
        return None;
    }
    let length = u32_at(bytes, 0) as usize;
    if length < HEADER_BYTES || length.next_multiple_of(8) > bytes.len() {
        return None;
    }
    let record = &bytes[..length];
    let padding = &bytes[length..length.next_multiple_of(8)];
    if record[10..12] != [0, 0]
        || padding.iter().any(|byte| *byte != 0)
        || u32_at(record, 12) != checksum(record, salt)
    {
        return None;
    }
    Some(Framed { head: head(record)?, length })
}

fn head(record: &[u8]) -> Option<Head> {
    let mut id = Id::NIL;
    id.0.copy_from_slice(&record[40..56]);
    Some(Head {
        stream: u16_at(record, 4),
        kind: u16_at(record, 6),
        version: record[8],
        flags: Flags::of(record[9])?,
        seq: u64_at(record, 16),
        stamp_ms: u64_at(record, 24),
        batch: u64_at(record, 32),
        id,
    })
}

fn checksum(record: &[u8], salt: u32) -> u32 {
    let crc = crc32c::crc32c_append(salt, &record[..12]);
    crc32c::crc32c_append(crc, &record[16..])
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes were sliced"))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were sliced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Head, Vec<u8>) {
        let flags = Flags { critical: true, once: true, ..Flags::default() };
        let head =
            Head { stream: 3, kind: 9, version: 1, flags, seq: 7, stamp_ms: 8, batch: 2, id: Id::v7(5) };
        let mut bytes = Vec::new();
        encode(&mut bytes, &head, b"payload");
        seal(&mut bytes, 77);
        (head, bytes)
    }

    #[test]
    fn a_record_reads_back_as_written_with_its_padding() {
        let (head, bytes) = sample();
        assert_eq!(bytes.len(), 64);
        let framed = parse(&bytes, 77).unwrap();
        assert_eq!((framed.head, framed.payload(&bytes)), (head, &b"payload"[..]));
    }

    #[test]
    fn any_flipped_bit_and_any_other_salt_is_noticed() {
        let (_, bytes) = sample();
        assert_eq!(parse(&bytes, 78), None);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped, 77), None, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_record_is_no_record() {
        let (_, bytes) = sample();
        assert!((0..bytes.len()).all(|end| parse(&bytes[..end], 77).is_none()));
    }
}
