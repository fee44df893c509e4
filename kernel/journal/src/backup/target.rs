//! Where a backup is written: a folder, or one file in the form of tar (POSIX.1-1988 "ustar") with the same names in it.
//!
//! A file is written under the name of a draft and gets its own once it is whole and synced.

use super::error::{BackupError, io};
use super::manifest::{self, Manifest, Mark};
use super::part::Part;
use crate::disk::DiskFile;
use crate::folder;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What the name of a backup that is one file ends with.
const FILE_END: &str = "tar";
const CHUNK_BYTES: usize = 1 << 20;
pub(super) const BLOCK_BYTES: u64 = 512;
/// Two empty blocks end a file.
pub(super) const END_BYTES: u64 = 2 * BLOCK_BYTES;

#[derive(Debug)]
pub(super) enum Target {
    Folder(PathBuf),
    File(Packed),
}

/// A file under way.
#[derive(Debug)]
pub(super) struct Packed {
    path: PathBuf,
    draft: PathBuf,
    file: File,
    /// Where the journal that is being written begins.
    journal_at: u64,
}

impl Target {
    /// A name that ends in `.tar` is a file's.
    pub(super) fn create(path: &Path) -> Result<Target, BackupError> {
        if path.extension().is_none_or(|end| end != FILE_END) {
            super::make_empty(path)?;
            return Ok(Target::Folder(path.to_owned()));
        }
        if fs::symlink_metadata(path).is_ok() {
            return Err(BackupError::NotEmpty { path: path.to_owned() });
        }
        let mut draft = path.to_owned().into_os_string();
        draft.push(".draft");
        let draft = PathBuf::from(draft);
        let mut options = File::options();
        let file =
            options.read(true).write(true).create(true).truncate(true).open(&draft).map_err(io(&draft))?;
        Ok(Target::File(Packed { path: path.to_owned(), draft, file, journal_at: 0 }))
    }

    pub(super) fn begin(&mut self, journal: &str) -> Result<(), BackupError> {
        match self {
            Target::Folder(folder) => {
                let folder = folder.join(journal);
                fs::create_dir(&folder).map_err(io(&folder))
            }
            Target::File(packed) => packed.begin().map_err(io(&packed.draft)),
        }
    }

    /// Nothing is left of a reading of this journal that was in vain.
    pub(super) fn start_over(&mut self, journal: &str) -> Result<(), BackupError> {
        match self {
            Target::Folder(folder) => {
                let folder = folder.join(journal);
                fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder)).map_err(io(&folder))
            }
            Target::File(packed) => packed.start_over().map_err(io(&packed.draft)),
        }
    }

    /// Writes the first `bytes` of `from`; what was written, to be read again, and its mark. Not synced in a file until its end.
    pub(super) fn put(
        &mut self,
        name: &str,
        from: &dyn DiskFile,
        bytes: u64,
    ) -> Result<(Part, Mark), BackupError> {
        match self {
            Target::Folder(folder) => {
                let path = folder.join(name);
                let mark = File::create(&path)
                    .and_then(|mut file| {
                        let mark = copy(from, &mut file, bytes)?;
                        file.sync_all()?;
                        Ok(mark)
                    })
                    .map_err(io(&path))?;
                Ok((Part::whole(&path)?, mark))
            }
            Target::File(packed) => packed.put(name, from, bytes).map_err(io(&packed.draft)),
        }
    }

    pub(super) fn end(&self, journal: &str) -> Result<(), BackupError> {
        match self {
            Target::Folder(folder) => {
                let folder = folder.join(journal);
                folder::sync_names(&folder).map_err(io(&folder))
            }
            Target::File(_) => Ok(()),
        }
    }

    /// The list's presence says that the backup is whole.
    pub(super) fn finish(self, manifest: &Manifest) -> Result<(), BackupError> {
        match self {
            Target::Folder(folder) => manifest.write(&folder),
            Target::File(packed) => packed.finish(manifest),
        }
    }
}

impl Packed {
    fn begin(&mut self) -> std::io::Result<()> {
        self.journal_at = self.file.stream_position()?;
        Ok(())
    }

    fn start_over(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.journal_at)?;
        self.file.seek(SeekFrom::Start(self.journal_at)).map(drop)
    }

    fn put(&mut self, name: &str, from: &dyn DiskFile, bytes: u64) -> std::io::Result<(Part, Mark)> {
        let mut source = Summed { from, at: 0, end: bytes, crc: 0 };
        let start = append(&mut self.file, name, bytes, &mut source)?;
        let mark = Mark { bytes: source.at, crc: source.crc };
        let path = self.path.join(name);
        Ok((Part { file: File::open(&self.draft)?, start, bytes, path }, mark))
    }

    fn finish(mut self, manifest: &Manifest) -> Result<(), BackupError> {
        let text = manifest.text();
        let Packed { path, draft, file, .. } = &mut self;
        append(file, manifest::FILE, text.len() as u64, &mut text.as_bytes())
            .and_then(|_| file.write_all(&[0; END_BYTES as usize]))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&*draft, &*path))
            .and_then(|()| folder::sync_names(folder_of(path)))
            .map_err(io(path))
    }
}

/// A file that was not finished is of no use to anybody.
impl Drop for Packed {
    fn drop(&mut self) {
        // It has its own name by now, or never gets one; what cannot be removed is replaced by the next backup to that name.
        let _ = fs::remove_file(&self.draft);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An entry with all of `content`, which should have `bytes`; where its bytes begin.
fn append(file: &mut File, name: &str, bytes: u64, content: &mut dyn Read) -> std::io::Result<u64> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    // The list says when.
    header.set_mtime(0);
    header.set_cksum();
    file.write_all(header.as_bytes())?;
    let start = file.stream_position()?;
    let copied = std::io::copy(content, file)?;
    let padding = copied.next_multiple_of(BLOCK_BYTES) - copied;
    file.write_all(&[0; BLOCK_BYTES as usize][..padding as usize])?;
    Ok(start)
}

/// Reads a part of a file from its beginning, and sums it up.
struct Summed<'a> {
    from: &'a dyn DiskFile,
    at: u64,
    end: u64,
    crc: u32,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = buffer.len().min((self.end - self.at) as usize);
        let filled = self.from.read_at(&mut buffer[..wanted], self.at)?;
        self.crc = crc32c::crc32c_append(self.crc, &buffer[..filled]);
        self.at += filled as u64;
        Ok(filled)
    }
}

/// The first `bytes` of a file, or all there are.
pub(super) fn copy(from: &dyn DiskFile, to: &mut dyn Write, bytes: u64) -> std::io::Result<Mark> {
    let mut source = Summed { from, at: 0, end: bytes, crc: 0 };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match source.read(&mut chunk)? {
            0 => return Ok(Mark { bytes: source.at, crc: source.crc }),
            filled => to.write_all(&chunk[..filled])?,
        }
    }
}

/// What the first `bytes` of a file add up to.
pub(super) fn mark_of(from: &dyn DiskFile, bytes: u64) -> std::io::Result<Mark> {
    copy(from, &mut std::io::sink(), bytes)
}
