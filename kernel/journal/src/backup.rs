//! A backup of a data folder, taken while a node runs on it or not: its segments as far as they are whole, and a list of them, in a
//! folder or in one file.
//!
//! Locks nothing and changes nothing in the folder it reads; asking the system to sync a file changes none of its bytes. `queues`
//! is read before `books`: what was made of a queue's record may then be there while the record is not settled yet, and not the
//! other way round, so nothing is taken for done that is not.
//!
//! In a folder in use, segments are read from the oldest on. One that goes meanwhile was let go on record first, and that record is
//! in a later segment, which is read after it; so what is left is whole without it.

mod error;
mod manifest;
mod part;
mod restore;
mod source;
mod target;
mod volume;

pub use error::BackupError;
pub use restore::{Restored, Until, restore, restore_check};

use crate::folder::{self, BOOKS, QUEUES};
use crate::segment;
use error::io;
use manifest::{Journal, Manifest};
use source::Source;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use target::Target;
use volume::Volume;

/// What is said of one journal in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub journal: String,
    /// The last record in it, and when it was appended.
    pub last_seq: u64,
    pub last_stamp_ms: u64,
    pub segments: usize,
    /// What was copied; the rest is in the backups before.
    pub copied_segments: usize,
    pub copied_bytes: u64,
}

/// Writes a backup of `data` to `target`, a folder that is empty or not there, or a file that is not there, whose name ends in `.tar`. With `since`, a backup taken before, only what is not
/// in that one or in those before it.
pub fn backup(data: &Path, target: &Path, since: Option<&Path>) -> Result<Vec<Saved>, BackupError> {
    require_format(data)?;
    let before = since.map(Volume::open).transpose()?.map(|before| before.manifest);
    let mut target = Target::create(target)?;
    let made_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mut manifest = Manifest { made_ms, journals: Vec::new() };
    for name in [QUEUES, BOOKS] {
        let known = before.as_ref().and_then(|before| before.journal(name));
        manifest.journals.push(save(data, &mut target, name, known)?);
    }
    target.finish(&manifest)?;
    Ok(manifest.journals.iter().map(Journal::saved).collect())
}

fn require_format(data: &Path) -> Result<(), BackupError> {
    use crate::error::OpenError;
    let path = || data.to_owned();
    match folder::format_of(data)? {
        Some(folder::FORMAT) => Ok(()),
        Some(found) if found > folder::FORMAT => {
            Err(OpenError::Newer { path: path(), found, known: folder::FORMAT }.into())
        }
        Some(found) => Err(OpenError::Older { path: path(), found }.into()),
        None => Err(OpenError::NotAFolder { path: path() }.into()),
    }
}

/// Makes the folder; one with anything in it is refused.
pub(super) fn make_empty(folder: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(folder).map_err(io(folder))?;
    match fs::read_dir(folder).map_err(io(folder))?.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::NotEmpty { path: folder.to_owned() }),
    }
}

fn save(
    data: &Path,
    target: &mut Target,
    name: &str,
    known: Option<&Journal>,
) -> Result<Journal, BackupError> {
    target.begin(name)?;
    let source = Source::open(name, &data.join(name))?;
    let segments = source.copy(known, target)?;
    let snapshots = source.copy_snapshots(target)?;
    target.end(name)?;
    Ok(Journal { name: name.to_owned(), segments, snapshots })
}

/// The number in a snapshot's name: the record it is the state at.
pub(super) fn snapshot_seq(file: &str) -> Option<u64> {
    file.strip_suffix(".snap")?.rsplit_once('-')?.1.parse().ok()
}

pub(super) fn segment_file(number: u64) -> String {
    segment::file_name(number)
}
