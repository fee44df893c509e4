//! Where the demonstration keeps its files: a fresh folder that goes with it, or one that was named and stays.

use crate::failure::Failure;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder. Dropping it removes it, unless it was named.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) stays: bool,
}

impl Folder {
    pub(super) fn open(named: Option<&str>) -> Result<Folder, Failure> {
        let fresh = || std::env::temp_dir().join(format!("tidegate-demo-{}", std::process::id()));
        let folder = Folder { path: named.map_or_else(fresh, PathBuf::from), stays: named.is_some() };
        for part in [folder.edge(), folder.centre(), folder.logs()] {
            make(&part).map_err(|error| folder.unmade(&error))?;
        }
        Ok(folder)
    }

    fn unmade(&self, error: &io::Error) -> Failure {
        let message =
            format!("could not make the folder of the demonstration, {}: {error}", self.path.display());
        Failure::message("TG-DM-002", message, "name another one with --data DIR")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The data of the node that is shown.
    pub(super) fn edge(&self) -> PathBuf {
        self.path.join("edge")
    }

    /// The data of the node behind the cable.
    pub(super) fn centre(&self) -> PathBuf {
        self.path.join("centre")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed lies where the system clears up.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_stays_and_a_fresh_one_goes() {
        let dir = tempfile::tempdir().unwrap();
        let named = dir.path().join("demo");
        let fresh = {
            let named = Folder::open(named.to_str()).unwrap();
            let fresh = Folder::open(None).unwrap();
            assert!(named.edge().is_dir() && fresh.logs().is_dir());
            fresh.path().to_owned()
        };
        assert!(named.is_dir() && !fresh.exists());
    }
}
