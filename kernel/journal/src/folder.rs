//! The data folder: FORMAT, LOCK, and the journals in it. One process at a time.
//!
//! Refuses before it writes: a folder of a newer format, one in use, or one that is no data folder stays as it was.

use crate::error::OpenError;
use crate::journal::Journal;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What this version writes.
const FORMAT: u32 = 0;

/// An open data folder. Dropping it without [`DataFolder::close`] is what a crash does.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    queues: Journal,
    /// Held open: the lock goes when the descriptor goes, however the process ends.
    _lock: File,
}

impl DataFolder {
    pub fn open(path: &Path) -> Result<DataFolder, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(io)?;
        let lock = lock(path)?;
        check_format(path)?;
        let queues = path.join("queues");
        fs::create_dir_all(&queues).map_err(io)?;
        let journal = Journal::open(&queues.join("log"))?;
        File::open(path).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(DataFolder { path: path.to_owned(), queues: journal, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal of what is on its way to somewhere else; drained records go in time.
    pub fn queues(&self) -> &Journal {
        &self.queues
    }

    pub fn close(self) {
        self.queues.close();
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
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

fn check_format(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = path.join("FORMAT");
    match fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse() {
            Ok(FORMAT) => Ok(()),
            Ok(found) => Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
            Err(_) => Err(OpenError::NotAFolder { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let others = fs::read_dir(path).map_err(io)?.filter_map(Result::ok);
            if others.into_iter().any(|entry| entry.file_name() != "LOCK") {
                return Err(OpenError::NotAFolder { path: path.to_owned() });
            }
            fs::write(&file, format!("{FORMAT}\n")).and_then(|()| File::open(&file)?.sync_all()).map_err(io)
        }
        Err(error) => Err(io(error)),
    }
}
