//! A segment: one file of a journal, its header, and its batches read in order.
//!
//! A file gets its numbered name only once its header is synced, so a numbered file without a valid header is damage, not an
//! accident. The header stands twice, in two sectors. A segment is only ever appended to by the process that made it: after a
//! restart writing goes on in a fresh one, and the last batch before, whose sync nobody can vouch for, is written again there.
//! Batches of a segment from the next one's first batch on are superseded and not looked at.

use crate::disk::{DiskFile, SECTOR_BYTES, read_full};
use crate::record::{self, Framed, HEADER_BYTES, u32_at, u64_at};
use bytes::Bytes;
use std::io;

/// Two sectors, a copy of the header in each.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 2 * SECTOR_BYTES as u64;
/// The layout described in ADR-0001.
pub(crate) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"TIDESEG\n";
const HEADER_USED_BYTES: usize = 72;
const CHUNK_BYTES: usize = 256 << 10;

/// What a segment says of itself.
///
/// ```text
///  0 magic "TIDESEG\n"    8 format u32       12 salt u32          16 number u64
/// 24 first_seq u64       32 first_batch u64  40 bytes u64         48 stamp u64
/// 56 journal u64         64 zero u32         68 crc u32 (CRC32C of bytes 0..68)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) salt: u32,
    pub(crate) number: u64,
    /// The number its first record has, or will have.
    pub(crate) first_seq: u64,
    pub(crate) first_batch: u64,
    pub(crate) bytes: u64,
    pub(crate) stamp_ms: u64,
    /// Tells the segments of one journal from those of another.
    pub(crate) journal: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES as usize] {
        let mut copy = [0; SECTOR_BYTES];
        copy[0..8].copy_from_slice(MAGIC);
        copy[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        copy[12..16].copy_from_slice(&self.salt.to_le_bytes());
        let fields = [self.number, self.first_seq, self.first_batch, self.bytes, self.stamp_ms, self.journal];
        for (at, field) in fields.into_iter().enumerate() {
            copy[16 + at * 8..24 + at * 8].copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32c::crc32c(&copy[..68]);
        copy[68..72].copy_from_slice(&crc.to_le_bytes());
        let mut both = [0; SEGMENT_HEADER_BYTES as usize];
        both[..SECTOR_BYTES].copy_from_slice(&copy);
        both[SECTOR_BYTES..].copy_from_slice(&copy);
        both
    }

    /// The header, and whether both copies of it are whole.
    pub(crate) fn decode(both: &[u8]) -> Option<(Header, bool)> {
        let (first, second) = both.split_at_checked(SECTOR_BYTES)?;
        match (Header::decode_copy(first), Header::decode_copy(second)) {
            (Some(header), other) => Some((header, other == Some(header))),
            (None, Some(header)) => Some((header, false)),
            (None, None) => None,
        }
    }

    fn decode_copy(copy: &[u8]) -> Option<Header> {
        let whole = copy.len() == SECTOR_BYTES
            && copy[0..8] == *MAGIC
            && u32_at(copy, 8) == FORMAT
            && u32_at(copy, 68) == crc32c::crc32c(&copy[..68])
            && copy[HEADER_USED_BYTES..].iter().all(|byte| *byte == 0);
        whole.then(|| Header {
            salt: u32_at(copy, 12),
            number: u64_at(copy, 16),
            first_seq: u64_at(copy, 24),
            first_batch: u64_at(copy, 32),
            bytes: u64_at(copy, 40),
            stamp_ms: u64_at(copy, 48),
            journal: u64_at(copy, 56),
        })
    }
}

pub(crate) fn file_name(number: u64) -> String {
    format!("{number:010}.seg")
}

pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".seg").filter(|digits| digits.len() == 10)?.parse().ok()
}

/// Bytes of records in a segment of this length.
pub(crate) fn capacity(segment_bytes: u64) -> u64 {
    segment_bytes.saturating_sub(SEGMENT_HEADER_BYTES)
}

/// Reads the records of a segment one behind another, without loading it whole.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    file: &'a dyn DiskFile,
    salt: u32,
    /// Read from the file and not handed out yet.
    chunk: Bytes,
    /// Where `chunk` starts in the file.
    offset: u64,
    /// No record is expected behind it.
    end: u64,
}

