//! A journal's folder while it is being copied, perhaps with a node at work in it.

use super::error::{BackupError, io};
use super::manifest::{Journal, Segment, Snapshot};
use super::segment_file;
use super::target::Target;
use crate::batch::Batches;
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::error::OpenError;
use crate::recovery::{self, Listed};
use crate::segment::Header;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How often a folder that changes under the reader is read; a node lets a segment go far more rarely.
const READINGS_MAX: usize = 3;

pub(super) struct Source<'a> {
    journal: &'a str,
    folder: PathBuf,
    disk: RealDisk,
}

/// What is whole of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) next_batch: u64,
    pub(super) last_seq: u64,
    pub(super) bytes: u64,
    pub(super) last_stamp_ms: u64,
}

impl Source<'_> {
    pub(super) fn open<'a>(journal: &'a str, folder: &Path) -> Result<Source<'a>, BackupError> {
        let disk = RealDisk::existing(folder).map_err(io(folder))?;
        Ok(Source { journal, folder: folder.to_owned(), disk })
    }

    /// Copies what `known` does not have.
    pub(super) fn copy(
        &self,
        known: Option<&Journal>,
        target: &mut Target,
    ) -> Result<Vec<Segment>, BackupError> {
        let mut outcome = self.copy_once(known, target);
        for _ in 1..READINGS_MAX {
            // What was let go meanwhile looks like damage, and damage stays where it is.
            if outcome.is_ok() {
                break;
            }
            target.start_over(self.journal)?;
            outcome = self.copy_once(known, target);
        }
        outcome
    }

    fn copy_once(&self, known: Option<&Journal>, target: &mut Target) -> Result<Vec<Segment>, BackupError> {
        let listed = recovery::list(&self.disk)?;
        if listed.is_empty() {
            return Err(OpenError::NotAFolder { path: self.folder.clone() }.into());
        }
        let mut segments = Vec::new();
        for (at, part) in listed.iter().enumerate() {
            segments.push(self.copy_segment(part, listed.get(at + 1), known, target)?);
        }
        Ok(segments)
    }

    fn copy_segment(
        &self,
        part: &Listed,
        next: Option<&Listed>,
        known: Option<&Journal>,
        target: &mut Target,
    ) -> Result<Segment, BackupError> {
        let (name, header) = (part.name(), &part.header);
        let path = self.folder.join(&name);
        let file = File::open(&path).map_err(io(&path))?;
        let until = next.map(|next| next.header.first_batch);
        let whole = whole(&file, header, part.file_bytes, until).map_err(io(&path))?;
        let Some(whole) = whole else {
            return Err(recovery::corrupt(
                &name,
                0,
                "a batch is damaged, and there are later ones behind it",
            )
            .into());
        };
        // What was read may be in the cache only, and must not be in the backup alone.
        file.sync_data().map_err(io(&path))?;
        let segment = segment(header, whole);
        let is_known = known.is_some_and(|known| known.segments.iter().any(|known| is_same(known, &segment)));
        if is_known {
            return Ok(Segment { is_here: false, ..segment });
        }
        let (copy, mark) =
            target.put(&format!("{}/{}", self.journal, segment_file(header.number)), &file, whole.bytes)?;
        match self::whole(&copy, header, whole.bytes, Some(whole.next_batch)).map_err(io(&copy.path))? {
            Some(found) if found == whole => Ok(Segment { crc: Some(mark.crc), ..segment }),
            _ => Err(recovery::corrupt(&name, 0, "it changed while it was read").into()),
        }
    }

    /// The newest snapshots there are; one that goes meanwhile has a newer one.
    pub(super) fn copy_snapshots(&self, target: &mut Target) -> Result<Vec<Snapshot>, BackupError> {
        let mut files = self.disk.list().map_err(io(&self.folder))?;
        files.retain(|(name, _)| super::snapshot_seq(name).is_some());
        files.sort_unstable();
        let mut copied = Vec::new();
        for (name, bytes) in files {
            // Written under another name and never changed, so it is as long as it was listed.
            let Ok(file) = File::open(self.folder.join(&name)) else { continue };
            let (_, mark) = target.put(&format!("{}/{name}", self.journal), &file, bytes)?;
            copied.push(Snapshot { file: name, mark: Some(mark) });
        }
        Ok(copied)
    }
}

fn segment(header: &Header, whole: Whole) -> Segment {
    Segment {
        number: header.number,
        salt: header.salt,
        first_seq: header.first_seq,
        first_batch: header.first_batch,
        next_batch: whole.next_batch,
        last_seq: whole.last_seq,
        bytes: whole.bytes,
        last_stamp_ms: whole.last_stamp_ms,
        is_here: true,
        crc: None,
    }
}

/// Whether one is all that the other is: the same segment, as far along.
pub(super) fn is_same(one: &Segment, other: &Segment) -> bool {
    let key = |segment: &Segment| (segment.number, segment.salt, segment.next_batch, segment.bytes);
    key(one) == key(other)
}

/// What is whole of a segment, up to the batch `until` if there is a next segment; nothing where it is damaged before that.
pub(super) fn whole(
    file: &dyn DiskFile,
    header: &Header,
    file_bytes: u64,
    until: Option<u64>,
) -> std::io::Result<Option<Whole>> {
    let mut batches = Batches::of(file, header, file_bytes);
    let whole = read_through(&mut batches, header, until)?;
    let is_whole = match until {
        Some(until) => whole.next_batch == until,
        None => !batches.is_damaged()? || has_grown(file, header, file_bytes, whole)?,
    };
    Ok(is_whole.then_some(whole))
}

/// A batch that was being written while it was read looks damaged once there is one behind it; read again, it is whole.
fn has_grown(file: &dyn DiskFile, header: &Header, file_bytes: u64, before: Whole) -> std::io::Result<bool> {
    let again = read_through(&mut Batches::of(file, header, file_bytes), header, None)?;
    Ok(again.next_batch > before.next_batch)
}

fn read_through(batches: &mut Batches<'_>, header: &Header, until: Option<u64>) -> std::io::Result<Whole> {
    let mut last_stamp_ms = header.stamp_ms;
    while until.is_none_or(|until| batches.next_batch() < until)
        && let Some(found) = batches.next()?
    {
        last_stamp_ms = found.records.last().map_or(last_stamp_ms, |(framed, _)| framed.head.stamp_ms);
    }
    let (next_batch, last_seq, bytes) = (batches.next_batch(), batches.last_seq(), batches.end());
    Ok(Whole { next_batch, last_seq, bytes, last_stamp_ms })
}
