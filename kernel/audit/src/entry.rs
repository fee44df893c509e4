//! A fact of the journal as an entry of the trees: what it is, and the hash of its payload. So an entry is short whatever it speaks of, and
//! payloads can be pruned or shredded without a hash changing.
//!
//! ```text
//!  0 form u8        1
//!  1 stream u16     little-endian, as all numbers here
//!  3 kind u16
//!  5 version u8     of the payload's layout
//!  6 seq u64        the record's number in `books`
//! 14 stamp u64      milliseconds since 1970
//! 22 id [u8; 16]
//! 38 length u32     bytes of the payload
//! 42 hash [u8; 32]  of the payload, by the tree's own hash
//! ```

use crate::error::AuditError;
use crate::profile::{HASH_BYTES, Hash, Profile};
use tidegate_kernel_id::Id;
use tidegate_kernel_journal::Record;

pub const ENTRY_BYTES: usize = 42 + HASH_BYTES;
const FORM: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub stream: u16,
    pub kind: u16,
    pub version: u8,
    pub seq: u64,
    pub stamp_ms: u64,
    pub id: Id,
    pub payload_bytes: u32,
    pub payload_hash: Hash,
}

impl Entry {
    pub fn of(profile: Profile, record: &Record) -> Entry {
        let head = &record.head;
        Entry {
            stream: head.stream,
            kind: head.kind,
            version: head.version,
            seq: head.seq,
            stamp_ms: head.stamp_ms,
            id: head.id,
            payload_bytes: record.payload.len() as u32,
            payload_hash: profile.hash(&record.payload),
        }
    }

    /// Whether both are of one fact, wherever it was kept, and when it was written there.
    pub fn is_of(&self, other: &Entry) -> bool {
        *self == Entry { stream: self.stream, stamp_ms: self.stamp_ms, ..*other }
    }

    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0] = FORM;
        bytes[1..3].copy_from_slice(&self.stream.to_le_bytes());
        bytes[3..5].copy_from_slice(&self.kind.to_le_bytes());
        bytes[5] = self.version;
        bytes[6..14].copy_from_slice(&self.seq.to_le_bytes());
        bytes[14..22].copy_from_slice(&self.stamp_ms.to_le_bytes());
        bytes[22..38].copy_from_slice(&self.id.0);
        bytes[38..42].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[42..].copy_from_slice(&self.payload_hash);
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Result<Entry, AuditError> {
        let bytes: &[u8; ENTRY_BYTES] = bytes
            .try_into()
            .ok()
            .filter(|bytes: &&[u8; ENTRY_BYTES]| bytes[0] == FORM)
            .ok_or(NOT_AN_ENTRY)?;
        Ok(Entry {
            stream: u16::from_le_bytes(part(bytes, 1)),
            kind: u16::from_le_bytes(part(bytes, 3)),
            version: bytes[5],
            seq: u64::from_le_bytes(part(bytes, 6)),
            stamp_ms: u64::from_le_bytes(part(bytes, 14)),
            id: Id(part(bytes, 22)),
            payload_bytes: u32::from_le_bytes(part(bytes, 38)),
            payload_hash: part(bytes, 42),
        })
    }
}

const NOT_AN_ENTRY: AuditError = AuditError::Malformed { what: "an entry of this form" };

fn part<const BYTES: usize>(bytes: &[u8; ENTRY_BYTES], at: usize) -> [u8; BYTES] {
    *bytes[at..].first_chunk().expect("the form has this many bytes there")
}
