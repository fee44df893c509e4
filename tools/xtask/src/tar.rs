//! Writes the few tar entries of the image's layer, of packages and of bundles (POSIX.1-1988 "ustar"), every byte decided by the
//! arguments.
//!
//! Pure but for the caller's writer. No user names, no device, no clock: the same entries give the same bytes.

use std::io::{self, Write};

use anyhow::{Result, ensure};

const BLOCK: usize = 512;
const NAME_BYTES_MAX: usize = 100;
/// Eleven octal digits.
const SIZE_MAX: u64 = 0o77_777_777_777;
const TYPE_FILE: u8 = b'0';
const TYPE_FOLDER: u8 = b'5';

/// Whose an entry is and what its owner, group and others may do.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    pub user: u32,
    pub mode: u32,
}

/// A tar file under way; [`Archive::finish`] gives the writer back.
#[derive(Debug)]
pub struct Archive<W> {
    out: W,
    mtime_s: u64,
}

impl<W: Write> Archive<W> {
    /// Every entry carries the time `mtime_s`, in seconds since 1970.
    pub fn new(out: W, mtime_s: u64) -> Self {
        Self { out, mtime_s }
    }

    /// `name` ends with a slash.
    pub fn folder(&mut self, name: &str, owner: Owner) -> Result<()> {
        let header = self.header(name, owner, 0, TYPE_FOLDER)?;
        Ok(self.out.write_all(&header)?)
    }

    pub fn file(&mut self, name: &str, owner: Owner, bytes: &[u8]) -> Result<()> {
        let header = self.header(name, owner, bytes.len() as u64, TYPE_FILE)?;
        self.out.write_all(&header)?;
        self.out.write_all(bytes)?;
        Ok(pad(&mut self.out, bytes.len())?)
    }

    /// Two empty blocks end an archive.
    pub fn finish(mut self) -> Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }

    fn header(&self, name: &str, owner: Owner, size: u64, kind: u8) -> Result<[u8; BLOCK]> {
        ensure!(name.len() <= NAME_BYTES_MAX && size <= SIZE_MAX, "{name} does not fit into a ustar header");
        let mut block = [0; BLOCK];
        put(&mut block, 0, name.as_bytes());
        put(&mut block, 100, &octal(owner.mode.into(), 7));
        put(&mut block, 108, &octal(owner.user.into(), 7));
        put(&mut block, 116, &octal(owner.user.into(), 7));
        put(&mut block, 124, &octal(size, 11));
        put(&mut block, 136, &octal(self.mtime_s.min(SIZE_MAX), 11));
        block[156] = kind;
        put(&mut block, 257, b"ustar\x0000");
        // The sum is taken with spaces where it will stand.
        put(&mut block, 148, b"        ");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        put(&mut block, 148, &octal(sum, 6));
        block[154] = 0;
        Ok(block)
    }
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

fn octal(value: u64, digits: usize) -> Vec<u8> {
    format!("{value:0digits$o}").into_bytes()
}

fn pad(out: &mut impl Write, len: usize) -> io::Result<()> {
    let over = len % BLOCK;
    if over == 0 { Ok(()) } else { out.write_all(&[0; BLOCK][over..]) }
}
