//! What an upgrade would do, found out before it is begun. Reads only: locks, writes and makes nothing.

use super::{BOOKS, DRAFT, FORMAT, KEPT, QUEUES};
use crate::error::OpenError;
use crate::folder;
use crate::format0::Log;
use crate::recovery::io_error;
use rustix::fs::{FlockOperation, flock, statvfs};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What the two new journals take beside the records: of each the segment written to and the one ready behind it.
const FRESH_BYTES: u64 = 2 * ((1 + 8) << 20);

/// Whether a data folder can be upgraded, and what that takes.
#[derive(Debug)]
pub struct Prospect {
    pub found: u32,
    /// The format an upgrade leads to.
    pub known: u32,
    /// Nothing where the folder is of this format already, or of one that cannot be read.
    pub work: Option<Work>,
    /// Why it would be refused.
    pub refusal: Option<OpenError>,
}

/// What an upgrade would have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    pub records: u64,
    /// Of the old journal, all of which is read and kept.
    pub bytes: u64,
    /// Room for the new journals beside it.
    pub needed_bytes: u64,
    /// What there is, counting what an upgrade that was cut off has left.
    pub free_bytes: u64,
    /// One was begun and cut off; it would start over.
    pub is_begun: bool,
}

/// Looks at the folder; an error where it is none.
pub fn prospect(path: &Path) -> Result<Prospect, OpenError> {
    let found = folder::format_of(path)?.ok_or_else(|| OpenError::NotAFolder { path: path.to_owned() })?;
    let mut prospect = Prospect { found, known: FORMAT, work: None, refusal: None };
    match found {
        FORMAT => {}
        0 => prospect.weigh(path),
        _ => prospect.refusal = Some(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
    }
    Ok(prospect)
}

impl Prospect {
    fn weigh(&mut self, path: &Path) {
        match Work::of(path) {
            Ok(work) => {
                self.work = Some(work);
                self.refusal = refuse_use(path).and_then(|()| work.refuse_scarcity(path)).err();
            }
            Err(refusal) => self.refusal = Some(refusal),
        }
    }
}

impl Work {
    fn of(path: &Path) -> Result<Work, OpenError> {
        let io = |source| io_error(&path.to_string_lossy(), source);
        let swapped = path.join(KEPT).exists();
        let log = Log::read(path, if swapped { KEPT } else { QUEUES })?;
        let mut left: Vec<&str> = vec![DRAFT, BOOKS];
        left.extend(swapped.then_some(QUEUES));
        let left_bytes =
            left.iter().map(|name| bytes_in(&path.join(name))).sum::<io::Result<u64>>().map_err(io)?;
        let room = statvfs(path).map_err(|errno| io(errno.into()))?;
        Ok(Work {
            records: log.records().count() as u64,
            bytes: log.bytes(),
            needed_bytes: log.bytes() + FRESH_BYTES,
            free_bytes: room.f_bavail.saturating_mul(room.f_frsize).saturating_add(left_bytes),
            is_begun: swapped || left_bytes > 0,
        })
    }

    fn refuse_scarcity(self, path: &Path) -> Result<(), OpenError> {
        let Work { needed_bytes: needed, free_bytes: free, .. } = self;
        match free < needed {
            true => Err(OpenError::Scarce { path: path.to_owned(), needed, free }),
            false => Ok(()),
        }
    }
}

/// Of the files in a folder that may not be there.
fn bytes_in(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// Whether somebody has the folder open, without leaving a trace of the question.
fn refuse_use(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = match File::open(path.join("LOCK")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(io)?,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { path: path.to_owned() }),
        outcome => outcome.map_err(|errno| io(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_too_little_is_refused_with_both_numbers() {
        let work = Work { records: 3, bytes: 10, needed_bytes: 100, free_bytes: 100, is_begun: false };
        work.refuse_scarcity(Path::new("data")).unwrap();
        let refusal = Work { free_bytes: 99, ..work }.refuse_scarcity(Path::new("data")).unwrap_err();
        assert_eq!(refusal.code(), "TG-JR-017");
        assert!(refusal.to_string().contains("needs 100 bytes of room to be upgraded, and 99 are free"));
    }
}
