//! Snapshots: a consumer's state at a sequence number, in a file of its own beside the log.
//!
//! `<name>-<seq, 20 digits>.snap`: magic, number u64, length u64, CRC32C u32 of the bytes, zero u32, then the bytes. The newest
//! two of a name are kept, so that one cut off while it was written costs nothing.

use crate::disk::{Disk, RealDisk, read_whole, write_whole};
use crate::folder::BOOKS;
use crate::record::{u32_at, u64_at};
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"TIDESNP\n";
const HEADER_BYTES: usize = 32;
const KEPT: usize = 2;

pub(crate) fn write(disk: &dyn Disk, name: &str, seq: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = Vec::with_capacity(HEADER_BYTES + bytes.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&seq.to_le_bytes());
    file.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    file.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(bytes);
    write_whole(disk, &format!("{name}-{seq:020}.snap"), &file)?;
    forget_old(disk, name)
}

/// The newest whole one taken at or before `seq_max`.
pub(crate) fn newest(disk: &dyn Disk, name: &str, seq_max: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    for (seq, file, bytes) in listed(disk, name)?.into_iter().rev().filter(|(seq, _, _)| *seq <= seq_max) {
        if let Some(found) = decode(seq, read_whole(disk, &file, bytes)?) {
            return Ok(Some((seq, found)));
        }
    }
    Ok(None)
}

/// All of a name that lie in the journal `books` of a data folder, oldest first; without content where one is damaged.
pub fn snapshots_in_books(data: &Path, name: &str) -> io::Result<Vec<(u64, Option<Vec<u8>>)>> {
    let disk = RealDisk::existing(&data.join(BOOKS))?;
    let listed = listed(&disk, name)?.into_iter();
    listed.map(|(seq, file, bytes)| Ok((seq, decode(seq, read_whole(&disk, &file, bytes)?)))).collect()
}

fn decode(seq: u64, mut file: Vec<u8>) -> Option<Vec<u8>> {
    let whole = file.len() >= HEADER_BYTES
        && file[..8] == *MAGIC
        && u64_at(&file, 8) == seq
        && u64_at(&file, 16) == (file.len() - HEADER_BYTES) as u64
        && u32_at(&file, 24) == crc32c::crc32c(&file[HEADER_BYTES..]);
    whole.then(|| file.split_off(HEADER_BYTES))
}

/// Number, file name and length, oldest first.
fn listed(disk: &dyn Disk, name: &str) -> io::Result<Vec<(u64, String, u64)>> {
    let number = |file: &str| file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".snap")?.parse().ok();
    let files = disk.list()?.into_iter();
    let mut found: Vec<_> = files.filter_map(|(file, bytes)| Some((number(&file)?, file, bytes))).collect();
    found.sort_unstable();
    Ok(found)
}

fn forget_old(disk: &dyn Disk, name: &str) -> io::Result<()> {
    let found = listed(disk, name)?;
    for (_, file, _) in &found[..found.len().saturating_sub(KEPT)] {
        disk.remove(file)?;
    }
    disk.sync_names()
}
