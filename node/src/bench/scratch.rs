//! The folder a benchmark writes in. Removed with everything in it when it is dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder nobody else uses.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder; `below` is made too if it is not there, and stays. What others wrote before is on the disk then: the first
    /// sync of a measurement would wait for it.
    pub(crate) fn below(below: &Path) -> io::Result<Scratch> {
        fs::create_dir_all(below)?;
        rustix::fs::sync();
        let path = below.join(format!("tidegate-bench-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Scratch { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside that does not exist yet.
    pub(crate) fn inner(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Bytes that may still be written here.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let room = rustix::fs::statvfs(&self.path)?;
        Ok(room.f_bavail * room.f_frsize)
    }

    /// Removes an inner folder, so that the next measurement has its room.
    pub(crate) fn clear(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.inner(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind is in a folder with a name that says what it is.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_with_everything_in_it_and_what_was_there_before_stays() {
        let below = tempfile::tempdir().unwrap();
        fs::write(below.path().join("before"), "x").unwrap();
        let scratch = Scratch::below(below.path()).unwrap();
        fs::create_dir(scratch.inner("deep")).unwrap();
        assert!(scratch.free_bytes().unwrap() > 0);
        drop(scratch);
        let left: Vec<_> =
            fs::read_dir(below.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["before"]);
    }
}
