//! A file with a secret key, which nobody but the node's user reads. It is synced under another name and then given its own, so that there
//! is never half of one.

use crate::failure::Failure;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Its owner reads and writes it.
pub(crate) const MODE: u32 = 0o600;
/// More than a key ever has.
const FILE_BYTES_MAX: u64 = 4096;

/// What is in the file, which is made where there is none; `parse` says whether it is a key. Blocks for the disk.
pub(crate) fn open<Key>(
    folder: &Path,
    name: &str,
    make: impl FnOnce() -> Zeroizing<Vec<u8>>,
    parse: impl FnOnce(&[u8]) -> Result<Key, String>,
) -> Result<Key, Failure> {
    let path = folder.join(name);
    let read = read(&path).and_then(|found| match found {
        Some(bytes) => Ok(bytes),
        None => {
            let bytes = make();
            write(folder, name, &bytes).map(|()| bytes).map_err(|error| error.to_string())
        }
    });
    read.and_then(|bytes| parse(&bytes)).map_err(|what| {
        let message = format!("{} cannot be used: {what}", path.display());
        let hint = "put the key of this node back, or take the file away to have another one made";
        Failure::message("TG-ID-020", message, hint)
    })
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if found.permissions().mode() & 0o077 != 0 {
        return Err("others may read it; chmod 600".to_owned());
    }
    if found.len() > FILE_BYTES_MAX {
        return Err(format!("it has {} bytes", found.len()));
    }
    fs::read(path).map(|bytes| Some(Zeroizing::new(bytes))).map_err(|error| error.to_string())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let making = folder.join(format!("{name}.new"));
    // Of a start that ended on the way.
    let _ = fs::remove_file(&making);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&making)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&making, folder.join(name))?;
    File::open(folder)?.sync_all()
}
