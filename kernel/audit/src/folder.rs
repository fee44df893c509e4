//! The files of one tree: tiles, bundles, the checkpoint. IO in the calling thread, no lock.
//!
//! Only the checkpoint is synced: the rest is made of the journal and is made again where it was lost.

use crate::error::AuditError;
use crate::profile::{HASH_BYTES, Hash};
use crate::tile::{Resource, TILE_WIDTH, Tile, hashes};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const CHECKPOINT: &str = "checkpoint";
const MAKING: &str = ".new";

#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: &Path) -> Folder {
        Folder(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn checkpoint_path(&self) -> PathBuf {
        self.0.join(CHECKPOINT)
    }

    /// Nothing where none was ever written.
    pub(crate) fn checkpoint(&self) -> Result<Option<String>, AuditError> {
        match fs::read(self.checkpoint_path()) {
            // A checkpoint that is no text is a wrong one, which its reader says.
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&self.checkpoint_path(), error)),
        }
    }

    pub(crate) fn put_checkpoint(&self, note: &str) -> Result<(), AuditError> {
        self.write(Path::new(CHECKPOINT), note.as_bytes(), true)
    }

    /// The hashes of a tile. A part of one may have given way to the whole.
    pub(crate) fn tile(&self, tile: Tile) -> Result<Option<Vec<Hash>>, AuditError> {
        let whole = || self.bytes(&tile.full().path(), tile.width * HASH_BYTES);
        let bytes = match self.bytes(&tile.path(), tile.width * HASH_BYTES)? {
            None if tile.width < TILE_WIDTH => whole()?,
            found => found,
        };
        Ok(bytes.and_then(|bytes| hashes(&bytes, tile.width)))
    }

    pub(crate) fn put_tile(&self, tile: Tile, hashes: &[Hash]) -> Result<(), AuditError> {
        self.write(Path::new(&tile.path()), hashes.as_flattened(), false)?;
        self.drop_parts(tile.width, &tile.full().path())
    }

    /// A bundle of entries, or of the first of them; a part may have given way to the whole.
    pub(crate) fn bundle(
        &self,
        index: u64,
        width: usize,
        bytes: usize,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        match self.bytes(&Resource::bundle(index, width).path(), bytes)? {
            None if width < TILE_WIDTH => self.bytes(&Resource::bundle(index, TILE_WIDTH).path(), bytes),
            found => Ok(found),
        }
    }

    pub(crate) fn put_bundle(&self, index: u64, width: usize, bytes: &[u8]) -> Result<(), AuditError> {
        self.write(Path::new(&Resource::bundle(index, width).path()), bytes, false)?;
        self.drop_parts(width, &Resource::bundle(index, TILE_WIDTH).path())
    }

    /// As it lies there, for whoever asks.
    pub(crate) fn resource(&self, resource: Resource) -> Result<Option<Vec<u8>>, AuditError> {
        self.bytes(&resource.path(), usize::MAX)
    }

    /// Up to so many bytes from the start of a file.
    fn bytes(&self, path: &str, bytes: usize) -> Result<Option<Vec<u8>>, AuditError> {
        let path = self.0.join(path);
        let read = |file: File| {
            let mut found = Vec::new();
            file.take(bytes as u64).read_to_end(&mut found).map(|_| found)
        };
        match File::open(&path).and_then(read) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Parts of a tile are of no use once it is whole.
    fn drop_parts(&self, width: usize, whole: &str) -> Result<(), AuditError> {
        if width < TILE_WIDTH {
            return Ok(());
        }
        let parts = self.0.join(format!("{whole}.p"));
        match fs::remove_dir_all(&parts) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&parts, error)),
        }
    }

    /// Under another name first, so that there is never half a file under its own.
    fn write(&self, path: &Path, bytes: &[u8], synced: bool) -> Result<(), AuditError> {
        let path = self.0.join(path);
        let mut making = path.clone().into_os_string();
        making.push(MAKING);
        let write = || {
            let folder = path.parent().expect("it is in the folder");
            fs::create_dir_all(folder)?;
            let mut file = File::create(&making)?;
            file.write_all(bytes)?;
            if synced {
                file.sync_all()?;
            }
            fs::rename(&making, &path)?;
            if synced { File::open(folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error| failed(&path, error))
    }
}

fn failed(path: &Path, source: io::Error) -> AuditError {
    AuditError::Io { path: path.to_owned(), source }
}
