//! A folder of the operating system's.

use super::{Disk, DiskFile};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_kernel_id::random;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
/// Zeros are synced so many at a time: the committer's sync waits for what is before it at the disk, and 64 MiB are a tenth of a
/// second there.
const SYNC_BYTES: u64 = 2 << 20;

/// Files in one folder, which is made if it is not there.
#[derive(Debug)]
pub struct RealDisk {
    folder: PathBuf,
    names: File,
}

impl RealDisk {
    pub fn open(folder: &Path) -> io::Result<RealDisk> {
        fs::create_dir_all(folder)?;
        Ok(RealDisk { folder: folder.to_owned(), names: File::open(folder)? })
    }

    /// The folder as it is, to be read only; an error if it is not there.
    pub fn existing(folder: &Path) -> io::Result<RealDisk> {
        Ok(RealDisk { folder: folder.to_owned(), names: File::open(folder)? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn fill(&self, name: &str, bytes: u64) -> io::Result<File> {
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(self.path(name))?;
        let mut written = 0;
        while written < bytes {
            let step = ZEROS.len().min((bytes - written) as usize);
            file.write_all_at(&ZEROS[..step], written)?;
            written += step as u64;
            if written.is_multiple_of(SYNC_BYTES) {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        Ok(file)
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
            }
        }
        Ok(files)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        match self.fill(name, bytes) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => {
                // A file filled in part would take the room that was too little already.
                let _ = fs::remove_file(self.path(name));
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let writable = File::options().read(true).write(true).open(self.path(name));
        let file = writable.or_else(|_| File::open(self.path(name)))?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.names.sync_all()
    }

    fn salt(&self) -> u32 {
        u32::from_le_bytes(random().expect("Linux has this system call since 3.17"))
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.sync_all()
    }
}
