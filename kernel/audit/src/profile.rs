//! The two ways to build and sign a tree: everybody's, and the one of Chinese commercial cryptography.
//!
//! Leaves and nodes are hashed as RFC 6962 §2.1 says, so that no leaf can be taken for a node.

use ring::digest::{Context, SHA256};
use tidegate_kernel_sm::sm3::Sm3;

pub const HASH_BYTES: usize = 32;
pub type Hash = [u8; HASH_BYTES];

/// Which hash, and with it which signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// SHA-256, signed with Ed25519: opens with any verifier of C2SP logs.
    Sha256,
    /// SM3, signed with SM2.
    Sm3,
}

impl Profile {
    pub const ALL: [Profile; 2] = [Profile::Sha256, Profile::Sm3];

    /// Its name in folders, URLs and origins.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Sha256 => "sha256",
            Profile::Sm3 => "sm3",
        }
    }

    pub fn named(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Of what an entry speaks of.
    pub fn hash(self, bytes: &[u8]) -> Hash {
        self.of([bytes, b"", b""])
    }

    pub fn leaf(self, entry: &[u8]) -> Hash {
        self.of([&[0], entry, b""])
    }

    pub fn node(self, left: &Hash, right: &Hash) -> Hash {
        self.of([&[1], left, right])
    }

    /// The root of a tree without leaves.
    pub fn empty(self) -> Hash {
        self.hash(b"")
    }

    fn of(self, parts: [&[u8]; 3]) -> Hash {
        match self {
            Profile::Sha256 => {
                let mut context = Context::new(&SHA256);
                parts.iter().for_each(|part| context.update(part));
                context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
            }
            Profile::Sm3 => {
                let mut hash = Sm3::default();
                parts.iter().for_each(|part| hash.update(part));
                hash.finish()
            }
        }
    }

    /// The root over a power of two of hashes.
    pub(crate) fn perfect(self, hashes: &[Hash]) -> Hash {
        let mut level = hashes.to_vec();
        while level.len() > 1 {
            level = level.chunks_exact(2).map(|pair| self.node(&pair[0], &pair[1])).collect();
        }
        level[0]
    }

    /// The root over trees that become smaller to the right; nothing over none.
    pub(crate) fn fold(self, peaks: &[Hash]) -> Option<Hash> {
        let (last, rest) = peaks.split_last()?;
        Some(rest.iter().rfold(*last, |right, left| self.node(left, &right)))
    }
}
