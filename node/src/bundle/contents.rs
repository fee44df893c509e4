//! The entries of a bundle, read from its beginning to its end.

use super::error::{BundleError, io};
use super::key::PublicKey;
use super::list::{List, Listed};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{Context, SHA256};
use std::fs::{self, File};
use std::io::{self as std_io, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use tar::{Archive, Entries, Entry};

const LIST: &str = "BUNDLE";
const SIGNATURE: &str = "BUNDLE.sig";
/// Of the list and of the signature.
const TEXT_BYTES_MAX: u64 = 64 << 10;
const CHUNK_BYTES: usize = 64 << 10;
/// What the name of a file ends with until all of the bundle is known to be genuine.
const UNPROVEN: &str = ".unproven";

type Source = BufReader<File>;

/// The list, once its signature was found to be right.
pub(super) fn list(path: &Path, key: &PublicKey) -> Result<List, BundleError> {
    let (text, signature) = read(path, |reading| reading.head())?;
    key.require(path, &text, &signature)?;
    List::parse(&text, path)
}

/// Reads everything that was signed; nothing else may be there.
pub(super) fn verify(path: &Path, files: &[Listed]) -> Result<(), BundleError> {
    read(path, |reading| reading.files(files, |_| Ok(Box::new(std_io::sink()))))
}

/// The same, and puts the files into a folder, under their names once all of them were found to be what was signed.
pub(super) fn unpack(path: &Path, files: &[Listed], folder: &Path) -> Result<(), BundleError> {
    make_empty(folder)?;
    let create = |file: &Listed| {
        let path = unproven(folder, file);
        let file = File::create_new(&path).map_err(io(path))?;
        Ok(Box::new(file) as Box<dyn Write>)
    };
    read(path, |reading| reading.files(files, create)).inspect_err(|_| {
        for file in files {
            // Its name says what it is worth, should it not go.
            let _ = fs::remove_file(unproven(folder, file));
        }
    })?;
    files.iter().try_for_each(|file| prove(folder, file))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

fn prove(folder: &Path, file: &Listed) -> Result<(), BundleError> {
    let (from, to) = (unproven(folder, file), folder.join(&file.name));
    File::open(&from).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&from, &to)).map_err(io(to))
}

fn unproven(folder: &Path, file: &Listed) -> PathBuf {
    folder.join(format!("{}{UNPROVEN}", file.name))
}

fn make_empty(folder: &Path) -> Result<(), BundleError> {
    fs::create_dir_all(folder).map_err(io(folder))?;
    match fs::read_dir(folder).map_err(io(folder))?.next() {
        None => Ok(()),
        Some(_) => Err(BundleError::NotEmpty { path: folder.to_owned() }),
    }
}

/// Opens the bundle at its beginning.
fn read<T>(
    path: &Path,
    body: impl FnOnce(&mut Reading<'_>) -> Result<T, BundleError>,
) -> Result<T, BundleError> {
    let file = File::open(path).map_err(io(path))?;
    let mut archive = Archive::new(BufReader::new(file));
    let entries = archive.entries().map_err(io(path))?;
    body(&mut Reading { path, entries })
}

/// The entries, each of which has to be the one that is expected next.
struct Reading<'a> {
    path: &'a Path,
    entries: Entries<'a, Source>,
}

impl<'a> Reading<'a> {
    /// The text of the list, and its signature.
    fn head(&mut self) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
        let (text, signature) = (self.text(LIST), self.text(SIGNATURE));
        let none = || BundleError::NotABundle { path: self.path.to_owned() };
        let (text, signature) = text.zip(signature).ok_or_else(none)?;
        let signature = BASE64_STANDARD.decode(signature.trim_ascii()).map_err(|_| none())?;
        Ok((text, signature))
    }

    fn text(&mut self, name: &str) -> Option<Vec<u8>> {
        let entry = self.next(name)?;
        let (size, mut bytes) = (entry.size(), Vec::new());
        entry.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        // Of a file that was cut off there is less.
        (bytes.len() as u64 == size).then_some(bytes)
    }

    /// All files as they were signed, each into a writer made for it, and nothing behind them.
    fn files(
        &mut self,
        files: &[Listed],
        writer: impl Fn(&Listed) -> Result<Box<dyn Write>, BundleError>,
    ) -> Result<(), BundleError> {
        self.head()?;
        for file in files {
            self.copy(file, &mut *writer(file)?)?;
        }
        match self.entries.next() {
            None => Ok(()),
            Some(_) => Err(self.altered("what is behind the last file")),
        }
    }

    fn copy(&mut self, file: &Listed, to: &mut dyn Write) -> Result<(), BundleError> {
        let altered = self.altered(&file.name);
        let Some(mut entry) = self.next(&file.name) else { return Err(altered) };
        let (mut digest, mut chunk) = (Context::new(&SHA256), vec![0; CHUNK_BYTES]);
        let mut bytes = 0;
        loop {
            let Ok(filled) = entry.read(&mut chunk) else { return Err(altered) };
            if filled == 0 {
                break;
            }
            bytes += filled as u64;
            digest.update(&chunk[..filled]);
            to.write_all(&chunk[..filled]).map_err(io(&file.name))?;
        }
        let is_it = bytes == file.bytes && hex(digest.finish().as_ref()) == file.sha256;
        if is_it { Ok(()) } else { Err(altered) }
    }

    fn next(&mut self, name: &str) -> Option<Entry<'a, Source>> {
        let entry = self.entries.next()?.ok()?;
        (entry.path_bytes() == name.as_bytes()).then_some(entry)
    }

    fn altered(&self, name: &str) -> BundleError {
        BundleError::Altered { path: self.path.to_owned(), name: name.to_owned() }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
