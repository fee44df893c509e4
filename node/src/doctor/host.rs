//! The machine as the doctor sees it. Nothing here can change anything.

use rustix::process::{Resource, geteuid, getrlimit};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_journal::examine;
use tidegate_service_probe::dumps_in;

/// Of a file under `/proc`, a certificate, a lock; what is longer is none of these.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) files: u64,
    pub(super) free_files: u64,
}

/// Whose a file is, who may read it, and when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) modified_s: u64,
}

/// Whoever answers what the doctor asks; nothing is an answer too.
pub(super) trait Host {
    /// The text of a file.
    fn read(&self, path: &Path) -> Option<String>;
    fn meta(&self, path: &Path) -> Option<Meta>;
    /// How many entries a folder has.
    fn entries(&self, folder: &str) -> Option<u64>;
    /// Of the disk that a folder is on.
    fn space(&self, folder: &Path) -> Option<Space>;
    /// How many files the process may have open, raised as far as it may be; nothing for no limit.
    fn open_files(&self) -> Option<u64>;
    /// How large a core dump may be; nothing for no limit.
    fn core_bytes(&self) -> Option<u64>;
    fn uid(&self) -> u32;
    fn now_s(&self) -> u64;
    /// When the last record of a data folder was made.
    fn last_record_s(&self, data: &Path) -> Option<u64>;
    /// The names of the dumps in a data folder, the newest first.
    fn dumps(&self, data: &Path) -> Vec<String>;

    /// A file of the system.
    fn system(&self, path: &str) -> Option<String> {
        self.read(Path::new(path)).map(|text| text.trim().to_owned())
    }

    fn number(&self, path: &str) -> Option<u64> {
        self.system(path)?.parse().ok()
    }
}

/// This machine.
#[derive(Debug)]
pub(super) struct Machine;

impl Host for Machine {
    fn read(&self, path: &Path) -> Option<String> {
        let mut text = String::new();
        fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn meta(&self, path: &Path) -> Option<Meta> {
        let meta = fs::metadata(path).ok()?;
        let modified_s = u64::try_from(meta.mtime()).unwrap_or_default();
        Some(Meta { mode: meta.mode(), uid: meta.uid(), modified_s })
    }

    fn entries(&self, folder: &str) -> Option<u64> {
        Some(fs::read_dir(folder).ok()?.count() as u64)
    }

    fn space(&self, folder: &Path) -> Option<Space> {
        let found = rustix::fs::statvfs(folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Some(Space {
            bytes: bytes(found.f_blocks),
            free_bytes: bytes(found.f_bavail),
            files: found.f_files,
            free_files: found.f_favail,
        })
    }

    fn open_files(&self) -> Option<u64> {
        // A node raises the soft limit to the hard one when it starts.
        getrlimit(Resource::Nofile).maximum
    }

    fn core_bytes(&self) -> Option<u64> {
        getrlimit(Resource::Core).current
    }

    fn uid(&self) -> u32 {
        geteuid().as_raw()
    }

    fn now_s(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn last_record_s(&self, data: &Path) -> Option<u64> {
        let found = examine(data).ok()?;
        found.journals.iter().map(|journal| journal.last_stamp_ms / 1000).max()
    }

    fn dumps(&self, data: &Path) -> Vec<String> {
        dumps_in(&data.join("probe")).into_iter().map(|dump| dump.name).collect()
    }
}
