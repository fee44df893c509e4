//! The files that keys of subjects are in. No key encrypts anything before it is in them, and none is deleted but there first.
//!
//! ```text
//!   DATA/memos/outer.key       the key over the keys
//!   DATA/memos/subjects.keys   a line for each subject, its key under the outer one; `shredded NAME` where that was deleted
//! ```
//!
//! A new subject is a line behind those that are there, synced. An end without a newline is one that a crash cut off, and nothing
//! was encrypted under it. Shredding and rotation replace the file whole. A rotation writes the outer key down beside the one before,
//! then all keys under it, then the outer key alone; wherever that was cut off, the next start goes on.

use super::MemoError;
use super::outer::Outer;
use super::replacing::{exchange, forget_making, make_folder, prepare, read};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::field::Keyring;

const OUTER: &str = "outer.key";
const SUBJECTS: &str = "subjects.keys";
/// More than an outer key, and than the keys of as many subjects as there may be, ever take.
const OUTER_BYTES_MAX: u64 = 4096;
const SUBJECTS_BYTES_MAX: u64 = 512 << 20;

#[derive(Debug)]
pub(super) struct Vault {
    folder: PathBuf,
    outer: Outer,
    /// Up to where the file of subjects is whole.
    bytes: u64,
    /// A sync failed: what is in the files is not known any more in this process.
    failed: Option<String>,
}

impl Vault {
    /// What is there, and a rotation that was cut off brought to its end. Makes nothing where there is nothing.
    pub(super) fn open(folder: PathBuf) -> Result<(Vault, Keyring), MemoError> {
        let mut vault = Vault { folder, outer: Outer::default(), bytes: 0, failed: None };
        vault.outer = vault.read_outer()?;
        let subjects = vault.read_subjects()?;
        if vault.outer.versions() > 1 {
            vault.renew(&subjects)?;
        }
        Ok((vault, subjects))
    }

    fn read_outer(&self) -> Result<Outer, MemoError> {
        let path = self.path(OUTER);
        let found = forget_making(&path).and_then(|()| read(&path, OUTER_BYTES_MAX));
        let Some(bytes) = found.map_err(|error| unusable(&path, &error))? else {
            return Ok(Outer::default());
        };
        let outer = std::str::from_utf8(&bytes).ok().and_then(Outer::parse);
        outer.ok_or_else(|| unusable(&path, &"it is not as it was written"))
    }

    fn read_subjects(&mut self) -> Result<Keyring, MemoError> {
        let path = self.path(SUBJECTS);
        let found = forget_making(&path).and_then(|()| read(&path, SUBJECTS_BYTES_MAX));
        let Some(bytes) = found.map_err(|error| unusable(&path, &error))? else {
            return Ok(Keyring::default());
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|error| unusable(&path, &error))?;
        let ring = Keyring::load(&self.outer.ring()?, text).map_err(|why| unusable(&path, &why))?;
        if whole < bytes.len() {
            cut(&path, whole as u64).map_err(|error| unusable(&path, &error))?;
        }
        self.bytes = whole as u64;
        Ok(ring)
    }

    /// Writes these down behind those that are there.
    pub(super) fn add(&mut self, new: &Keyring, names: &[&str]) -> Result<(), MemoError> {
        self.check()?;
        if self.bytes == 0 {
            self.begin()?;
        }
        let writer = self.outer.writer()?;
        let lines = names.iter().map(|name| new.store_key(name, &writer));
        let lines = lines.collect::<Result<String, SmError>>()?;
        let path = self.path(SUBJECTS);
        self.append(&path, &lines).map_err(|error| unusable(&path, &error))
    }

    /// The first key of this folder, and a file for those under it.
    fn begin(&mut self) -> Result<(), MemoError> {
        make_folder(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
        if self.outer.versions() == 0 {
            let outer = self.outer.rotated()?;
            self.put_outer(outer)?;
        }
        let none = Keyring::default().store(&self.outer.writer()?)?;
        self.put_subjects(&none)
    }

    fn append(&mut self, path: &Path, lines: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(path)?;
        if let Err(error) = file.write_all(lines.as_bytes()) {
            // A full disk for one: as if it had never been tried, or else nothing more is.
            file.set_len(self.bytes).inspect_err(|error| self.failed = Some(error.to_string()))?;
            return Err(error);
        }
        file.sync_data().inspect_err(|error| self.failed = Some(error.to_string()))?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Deletes the key of a subject; its name stays.
    pub(super) fn shred(&mut self, name: &str) -> Result<(), MemoError> {
        self.check()?;
        let path = self.path(SUBJECTS);
        let found = read(&path, SUBJECTS_BYTES_MAX).map_err(|error| unusable(&path, &error))?;
        let whole = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let text = found.as_ref().and_then(|bytes| std::str::from_utf8(bytes.get(..whole)?).ok());
        let text = text.ok_or_else(|| unusable(&path, &"it is not as it was written"))?;
        let is_its = |line: &&str| line.split(' ').nth(1) == Some(name) && line.starts_with("key ");
        let mut rest: String =
            text.lines().filter(|line| !is_its(line)).flat_map(|line| [line, "\n"]).collect();
        rest.push_str(&format!("shredded {name}\n"));
        self.put_subjects(&rest)
    }

    /// Puts all keys under a new version of the outer one, and deletes those before it. The number of the new one.
    pub(super) fn rotate(&mut self, subjects: &Keyring) -> Result<u32, MemoError> {
        self.check()?;
        if self.bytes == 0 {
            self.begin()?;
        }
        let both = self.outer.rotated()?;
        self.put_outer(both)?;
        self.renew(subjects)?;
        Ok(self.outer.newest().unwrap_or(0))
    }

    fn renew(&mut self, subjects: &Keyring) -> Result<(), MemoError> {
        if self.bytes > 0 {
            let stored = subjects.store(&self.outer.writer()?)?;
            self.put_subjects(&stored)?;
        }
        let newest = self.outer.renewed();
        self.put_outer(newest)
    }

    fn put_outer(&mut self, outer: Outer) -> Result<(), MemoError> {
        let path = self.path(OUTER);
        let put = prepare(&path, &outer.text()).and_then(|()| exchange(&path));
        put.map_err(|error| unusable(&path, &error))?;
        self.outer = outer;
        Ok(())
    }

    fn put_subjects(&mut self, text: &str) -> Result<(), MemoError> {
        let path = self.path(SUBJECTS);
        prepare(&path, text).map_err(|error| unusable(&path, &error))?;
        let put = exchange(&path).inspect_err(|error| self.failed = Some(error.to_string()));
        put.map_err(|error| unusable(&path, &error))?;
        self.bytes = text.len() as u64;
        Ok(())
    }

    /// Why nothing is written any more.
    pub(super) fn check(&self) -> Result<(), MemoError> {
        match &self.failed {
            None => Ok(()),
            Some(why) => Err(unusable(&self.folder, why)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn cut(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(bytes)?;
    file.sync_all()
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> MemoError {
    MemoError::Keys { path: path.to_owned(), why: why.to_string() }
}
