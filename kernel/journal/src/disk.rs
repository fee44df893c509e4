//! What the journal asks of a disk, as a trait: the real one, and a simulated one that can lose, tear and refuse.
//!
//! Three assumptions, and no more: a sync that returned Ok made everything written to that file before it durable; a sector
//! (512 bytes) is written whole or not at all; a name change is durable once the names were synced.

mod real;
mod sim;

pub use real::RealDisk;
pub use sim::{Fault, SimDisk};

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// The unit in which a disk loses or keeps what was not synced.
pub const SECTOR_BYTES: usize = 512;

/// One folder of files.
pub trait Disk: Send + Sync + Debug {
    /// Every file with its length.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// A file of this length, written with zeros and synced; one of that name is replaced.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
    /// Four bytes nobody could have foreseen.
    fn salt(&self) -> u32;
}

/// One open file. Writing never makes it longer than it was created.
pub trait DiskFile: Send + Sync + Debug {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// fdatasync.
    fn sync(&self) -> io::Result<()>;
    fn truncate(&self, bytes: u64) -> io::Result<()>;
}

/// Fills as much of `buffer` as the file has from `offset`.
pub(crate) fn read_full(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// Writes a small file so that it is there whole under its name, or not at all.
pub(crate) fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = format!("{name}.draft");
    let file = disk.create(&draft, bytes.len() as u64)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&draft, name)?;
    disk.sync_names()
}

/// A whole file.
pub(crate) fn read_whole(disk: &dyn Disk, name: &str, bytes: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes as usize];
    let filled = read_full(&*disk.open(name)?, &mut buffer, 0)?;
    buffer.truncate(filled);
    Ok(buffer)
}
