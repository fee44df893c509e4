//! A backup that is there: its list, and its files wherever they are.
//!
//! In a file, every byte is either in an entry, of which the list has the checksum, or in a header, which has one of its own, or zero.

use super::error::{BackupError, io};
use super::manifest::{self, Journal, Manifest, Mark, Segment};
use super::part::Part;
use super::target::{BLOCK_BYTES, END_BYTES, mark_of};
use super::{segment_file, source::is_same};
use crate::disk::read_full;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The list of a folder with ten thousand segments takes a tenth of this.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// Segments and snapshots.
const ENTRIES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Volume {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    /// Of a file: where the bytes of each name begin, and how many there are.
    entries: Option<BTreeMap<String, (u64, u64)>>,
}

impl Volume {
    pub(super) fn open(path: &Path) -> Result<Volume, BackupError> {
        let entries = path.is_file().then(|| entries(path)).transpose()?;
        let manifest = Manifest { made_ms: 0, journals: Vec::new() };
        let mut volume = Volume { path: path.to_owned(), manifest, entries };
        volume.manifest = Manifest::parse(&volume.list()?, path)?;
        Ok(volume)
    }

    /// The segment's bytes, if they are in this one.
    pub(super) fn segment(
        &self,
        journal: &str,
        wanted: &Segment,
    ) -> Option<(&Segment, Result<Part, BackupError>)> {
        let known = self.manifest.journal(journal)?;
        let segment = known.segments.iter().find(|segment| segment.is_here && is_same(segment, wanted))?;
        Some((segment, self.part(&format!("{journal}/{}", segment_file(wanted.number)))))
    }

    /// The snapshots of a journal that are states up to this record, each as it was written.
    pub(super) fn snapshots(
        &self,
        journal: &Journal,
        seq_max: u64,
    ) -> Result<Vec<(String, Part)>, BackupError> {
        let told = journal.snapshots.iter();
        let told = told.filter(|told| super::snapshot_seq(&told.file).is_some_and(|seq| seq <= seq_max));
        let mut found = Vec::new();
        for snapshot in told {
            let part = self.part(&format!("{}/{}", journal.name, snapshot.file))?;
            if let Some(mark) = snapshot.mark {
                require(&part, mark)?;
            }
            found.push((snapshot.file.clone(), part));
        }
        Ok(found)
    }

    fn part(&self, name: &str) -> Result<Part, BackupError> {
        let path = self.path.join(name);
        let Some(entries) = &self.entries else { return Part::whole(&path) };
        let (start, bytes) = *entries.get(name).ok_or_else(|| BackupError::Damaged { path: path.clone() })?;
        let file = File::open(&self.path).map_err(io(&self.path))?;
        Ok(Part { file, start, bytes, path })
    }

    fn list(&self) -> Result<String, BackupError> {
        let none = || BackupError::NotABackup { path: self.path.clone() };
        let part = self.part(manifest::FILE).map_err(|_| none())?;
        let mut bytes = vec![0; part.bytes.min(MANIFEST_BYTES_MAX) as usize];
        let filled = read_full(&part, &mut bytes, 0).map_err(|_| none())?;
        bytes.truncate(filled);
        String::from_utf8(bytes).map_err(|_| none())
    }
}

/// Refuses a file that is not as long, or does not add up to the same.
pub(super) fn require(part: &Part, mark: Mark) -> Result<(), BackupError> {
    let found = mark_of(part, part.bytes).map_err(io(&part.path))?;
    if found == mark { Ok(()) } else { Err(part.damaged()) }
}

/// Where everything is in a file whose form is whole: entries, zeros between them, two empty blocks, and nothing behind.
fn entries(path: &Path) -> Result<BTreeMap<String, (u64, u64)>, BackupError> {
    let none = || BackupError::NotABackup { path: path.to_owned() };
    let file = File::open(path).map_err(io(path))?;
    let file_bytes = file.metadata().map_err(io(path))?.len();
    let mut archive = tar::Archive::new(&file);
    let (mut found, mut end) = (BTreeMap::new(), 0);
    for entry in archive.entries_with_seek().map_err(|_| none())?.take(ENTRIES_MAX) {
        let damaged = || BackupError::Damaged { path: path.to_owned() };
        let entry = entry.map_err(|_| if found.is_empty() { none() } else { damaged() })?;
        let (start, bytes) = (entry.raw_file_position(), entry.size());
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| damaged())?;
        end = start
            .checked_add(bytes)
            .and_then(|end| end.checked_next_multiple_of(BLOCK_BYTES))
            .ok_or_else(damaged)?;
        let padding = Part {
            file: file.try_clone().map_err(io(path))?,
            start: start + bytes,
            bytes: end - start - bytes,
            path: path.to_owned(),
        };
        require_zeros(&padding)?;
        found.insert(name, (start, bytes));
    }
    if !found.contains_key(manifest::FILE) {
        return Err(none());
    }
    let rest = Part { file, start: end, bytes: END_BYTES, path: path.to_owned() };
    require_zeros(&rest)?;
    if file_bytes == end + END_BYTES { Ok(found) } else { Err(rest.damaged()) }
}

/// Of at most two blocks.
fn require_zeros(part: &Part) -> Result<(), BackupError> {
    let mut bytes = vec![1; part.bytes as usize];
    let filled = read_full(part, &mut bytes, 0).map_err(io(&part.path))?;
    let is_zero = filled == bytes.len() && bytes.iter().all(|byte| *byte == 0);
    if is_zero { Ok(()) } else { Err(part.damaged()) }
}
