//! The data folder: FORMAT, LOCK, and the two journals in it. One process at a time.
//!
//! Refuses before it writes: a folder of another format, one in use, one on a network file system or one that is no data folder
//! stays as it was. A folder is being made while it holds CREATING; FORMAT is written last.

use crate::clock::{Clock, SystemClock};
use crate::disk::RealDisk;
use crate::error::OpenError;
use crate::journal::Journal;
use crate::options::Options;
use crate::segment;
use crate::state::Bell;
use crate::threads::Threads;
use rustix::fs::{FlockOperation, flock, statfs};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The integer in FORMAT that this version writes.
pub(crate) const FORMAT: u32 = 1;
pub(crate) const BOOKS: &str = "books";
pub(crate) const QUEUES: &str = "queues";
const CREATING: &str = "CREATING";
/// What may lie in a folder that is still to be made: the lock, and what a node is told and known by before it has any data.
const BEFORE: [&str; 3] = ["LOCK", "lan", "tidegate.toml"];

/// How a data folder is opened.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    pub books: Options,
    pub queues: Options,
    /// Opens a folder on a network file system, whose syncs may promise more than they keep.
    pub network_allowed: bool,
}

impl Default for FolderOptions {
    fn default() -> FolderOptions {
        FolderOptions { books: Options::books(), queues: Options::queues(), network_allowed: false }
    }
}

/// An open data folder, its committer and its caretaker. Dropping it writes what is queued and ends both.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    books: Journal,
    queues: Journal,
    _threads: Threads,
    /// Held open: the lock goes when the descriptor goes, however the process ends.
    _lock: File,
}

impl DataFolder {
    pub fn open(path: &Path) -> Result<DataFolder, OpenError> {
        DataFolder::open_with(path, FolderOptions::default())
    }

    pub fn open_with(path: &Path, options: FolderOptions) -> Result<DataFolder, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(io)?;
        if !options.network_allowed {
            refuse_network(path)?;
        }
        // Asked again under the lock; this time so that a folder that is refused keeps the lock file it has.
        is_fresh(path)?;
        let lock = lock(path)?;
        let fresh = is_fresh(path)?;
        if fresh {
            begin_creation(path).map_err(io)?;
        }
        let bell = Arc::new(Bell::default());
        // Side by side: most of it is waiting for syncs, and the two share one disk.
        let (books, queues) = std::thread::scope(|scope| {
            let books = scope.spawn(|| open_journal(&path.join(BOOKS), options.books, &bell, fresh));
            let queues = open_journal(&path.join(QUEUES), options.queues, &bell, fresh);
            (books.join().expect("opening a journal does not panic"), queues)
        });
        let (books, queues) = (books?, queues?);
        if fresh {
            finish_creation(path).map_err(io)?;
        }
        let threads = Threads::start(vec![books.clone(), queues.clone()], bell).map_err(io)?;
        Ok(DataFolder { path: path.to_owned(), books, queues, _threads: threads, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal of what is kept.
    pub fn books(&self) -> &Journal {
        &self.books
    }

    /// The journal of what is on its way to somewhere else; drained records go in time.
    pub fn queues(&self) -> &Journal {
        &self.queues
    }

    /// Writes and syncs what is queued, then ends the threads. Later appends are refused.
    pub fn close(self) {
        drop(self);
    }
}

fn open_journal(path: &Path, options: Options, bell: &Arc<Bell>, fresh: bool) -> Result<Journal, OpenError> {
    let disk = if fresh { RealDisk::open(path) } else { RealDisk::existing(path) };
    let disk = disk.map_err(|source| half_copied_or(path, source))?;
    if !fresh && !has_segments(path) {
        return Err(OpenError::NotAFolder { path: path.to_owned() });
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Journal::open(Arc::new(disk), clock, options, bell.clone())
}

fn half_copied_or(path: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::NotFound => OpenError::NotAFolder { path: path.to_owned() },
        _ => OpenError::Io { path: path.to_owned(), source },
    }
}

fn has_segments(path: &Path) -> bool {
    let names =
        fs::read_dir(path).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.file_name());
    names.into_iter().any(|name| segment::number_of(&name.to_string_lossy()).is_some())
}

pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let mut file =
        File::options().write(true).create(true).truncate(false).open(path.join("LOCK")).map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Locked { path: path.to_owned() }),
        Err(errno) => return Err(io(errno.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io)?;
    Ok(file)
}

