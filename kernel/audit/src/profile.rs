//! The two ways to build and sign a tree: everybody's, and the one of Chinese commercial cryptography.
//!
//! Leaves and nodes are hashed as RFC 6962 §2.1 says, so that no leaf can be taken for a node.

use crate::entry::ENTRY_BYTES;
use ring::digest::{Context, SHA256};
use tidegate_kernel_sm::sm3::{LANES, Sm3, hash_lanes};

pub const HASH_BYTES: usize = 32;
pub type Hash = [u8; HASH_BYTES];
/// What tells a leaf from a node (RFC 6962 §2.1).
const LEAF: u8 = 0;
const NODE: u8 = 1;

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
        self.of([&[LEAF], entry, b""])
    }

    pub fn node(self, left: &Hash, right: &Hash) -> Hash {
        self.of([&[NODE], left, right])
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

    /// The leaves of entries.
    pub(crate) fn leaves<'a>(self, entries: impl Iterator<Item = &'a [u8; ENTRY_BYTES]>) -> Vec<Hash> {
        let message = |entry: &[u8; ENTRY_BYTES]| {
            let mut message = [LEAF; 1 + ENTRY_BYTES];
            message[1..].copy_from_slice(entry);
            message
        };
        self.each(&entries.map(message).collect::<Vec<_>>())
    }

    /// The root over a power of two of hashes.
    pub(crate) fn perfect(self, hashes: &[Hash]) -> Hash {
        let message = |[left, right]: &[Hash; 2]| {
            let mut message = [NODE; 1 + 2 * HASH_BYTES];
            message[1..=HASH_BYTES].copy_from_slice(left);
            message[1 + HASH_BYTES..].copy_from_slice(right);
            message
        };
        let mut level = hashes.to_vec();
        while level.len() > 1 {
            let (pairs, _) = level.as_chunks();
            level = self.each(&pairs.iter().map(message).collect::<Vec<_>>());
        }
        level[0]
    }

    /// The hashes of messages of one length, several at once where that is faster.
    fn each<const BYTES: usize>(self, messages: &[[u8; BYTES]]) -> Vec<Hash> {
        let lanes = if self == Profile::Sm3 { messages.as_chunks::<LANES>().0 } else { &[] };
        let mut hashes: Vec<_> =
            lanes.iter().flat_map(|lanes| hash_lanes(lanes.each_ref().map(|message| &message[..]))).collect();
        hashes.extend(messages[hashes.len()..].iter().map(|message| self.hash(message)));
        hashes
    }

    /// The root over trees that become smaller to the right; nothing over none.
    pub(crate) fn fold(self, peaks: &[Hash]) -> Option<Hash> {
        let (last, rest) = peaks.split_last()?;
        Some(rest.iter().rfold(*last, |right, left| self.node(left, &right)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_made_together_are_those_made_alone() {
        let entries: Vec<[u8; ENTRY_BYTES]> = (0..=255).map(|nth| [nth; ENTRY_BYTES]).collect();
        for profile in Profile::ALL {
            for size in [1, 2, 4, 8, 256] {
                let leaves = profile.leaves(entries[..size].iter());
                let alone: Vec<_> = entries[..size].iter().map(|entry| profile.leaf(entry)).collect();
                assert_eq!(leaves, alone);
                assert_eq!(profile.perfect(&leaves), by_halves(profile, &alone));
            }
            assert_eq!(profile.leaves(entries[..7].iter()).len(), 7);
        }
    }

    /// RFC 6962 §2.1, as it stands there.
    fn by_halves(profile: Profile, leaves: &[Hash]) -> Hash {
        let [leaf] = leaves else {
            let (left, right) = leaves.split_at(leaves.len() / 2);
            return profile.node(&by_halves(profile, left), &by_halves(profile, right));
        };
        *leaf
    }
}
