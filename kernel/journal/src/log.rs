//! The file of FORMAT 0: records one behind another from byte 0, no segments, no commit records, checksums without salt.
//!
//! The only IO of this format. Recovery reads the whole file, cuts an unfinished tail back and refuses damage before it.

use crate::control::{CONTROL, Control, Fact};
use crate::error::{OpenError, ReadError};
use crate::record::{self, Framed, Record};
use crate::{account, cursor::ReadLimit};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const NO_SALT: u32 = 0;
/// One entry of the sparse index for so many bytes of records.
const INDEX_STEP_BYTES: u64 = 64 * 1024;
const CHUNK_BYTES: usize = 256 * 1024;

/// The open file and what recovery found in it.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) file: File,
    pub(crate) end: u64,
    pub(crate) head_seq: u64,
    pub(crate) last_stamp_ms: u64,
    pub(crate) control: Control,
    pub(crate) cut_bytes: u64,
    /// (sequence, offset) of some records, rising.
    pub(crate) index: Vec<(u64, u64)>,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Log, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let bytes = std::fs::read(path).map_err(io)?;
        let mut log = Log {
            file,
            end: 0,
            head_seq: 0,
            last_stamp_ms: 0,
            control: Control::default(),
            cut_bytes: 0,
            index: Vec::new(),
        };
        log.replay(&bytes);
        if finds_a_record(&bytes[log.end as usize..], log.head_seq) {
            return Err(OpenError::Corrupt { path: path.to_owned(), offset: log.end });
        }
        log.cut_bytes = bytes.len() as u64 - log.end;
        log.file.set_len(log.end).map_err(io)?;
        log.file.sync_all().map_err(io)?;
        Ok(log)
    }

    fn replay(&mut self, bytes: &[u8]) {
        while let Some(framed) = record::parse(&bytes[self.end as usize..], NO_SALT) {
            self.apply(&framed, &bytes[self.end as usize..]);
            note(&mut self.index, framed.head.seq, self.end);
            self.end += framed.padded() as u64;
        }
    }

    fn apply(&mut self, framed: &Framed, bytes: &[u8]) {
        let head = &framed.head;
        self.head_seq = head.seq;
        self.last_stamp_ms = head.stamp_ms;
        if head.stream == CONTROL {
            if let Some(fact) = Fact::decode(head.kind, framed.payload(bytes)) {
                self.control.apply(fact);
            }
        } else {
            *self.control.counts.entry(head.stream).or_default() += account::counts_as(head);
        }
    }
}

/// Whether a whole record with a higher number lies anywhere behind the place where reading stopped.
fn finds_a_record(rest: &[u8], head_seq: u64) -> bool {
    (8..rest.len()).step_by(8).any(|at| {
        let found = record::parse(&rest[at..], NO_SALT);
        found.is_some_and(|framed| framed.head.seq > head_seq)
    })
}

/// Remembers where a record lies if the last remembered one is far enough away.
pub(crate) fn note(index: &mut Vec<(u64, u64)>, seq: u64, offset: u64) {
    if index.last().is_none_or(|(_, last)| offset >= last + INDEX_STEP_BYTES) {
        index.push((seq, offset));
    }
}

/// Fills in the checksums and writes, without syncing.
pub(crate) fn write(file: &File, offset: u64, records: &mut [u8]) -> std::io::Result<()> {
    record::seal(records, NO_SALT);
    file.write_all_at(records, offset)
}

/// Records from sequence `from` to `through` that `wanted` takes, and the last sequence number looked at.
pub(crate) fn read(
    file: &File,
    mut offset: u64,
    range: std::ops::RangeInclusive<u64>,
    limit: ReadLimit,
    mut wanted: impl FnMut(&record::Head) -> bool,
) -> Result<(Vec<Record>, u64), ReadError> {
    let (mut records, mut bytes_read, mut looked_at) = (Vec::new(), 0, range.start() - 1);
    while looked_at < *range.end() {
        let chunk = read_chunk(file, offset)?;
        let mut at = 0;
        while let Some(framed) = record::parse(&chunk[at..], NO_SALT) {
            if framed.head.seq > *range.end() || records.len() >= limit.records || bytes_read >= limit.bytes {
                return Ok((records, looked_at));
            }
            if framed.head.seq >= *range.start() {
                looked_at = framed.head.seq;
                if wanted(&framed.head) {
                    let payload = chunk.slice(at + record::HEADER_BYTES..at + framed.length);
                    bytes_read += framed.length;
                    records.push(Record { head: framed.head, payload });
                }
            }
            at += framed.padded();
        }
        if at == 0 {
            return Err(ReadError::Corrupt { seq: looked_at + 1 });
        }
        offset += at as u64;
    }
    Ok((records, looked_at))
}

/// At least one whole record from `offset`, if there is one.
fn read_chunk(file: &File, offset: u64) -> Result<Bytes, ReadError> {
    let mut length = [0; 4];
    let known = file.read_at(&mut length, offset)? == 4;
    let first = if known { u32::from_le_bytes(length) as usize } else { 0 };
    let mut chunk = vec![0; CHUNK_BYTES.max((first + 8).min(64 * CHUNK_BYTES))];
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read_at(&mut chunk[filled..], offset + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    chunk.truncate(filled);
    Ok(Bytes::from(chunk))
}
