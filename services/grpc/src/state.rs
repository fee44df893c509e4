//! How far each stream is, as bytes: the note of one stream that stands in the journal beside its readings, and the snapshot of
//! all. Written by hand, little-endian. Pure.
//!
//! ```text
//! note, kind 1, version 1:  principal length u16, principal, stream length u16, stream, through u64
//! snapshot:                 version u8, 1; then notes one after another, the stream silent for longest first
//! ```

use prost::bytes::{Buf, BufMut};

pub(crate) const NOTE_KIND: u16 = 1;
pub(crate) const NOTE_VERSION: u8 = 1;
const SNAPSHOT_VERSION: u8 = 1;

/// Which stream: its principal and the client's name for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) principal: String,
    pub(crate) stream: String,
}

/// A stream and the last sequence the journal has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) key: Key,
    pub(crate) through: u64,
}

impl Note {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.key.principal);
        put_text(out, &self.key.stream);
        out.put_u64_le(self.through);
    }

    /// Nothing unless the bytes begin with a note.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Note> {
        let key = Key { principal: take_text(bytes)?, stream: take_text(bytes)? };
        Some(Note { key, through: bytes.try_get_u64_le().ok()? })
    }
}

pub(crate) fn encode_snapshot(notes: &[Note]) -> Vec<u8> {
    let mut out = vec![SNAPSHOT_VERSION];
    notes.iter().for_each(|note| note.encode(&mut out));
    out
}

pub(crate) fn decode_snapshot(bytes: &[u8]) -> Option<Vec<Note>> {
    let (&[SNAPSHOT_VERSION], mut rest) = bytes.split_first_chunk()? else { return None };
    let mut notes = Vec::new();
    while !rest.is_empty() {
        notes.push(Note::decode(&mut rest)?);
    }
    Some(notes)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("names are checked to be far shorter");
    out.put_u16_le(length);
    out.put_slice(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::from(bytes.try_get_u16_le().ok()?);
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(stream: &str, through: u64) -> Note {
        Note { key: Key { principal: "press-7".to_owned(), stream: stream.to_owned() }, through }
    }

    #[test]
    fn a_snapshot_reads_back_as_written_and_not_at_all_when_cut() {
        let notes = [note("a", 1), note("潮", u64::MAX)];
        let bytes = encode_snapshot(&notes);
        assert_eq!(decode_snapshot(&bytes).as_deref(), Some(&notes[..]));
        let whole = [1, encode_snapshot(&notes[..1]).len(), bytes.len()];
        for end in 0..=bytes.len() {
            assert_eq!(decode_snapshot(&bytes[..end]).is_some(), whole.contains(&end), "{end}");
        }
        assert_eq!(decode_snapshot(&[2]), None);
    }

    #[test]
    fn the_layout_of_a_note_is_the_documented_one() {
        let mut out = Vec::new();
        note("s", 258).encode(&mut out);
        assert_eq!(out, b"\x07\0press-7\x01\0s\x02\x01\0\0\0\0\0\0");
    }
}
