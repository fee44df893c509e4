//! The dumps on the disk: each a folder of a few files, so many of them and so many bytes. The oldest goes first.
//!
//! A dump is made under a name that begins with a dot and gets its own when it is whole and synced, so that what a crash leaves is not
//! taken for one; it is swept away at the next start. Only names that this makes are read.

use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const UNFINISHED: &str = ".unfinished";
/// Of one file of a dump; what is longer is cut.
const FILE_BYTES_MAX: usize = 8 << 20;
/// What a dump may be made of.
pub(crate) const FILES: [&str; 6] =
    ["about.json", "tasks.json", "threads.txt", "cpu.pb.gz", "queues.json", "metrics.txt"];

/// The folder of all dumps.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    dumps_max: usize,
    bytes_max: u64,
}

/// A dump that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dump {
    /// When it was begun, in UTC, and its cause: `20261126T141500Z-cpu`.
    pub name: String,
    pub bytes: u64,
    pub files: Vec<DumpFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DumpFile {
    pub name: &'static str,
    pub bytes: u64,
}

/// The dumps that a folder has, the newest first. Changes nothing in it.
pub fn dumps_in(path: &Path) -> Vec<Dump> {
    Folder { path: path.to_owned(), dumps_max: 0, bytes_max: 0 }.list()
}

/// A dump that is being written.
#[derive(Debug)]
pub(crate) struct Draft<'f> {
    folder: &'f Folder,
    path: PathBuf,
}

impl Folder {
    /// Makes nothing; what a crash left is removed.
    pub(crate) fn open(path: PathBuf, dumps_max: usize, bytes_max: u64) -> Folder {
        // There is no such folder as a rule.
        let _ = fs::remove_dir_all(path.join(UNFINISHED));
        Folder { path, dumps_max, bytes_max }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The newest first.
    pub(crate) fn list(&self) -> Vec<Dump> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut dumps: Vec<Dump> = names.filter(|name| is_name(name)).map(|name| self.dump(name)).collect();
        dumps.sort_by(|one, other| other.name.cmp(&one.name));
        dumps
    }

    fn dump(&self, name: String) -> Dump {
        let of = |file: &'static str| {
            let bytes = fs::metadata(self.path.join(&name).join(file)).ok()?.len();
            Some(DumpFile { name: file, bytes })
        };
        let files: Vec<_> = FILES.into_iter().filter_map(of).collect();
        Dump { bytes: files.iter().map(|file| file.bytes).sum(), files, name }
    }

    /// Nothing where there is no such dump, or no such file in it.
    pub(crate) fn read(&self, name: &str, file: &str) -> Option<Vec<u8>> {
        if !is_name(name) || !FILES.contains(&file) {
            return None;
        }
        let mut bytes = Vec::new();
        let opened = File::open(self.path.join(name).join(file)).ok()?;
        opened.take(FILE_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    pub(crate) fn draft(&self) -> io::Result<Draft<'_>> {
        let path = self.path.join(UNFINISHED);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&path)?,
        }
        Ok(Draft { folder: self, path })
    }

    /// Lets the oldest go until the rest is within the limits; the newest stays.
    fn prune(&self) -> io::Result<()> {
        let (mut many, mut bytes) = (0, 0);
        for dump in self.list() {
            (many, bytes) = (many + 1, bytes + dump.bytes);
            if many > 1 && (many > self.dumps_max || bytes > self.bytes_max) {
                fs::remove_dir_all(self.path.join(&dump.name))?;
            }
        }
        Ok(())
    }
}

impl Draft<'_> {
    pub(crate) fn put(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(FILES.contains(&file));
        let mut out = File::create(self.path.join(file))?;
        out.write_all(&bytes[..bytes.len().min(FILE_BYTES_MAX)])?;
        out.sync_all()
    }

    /// It is whole: gives it its name, and makes room.
    pub(crate) fn keep(self, name: &str) -> io::Result<()> {
        debug_assert!(is_name(name));
        fs::rename(&self.path, self.folder.path.join(name))?;
        File::open(&self.folder.path)?.sync_all()?;
        self.folder.prune()
    }
}

/// `20261126T141500Z-cpu`.
fn is_name(name: &str) -> bool {
    let Some((time, cause)) = name.split_once('-') else { return false };
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z');
    time.len() == 16
        && time.bytes().all(plain)
        && !cause.is_empty()
        && cause.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn name(second: usize) -> String {
        format!("20261126T1415{second:02}Z-cpu")
    }

    fn put(folder: &Folder, second: usize, bytes: usize) {
        let draft = folder.draft().unwrap();
        draft.put("metrics.txt", &vec![b'x'; bytes]).unwrap();
        draft.keep(&name(second)).unwrap();
    }

    fn kept(folder: &Folder) -> Vec<String> {
        folder.list().into_iter().map(|dump| dump.name).collect()
    }

    #[test]
    fn so_many_dumps_and_so_many_bytes_are_kept_and_the_newest_always() {
        let dir = TempDir::new().unwrap();
        let folder = Folder::open(dir.path().join("probe"), 3, 1000);
        (0..5).for_each(|second| put(&folder, second, 10));
        assert_eq!(kept(&folder), [name(4), name(3), name(2)]);
        put(&folder, 5, 985);
        assert_eq!(kept(&folder), [name(5), name(4)]);
        put(&folder, 6, 5000);
        assert_eq!(kept(&folder), [name(6)]);
        assert_eq!(folder.read(&name(6), "metrics.txt").unwrap().len(), 5000);
    }

    #[test]
    fn what_a_crash_left_is_no_dump_and_goes_at_the_next_start() {
        let dir = TempDir::new().unwrap();
        let folder = Folder::open(dir.path().to_owned(), 3, 1000);
        folder.draft().unwrap().put("about.json", b"{}").unwrap();
        assert!(kept(&folder).is_empty() && dir.path().join(UNFINISHED).exists());
        Folder::open(dir.path().to_owned(), 3, 1000);
        assert!(!dir.path().join(UNFINISHED).exists());
    }

    #[test]
    fn nothing_beside_the_dumps_is_read_or_removed() {
        let dir = TempDir::new().unwrap();
        let folder = Folder::open(dir.path().join("probe"), 1, 1);
        fs::write(dir.path().join("about.json"), "secret").unwrap();
        put(&folder, 0, 10);
        fs::create_dir(folder.path().join("notes")).unwrap();
        put(&folder, 1, 10);
        for (name, file) in [("..", "about.json"), ("notes", "about.json"), (&name(1), "../../about.json")] {
            assert_eq!(folder.read(name, file), None);
        }
        assert!(folder.path().join("notes").exists());
    }
}
