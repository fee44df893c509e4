//! Files that nobody but the node's user reads, replaced whole: synced under another name, then given their own, and what was there before
//! is written over.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
const ZEROS_BYTES: usize = 64 << 10;

/// Makes the folder where there is none.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(FOLDER_MODE).create(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// What is in the file; nothing where there is none. One that others may read, or that is too long, is refused.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other("others may read it; chmod 600"));
    }
    if found.len() > bytes_max {
        return Err(io::Error::other(format!("it has {} bytes", found.len())));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(found.len() as usize + 1));
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// What the file is to be, synced under another name. If it fails, nothing has changed.
pub(super) fn prepare(path: &Path, text: &str) -> io::Result<()> {
    forget_making(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(making(path))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Lets what was prepared be the file, durably. If it fails, either of both may be there.
pub(super) fn exchange(path: &Path) -> io::Result<()> {
    let before = OpenOptions::new().write(true).open(path).ok();
    fs::rename(making(path), path)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    if let Some(before) = before {
        write_over(path, before);
    }
    Ok(())
}

/// Takes away what a process left that ended on the way.
pub(super) fn forget_making(path: &Path) -> io::Result<()> {
    match fs::remove_file(making(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn making(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// What it held is not there any more either way; its blocks may be read by whoever has the disk.
fn write_over(path: &Path, before: File) {
    let done = before.metadata().and_then(|found| match found.nlink() {
        0 => zero(before, found.len()),
        _ => Err(io::Error::other("it has another name, and is still there under that")),
    });
    if let Err(error) = done {
        tracing::warn!(path = %path.display(), %error, "the keys that were replaced were not written over");
    }
}

fn zero(mut file: File, bytes: u64) -> io::Result<()> {
    let zeros = [0; ZEROS_BYTES];
    let mut left = bytes;
    while left > 0 {
        let some = left.min(ZEROS_BYTES as u64);
        file.write_all(&zeros[..some as usize])?;
        left -= some;
    }
    file.sync_data()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
