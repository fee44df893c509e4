//! The node's own key: Ed25519, made at the first start in `DATA/node.key`, which nobody but the node's user reads.
//!
//! It says that something is from this node and no other. The file is PKCS#8 (RFC 5958); it is synced under another name and then given
//! its own, so that there is never half of one.

use crate::failure::Failure;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FILE: &str = "node.key";
const MAKING: &str = "node.key.new";
/// Its owner reads and writes it.
const MODE: u32 = 0o600;
/// More than a key ever has.
const FILE_BYTES_MAX: u64 = 4096;

/// The key, read.
#[derive(Debug)]
pub(crate) struct NodeKey(Ed25519KeyPair);

impl NodeKey {
    /// Reads the key in this data folder, or makes it. Blocks for the disk.
    pub(crate) fn open(data: &Path) -> Result<NodeKey, Failure> {
        let path = data.join(FILE);
        let unusable = |what: String| {
            let message = format!("{} cannot be used: {what}", path.display());
            let hint = "put the key of this node back, or take the file away to have another one made";
            Failure::message("TG-ID-020", message, hint)
        };
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return make(data).map_err(|error| unusable(error.to_string()));
            }
            Err(error) => return Err(unusable(error.to_string())),
        };
        if found.permissions().mode() & 0o077 != 0 {
            return Err(unusable("others may read it; chmod 600".to_owned()));
        }
        if found.len() > FILE_BYTES_MAX {
            return Err(unusable(format!("it has {} bytes", found.len())));
        }
        let bytes = fs::read(&path).map_err(|error| unusable(error.to_string()))?;
        Ed25519KeyPair::from_pkcs8(&bytes).map(NodeKey).map_err(|error| unusable(error.to_string()))
    }

    /// SHA-256 of the public key, in hex.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, self.0.public_key().as_ref());
        digest.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn make(data: &Path) -> io::Result<NodeKey> {
    let bytes =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("Linux gives random bytes since 3.17");
    let making = data.join(MAKING);
    // Of a start that ended on the way.
    let _ = fs::remove_file(&making);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&making)?;
    file.write_all(bytes.as_ref())?;
    file.sync_all()?;
    fs::rename(&making, data.join(FILE))?;
    File::open(data)?.sync_all()?;
    Ok(NodeKey(Ed25519KeyPair::from_pkcs8(bytes.as_ref()).expect("it was made a moment ago")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn the_key_is_made_once_for_its_owner_and_found_again() {
        let dir = TempDir::new().unwrap();
        let made = NodeKey::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, made.fingerprint().len()), (MODE, 64));
        assert_eq!(NodeKey::open(dir.path()).unwrap().fingerprint(), made.fingerprint());
        assert!(!dir.path().join(MAKING).exists());
    }

    #[test]
    fn a_key_that_others_read_or_that_is_none_is_refused_and_left_as_it_is() {
        let dir = TempDir::new().unwrap();
        NodeKey::open(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(NodeKey::open(dir.path()).unwrap_err().to_string().contains("TG-ID-020"));
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE)).unwrap();
        fs::write(&path, b"no key").unwrap();
        assert!(NodeKey::open(dir.path()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"no key");
    }
}
