//! The node's own key: Ed25519, made at the first start in `DATA/node.key`, as PKCS#8 (RFC 5958).
//!
//! It says that something is from this node and no other: its fingerprint, and the checkpoints of its audit trees.

use super::key_file;
use crate::failure::Failure;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt::Write as _;
use std::path::Path;
use zeroize::Zeroizing;

pub(crate) const NODE_KEY: &str = "node.key";

/// The key, read.
#[derive(Debug)]
pub(crate) struct NodeKey {
    pair: Ed25519KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl NodeKey {
    /// Reads the key in this data folder, or makes it. Blocks for the disk.
    pub(crate) fn open(data: &Path) -> Result<NodeKey, Failure> {
        key_file::open(data, NODE_KEY, made, |bytes| {
            let pair = Ed25519KeyPair::from_pkcs8(bytes).map_err(|error| error.to_string())?;
            Ok(NodeKey { pair, pkcs8: Zeroizing::new(bytes.to_vec()) })
        })
    }

    /// SHA-256 of the public key, in hex.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, self.pair.public_key().as_ref());
        digest.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// For whoever signs with it.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

fn made() -> Zeroizing<Vec<u8>> {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
    Zeroizing::new(pair.expect("Linux gives random bytes since 3.17").as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::key_file::MODE;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    #[test]
    fn the_key_is_made_once_for_its_owner_and_found_again() {
        let dir = TempDir::new().unwrap();
        let made = NodeKey::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(NODE_KEY)).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, made.fingerprint().len()), (MODE, 64));
        assert_eq!(NodeKey::open(dir.path()).unwrap().fingerprint(), made.fingerprint());
        assert!(!dir.path().join("node.key.new").exists());
    }

    #[test]
    fn a_key_that_others_read_or_that_is_none_is_refused_and_left_as_it_is() {
        let dir = TempDir::new().unwrap();
        NodeKey::open(dir.path()).unwrap();
        let path = dir.path().join(NODE_KEY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(NodeKey::open(dir.path()).unwrap_err().to_string().contains("TG-ID-020"));
        fs::set_permissions(&path, fs::Permissions::from_mode(MODE)).unwrap();
        fs::write(&path, b"no key").unwrap();
        assert!(NodeKey::open(dir.path()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"no key");
    }
}
