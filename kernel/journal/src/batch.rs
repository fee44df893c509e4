//! Batches: what is written and synced together, found again whole or not at all.
//!
//! A batch ends with a commit record: how many records it has and one checksum over all of theirs. Batch k+1 is not written
//! before batch k is synced, which is what recovery reasons from. Pure but for reading through [`Records`].

use crate::control::CONTROL;
use crate::disk::DiskFile;
use crate::record::{self, Flags, Framed, HEADER_BYTES, Head, u32_at};
use crate::segment::{Header, Records, SEGMENT_HEADER_BYTES};
use bytes::Bytes;
use std::io;
use tidegate_kernel_id::Id;

/// The kind of a commit record, on the control stream.
pub(crate) const COMMIT: u16 = 1;
/// What a commit record takes in the segment.
pub(crate) const COMMIT_BYTES: usize = HEADER_BYTES + 8;

/// Fills in the checksums of `records` for a segment with this salt and puts the commit record behind them.
pub(crate) fn finish(records: &mut Vec<u8>, batch: u64, last_seq: u64, stamp_ms: u64, salt: u32) {
    record::seal(records, salt);
    let (count, crc) = digest(records);
    let mut payload = [0; 8];
    payload[..4].copy_from_slice(&count.to_le_bytes());
    payload[4..].copy_from_slice(&crc.to_le_bytes());
    let flags = Flags { restated: true, ..Flags::default() };
    let head = Head {
        stream: CONTROL,
        kind: COMMIT,
        version: 1,
        flags,
        seq: last_seq,
        stamp_ms,
        batch,
        id: Id::NIL,
    };
    let start = records.len();
    record::encode(records, &head, &payload);
    record::seal(&mut records[start..], salt);
}

/// The number of sealed records and the checksum of their checksums.
fn digest(records: &[u8]) -> (u32, u32) {
    let (mut count, mut crc, mut at) = (0, 0, 0);
    while at < records.len() {
        crc = crc32c::crc32c_append(crc, &records[at + 12..at + 16]);
        at += (u32_at(records, at) as usize).next_multiple_of(8);
        count += 1;
    }
    (count, crc)
}

/// A whole batch, as found in a segment.
#[derive(Debug)]
pub(crate) struct FoundBatch {
    pub(crate) batch: u64,
    pub(crate) records: Vec<(Framed, Bytes)>,
    /// Where it starts in the segment.
    pub(crate) offset: u64,
    pub(crate) last_seq: u64,
}

/// Reads the whole batches of a segment in order.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    records: Records<'a>,
    next_batch: u64,
    last_seq: u64,
    /// Behind the last whole batch.
    end: u64,
    segment_end: u64,
}

impl<'a> Batches<'a> {
    pub(crate) fn of(file: &'a dyn DiskFile, header: &Header, file_bytes: u64) -> Batches<'a> {
        Batches {
            records: Records::from(file, header.salt, SEGMENT_HEADER_BYTES),
            next_batch: header.first_batch,
            last_seq: header.first_seq - 1,
            end: SEGMENT_HEADER_BYTES,
            segment_end: file_bytes,
        }
    }

    /// The number the next batch has to have.
    pub(crate) fn next_batch(&self) -> u64 {
        self.next_batch
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The next whole batch; nothing where an unfinished one, damage or unused space begins.
    pub(crate) fn next(&mut self) -> io::Result<Option<FoundBatch>> {
        let (mut records, mut seq, offset) = (Vec::new(), self.last_seq, self.end);
        loop {
            let Some((framed, bytes)) = self.records.next()? else {
                let taken = crate::planted::skips_the_commit_check() && !records.is_empty();
                return Ok(taken.then(|| self.found(records, seq, offset)));
            };
            let head = framed.head;
            let expected = if head.flags.restated { seq } else { seq + 1 };
            if head.batch != self.next_batch || head.seq != expected {
                return Ok(None);
            }
            if head.stream == CONTROL && head.kind == COMMIT {
                if !commits(&framed, &bytes, &records) {
                    return Ok(None);
                }
                return Ok(Some(self.found(records, seq, offset)));
            }
            seq = head.seq;
            records.push((framed, bytes));
        }
    }

    fn found(&mut self, records: Vec<(Framed, Bytes)>, last_seq: u64, offset: u64) -> FoundBatch {
        let batch = self.next_batch;
        self.next_batch += 1;
        self.last_seq = last_seq;
        self.end = self.records.offset();
        FoundBatch { batch, records, offset, last_seq }
    }

    /// Where the first record that is not whole begins behind the last whole batch, and the number it should have.
    pub(crate) fn first_bad(&mut self) -> io::Result<(u64, u64)> {
        let mut rest = Records::from(self.records.file(), self.records.salt(), self.end);
        let mut seq = self.last_seq;
        while let Some((framed, _)) = rest.next()? {
            seq = framed.head.seq;
        }
        Ok((rest.offset(), seq + 1))
    }

    /// Bytes behind the last whole batch up to where the last whole record of the one that was cut off ends: zero where nothing was.
    pub(crate) fn unfinished_bytes(&mut self) -> io::Result<u64> {
        let mut rest = Records::from(self.records.file(), self.records.salt(), self.end);
        let last = rest.last_end_of(self.next_batch, self.segment_end)?;
        Ok(self.first_bad()?.0.max(last.unwrap_or(0)) - self.end)
    }

    /// Whether what stopped the reading is damage: something later was written behind it, so it had been synced.
    pub(crate) fn is_damaged(&mut self) -> io::Result<bool> {
        let mut rest = Records::from(self.records.file(), self.records.salt(), self.end);
        rest.any_later(self.next_batch + 1, self.segment_end)
    }
}

fn commits(framed: &Framed, bytes: &[u8], records: &[(Framed, Bytes)]) -> bool {
    let payload = framed.payload(bytes);
    let crc = records.iter().fold(0, |crc, (_, bytes)| crc32c::crc32c_append(crc, &bytes[12..16]));
    payload.len() == 8 && u32_at(payload, 0) as usize == records.len() && u32_at(payload, 4) == crc
}