/// Refuses a folder of another format, and what is no data folder, as opening it would; one that is not there is no fault.
pub fn require_usable(path: &Path) -> Result<(), OpenError> {
    match path.exists() {
        true => is_fresh(path).map(drop),
        false => Ok(()),
    }
}

/// Whether there is nothing here yet. A folder of this version's format is not fresh; any other is refused.
fn is_fresh(path: &Path) -> Result<bool, OpenError> {
    match format_of(path)? {
        Some(FORMAT) => Ok(false),
        Some(found) if found > FORMAT => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT })
        }
        Some(found) => Err(OpenError::Older { path: path.to_owned(), found }),
        None => Ok(true),
    }
}

/// The format of the data folder; nothing if the folder is empty or was not made to the end.
pub(crate) fn format_of(path: &Path) -> Result<Option<u32>, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    match fs::read_to_string(path.join("FORMAT")) {
        Ok(text) => {
            text.trim().parse().map(Some).map_err(|_| OpenError::NotAFolder { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let names: Vec<_> = fs::read_dir(path)
                .map_err(io)?
                .filter_map(Result::ok)
                .map(|entry| entry.file_name())
                .collect();
            let being_made = names.iter().any(|name| name == CREATING);
            if being_made || names.iter().all(|name| BEFORE.iter().any(|before| name == before)) {
                return Ok(None);
            }
            Err(OpenError::NotAFolder { path: path.to_owned() })
        }
        Err(error) => Err(io(error)),
    }
}

/// Nothing in a folder that was not made to the end was ever acknowledged.
fn begin_creation(path: &Path) -> io::Result<()> {
    File::create(path.join(CREATING))?.sync_all()?;
    for journal in [BOOKS, QUEUES] {
        match fs::remove_dir_all(path.join(journal)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_names(path)
}

fn finish_creation(path: &Path) -> io::Result<()> {
    sync_names_above(path)?;
    write_format(path, FORMAT)?;
    fs::remove_file(path.join(CREATING))?;
    sync_names(path)
}

pub(crate) fn write_format(path: &Path, format: u32) -> io::Result<()> {
    let draft = path.join("FORMAT.draft");
    fs::write(&draft, format!("{format}\n"))?;
    File::open(&draft)?.sync_all()?;
    fs::rename(&draft, path.join("FORMAT"))?;
    sync_names(path)
}

pub(crate) fn sync_names(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A folder is worth no more than its name, and the folders above it may be as new as it is.
fn sync_names_above(path: &Path) -> io::Result<()> {
    let device = fs::metadata(path)?.dev();
    for above in path.canonicalize()?.ancestors().skip(1) {
        // Nothing was made on the other side of a mount point.
        if fs::metadata(above)?.dev() != device {
            break;
        }
        match sync_names(above) {
            // Nor where nobody lets us look.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// NFS answers a sync before the data is safe if the server was told to, and has no way to say so.
fn refuse_network(path: &Path) -> Result<(), OpenError> {
    let kind =
        statfs(path).map_err(|errno| OpenError::Io { path: path.to_owned(), source: errno.into() })?.f_type;
    match network_name(kind as u64 & 0xffff_ffff) {
        Some(name) => Err(OpenError::Network { path: path.to_owned(), name }),
        None => Ok(()),
    }
}

/// By the numbers of statfs(2).
fn network_name(kind: u64) -> Option<&'static str> {
    match kind {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414f => Some("AFS"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nfs_and_smb_are_network_file_systems_and_ext4_is_not() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xfe53_4d42), Some("SMB"));
        assert_eq!(network_name(0xef53), None);
    }
}
