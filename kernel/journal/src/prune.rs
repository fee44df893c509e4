//! Pruning: the payload of a record that is kept no longer gives way to bytes that stand for it, and the record keeps its head.
//!
//! Whoever prunes says what stands for a payload; the journal only knows that it is not the payload any more. A segment is written anew
//! beside the old one, synced, and then takes its name by one rename, so that a crash at any moment leaves the one or the other, whole.
//! Oldest first, so what is pruned of a stream when it was cut off is a beginning of it. The segment that is written to is left alone.

use crate::batch::{self, Batches, FoundBatch};
use crate::disk::Disk;
use crate::error::{OpenError, ReadError};
use crate::journal::Journal;
use crate::planted;
use crate::record::{self, Flags, HEADER_BYTES, Head, Record};
use crate::recovery::{self, Listed};
use crate::segment::{Header, SEGMENT_HEADER_BYTES};
use std::io;

/// The segment that is being written anew; one that a crash left is written over by the next.
const DRAFT: &str = "prune.draft";

/// What stands for the payload of this record from now on; nothing where the payload stays.
pub type Stubs<'a> = dyn FnMut(&Record) -> Option<Vec<u8>> + 'a;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    pub records: u64,
    /// Segments that were written anew.
    pub segments: u64,
    /// What those took before, as far as they were used, and take now.
    pub bytes_before: u64,
    pub bytes_after: u64,
}

impl Journal {
    /// Replaces payloads of records up to number `through`, for good. The caller sees to it that nobody reads what is pruned meanwhile;
    /// what was done before an error stays done, and the next call goes on behind it.
    pub fn prune(&self, through: u64, stubs: &mut Stubs<'_>) -> Result<Pruned, ReadError> {
        let disk = &*self.shared.disk;
        let listed = recovery::list(disk).map_err(unlisted)?;
        let mut pruned = Pruned::default();
        for (part, next) in listed.iter().zip(listed.iter().skip(1)) {
            if part.header.first_seq > through {
                break;
            }
            if let Some(anew) = Anew::of(disk, part, next.header.first_batch, through, stubs)? {
                self.swap(&part.name(), &anew).inspect_err(|_| drop(disk.remove(DRAFT)))?;
                pruned.count(&anew);
            }
        }
        Ok(pruned)
    }

    fn swap(&self, name: &str, anew: &Anew) -> io::Result<()> {
        let disk = &*self.shared.disk;
        let file = disk.create(DRAFT, anew.header.bytes)?;
        file.write_at(&anew.header.encode(), 0)?;
        file.write_at(&anew.records, SEGMENT_HEADER_BYTES)?;
        if !planted::swaps_before_the_sync() {
            file.sync()?;
        }
        disk.rename(DRAFT, name)?;
        disk.sync_names()?;
        let mut state = self.shared.lock();
        if let Some(segment) = state.segments.iter_mut().find(|one| one.number == anew.header.number) {
            segment.rewritten(&anew.header);
        }
        Ok(())
    }
}

/// A journal that is open has segments that belong together.
fn unlisted(error: OpenError) -> ReadError {
    match error {
        OpenError::Io { source, .. } => source.into(),
        other => io::Error::other(other).into(),
    }
}

impl Pruned {
    fn count(&mut self, anew: &Anew) {
        self.records += anew.pruned;
        self.segments += 1;
        self.bytes_before += anew.bytes_before;
        self.bytes_after += anew.header.bytes;
    }
}

/// A segment as it is to be.
struct Anew {
    header: Header,
    records: Vec<u8>,
    pruned: u64,
    bytes_before: u64,
}

impl Anew {
    /// Nothing where no payload of it goes. What lies behind batch `until` is superseded and left out.
    fn of(
        disk: &dyn Disk,
        part: &Listed,
        until: u64,
        through: u64,
        stubs: &mut Stubs<'_>,
    ) -> Result<Option<Anew>, ReadError> {
        let file = disk.open(&part.name())?;
        let mut anew = Anew {
            header: Header { salt: disk.salt(), ..part.header },
            records: Vec::new(),
            pruned: 0,
            bytes_before: 0,
        };
        let mut batches = Batches::of(&*file, &part.header, part.file_bytes);
        while batches.next_batch() < until {
            let Some(found) = batches.next()? else { return Err(damaged(&mut batches)) };
            anew.take(&found, through, stubs);
        }
        anew.bytes_before = batches.end();
        anew.header.bytes = SEGMENT_HEADER_BYTES + anew.records.len() as u64;
        Ok((anew.pruned > 0).then_some(anew))
    }

    fn take(&mut self, found: &FoundBatch, through: u64, stubs: &mut Stubs<'_>) {
        let mut batch = Vec::new();
        for (framed, raw) in &found.records {
            let head = framed.head;
            let record = Record { head, payload: raw.slice(HEADER_BYTES..framed.length) };
            let may_go = !head.flags.pruned && !head.flags.restated && head.stream > 0 && head.seq <= through;
            match may_go.then(|| stubs(&record)).flatten() {
                None => batch.extend_from_slice(raw),
                Some(stub) => {
                    let flags = Flags { pruned: true, ..head.flags };
                    record::encode(&mut batch, &Head { flags, ..head }, &stub);
                    self.pruned += 1;
                }
            }
        }
        let stamp_ms = found.records.last().map_or(self.header.stamp_ms, |(framed, _)| framed.head.stamp_ms);
        batch::finish(&mut batch, found.batch, found.last_seq, stamp_ms, self.header.salt);
        self.records.extend(batch);
    }
}

fn damaged(batches: &mut Batches<'_>) -> ReadError {
    batches.first_bad().map_or_else(ReadError::from, |(_, seq)| ReadError::Corrupt { seq })
}
