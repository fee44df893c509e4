//! A file of a backup, to be read: one of a folder, or the bytes of an entry in a file.

use super::error::{BackupError, io};
use crate::disk::DiskFile;
use std::fs::File;
use std::io::{self as std_io, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    pub(super) start: u64,
    pub(super) bytes: u64,
    /// What it is called in messages.
    pub(super) path: PathBuf,
}

impl Part {
    pub(super) fn whole(path: &Path) -> Result<Part, BackupError> {
        let file = File::open(path).map_err(io(path))?;
        let bytes = file.metadata().map_err(io(path))?.len();
        Ok(Part { file, start: 0, bytes, path: path.to_owned() })
    }

    pub(super) fn damaged(&self) -> BackupError {
        BackupError::Damaged { path: self.path.clone() }
    }
}

impl DiskFile for Part {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std_io::Result<usize> {
        let left = self.bytes.saturating_sub(offset);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        FileExt::read_at(&self.file, &mut buffer[..wanted], self.start + offset)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> std_io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> std_io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&self, _bytes: u64) -> std_io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }
}