impl<'a> Records<'a> {
    pub(crate) fn from(file: &'a dyn DiskFile, salt: u32, offset: u64) -> Records<'a> {
        Records { file, salt, chunk: Bytes::new(), offset, end: u64::MAX }
    }

    /// The same for a reader that stopped at `offset` with `ahead` in hand, and knows where the log ends: one that keeps up with
    /// the writer reads the few records that are new, not a chunk of zeros behind them.
    pub(crate) fn resumed(self, ahead: Bytes, end: u64) -> Records<'a> {
        Records { chunk: ahead, end, ..self }
    }

    /// What is in hand at [`Records::offset`].
    pub(crate) fn ahead(self) -> Bytes {
        self.chunk
    }

    pub(crate) fn file(&self) -> &'a dyn DiskFile {
        self.file
    }

    pub(crate) fn salt(&self) -> u32 {
        self.salt
    }

    /// Where the next record starts, or the bytes that are none.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record with its bytes; nothing where no whole record is.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Framed, Bytes)>> {
        let mut found = record::parse(&self.chunk, self.salt);
        if found.is_none() {
            self.refill()?;
            found = record::parse(&self.chunk, self.salt);
        }
        Ok(found.map(|framed| {
            let bytes = self.chunk.split_to(framed.padded());
            self.offset += bytes.len() as u64;
            (framed, bytes)
        }))
    }

    /// Reads from the present offset, at least as much as the record there says it is long.
    fn refill(&mut self) -> io::Result<()> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let bytes = left.clamp(HEADER_BYTES, CHUNK_BYTES);
        let mut chunk = self.read(bytes)?;
        let said = if chunk.len() < 4 { 0 } else { u32_at(&chunk, 0) as usize };
        let is_cut = chunk.len() == bytes && said + 8 > bytes;
        if is_cut && said <= crate::journal::PAYLOAD_BYTES_MAX + HEADER_BYTES {
            chunk = self.read(said + 8)?;
        }
        self.chunk = Bytes::from(chunk);
        Ok(())
    }

    fn read(&self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut chunk = vec![0; bytes];
        let filled = read_full(self.file, &mut chunk, self.offset)?;
        chunk.truncate(filled);
        Ok(chunk)
    }

    /// Whether a whole record of batch `batch` or later lies behind the present offset.
    pub(crate) fn any_later(&mut self, batch: u64, end: u64) -> io::Result<bool> {
        let rest = self.rest(end)?;
        Ok(behind(&rest, self.salt, batch).next().is_some())
    }

    /// Where the last whole record of that batch behind the present offset ends, if there is one.
    pub(crate) fn last_end_of(&mut self, batch: u64, end: u64) -> io::Result<Option<u64>> {
        let rest = self.rest(end)?;
        let last = behind(&rest, self.salt, batch).filter(|(_, framed)| framed.head.batch == batch).last();
        Ok(last.map(|(at, framed)| self.offset + (at + framed.padded()) as u64))
    }

    fn rest(&self, end: u64) -> io::Result<Vec<u8>> {
        self.read(end.saturating_sub(self.offset) as usize)
    }
}

/// Whole records of batch `batch` or later, wherever they lie.
fn behind(rest: &[u8], salt: u32, batch: u64) -> impl Iterator<Item = (usize, Framed)> {
    (0..rest.len()).step_by(8).filter_map(move |at| {
        let may_be = rest.len() - at >= HEADER_BYTES && u64_at(rest, at + 32) >= batch;
        let framed = may_be.then(|| record::parse(&rest[at..], salt)).flatten();
        framed.filter(|framed| framed.head.batch >= batch).map(|framed| (at, framed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header { salt: 1, number: 2, first_seq: 3, first_batch: 4, bytes: 5, stamp_ms: 6, journal: 7 }
    }

    #[test]
    fn a_header_survives_the_loss_of_either_sector_and_says_so() {
        let both = sample().encode();
        assert_eq!(Header::decode(&both), Some((sample(), true)));
        for bit in 0..both.len() * 8 {
            let mut flipped = both;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), Some((sample(), false)), "bit {bit}");
        }
        let mut neither = both;
        neither[20] ^= 1;
        neither[SECTOR_BYTES + 20] ^= 1;
        assert_eq!(Header::decode(&neither), None);
    }

    #[test]
    fn only_ten_digits_and_the_ending_name_a_segment() {
        assert_eq!(number_of(&file_name(42)), Some(42));
        assert_eq!(number_of("42.seg"), None);
        assert_eq!(number_of("0000000042.seg.draft"), None);
    }
}
