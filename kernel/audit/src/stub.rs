//! What stands for a payload that was pruned: how long it was and its hash in each tree, so that both trees can still be made of the record.
//! Pure.
//!
//! ```text
//!  0 zero u32         no fact begins with it, so a build that does not know pruned records reads none out of it
//!  4 length u32       little-endian: bytes of the payload
//!  8 hash [u8; 32]    SHA-256 of the payload
//! 40 hash [u8; 32]    SM3 of the payload
//! ```

use crate::profile::{HASH_BYTES, Hash, Profile};
use tidegate_kernel_journal::Record;

pub const STUB_BYTES: usize = 8 + 2 * HASH_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stub {
    pub payload_bytes: u32,
    /// In the order of [`Profile::ALL`].
    hashes: [Hash; 2],
}

impl Stub {
    pub fn of(payload: &[u8]) -> Stub {
        let hashes = Profile::ALL.map(|profile| profile.hash(payload));
        Stub { payload_bytes: payload.len() as u32, hashes }
    }

    pub fn to_bytes(&self) -> [u8; STUB_BYTES] {
        let mut bytes = [0; STUB_BYTES];
        bytes[4..8].copy_from_slice(&self.payload_bytes.to_le_bytes());
        for (hash, place) in self.hashes.iter().zip(bytes[8..].chunks_exact_mut(HASH_BYTES)) {
            place.copy_from_slice(hash);
        }
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Option<Stub> {
        let bytes: &[u8; STUB_BYTES] =
            bytes.try_into().ok().filter(|bytes: &&[u8; STUB_BYTES]| bytes[..4] == [0; 4])?;
        let hash = |at: usize| *bytes[8 + at * HASH_BYTES..].first_chunk().expect("there are two of them");
        let payload_bytes = u32::from_le_bytes(*bytes[4..].first_chunk().expect("it is longer"));
        Some(Stub { payload_bytes, hashes: [hash(0), hash(1)] })
    }

    /// Nothing of a record whose payload is there, or of one that is said to be pruned and has no stub.
    pub fn in_record(record: &Record) -> Option<Stub> {
        record.head.flags.pruned.then(|| Stub::parse(&record.payload)).flatten()
    }

    pub fn hash(&self, profile: Profile) -> Hash {
        self.hashes[profile as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use tidegate_kernel_journal::{Flags, Head, Id};

    #[test]
    fn a_stub_reads_back_and_nothing_else_is_taken_for_one() {
        let stub = Stub::of(b"payload");
        let bytes = stub.to_bytes();
        assert_eq!(Stub::parse(&bytes), Some(stub));
        assert!((0..STUB_BYTES).all(|end| Stub::parse(&bytes[..end]).is_none()));
        let mut other = bytes;
        other[3] = 1;
        assert_eq!(Stub::parse(&other), None);
    }

    #[test]
    fn the_entry_of_a_pruned_record_is_that_of_the_whole_one_and_a_flipped_stub_is_another() {
        let head =
            Head { stream: 1024, kind: 3, version: 1, seq: 9, stamp_ms: 5, id: Id::v7(5), ..Head::default() };
        let whole = Record { head, payload: b"a fact".to_vec().into() };
        let flags = Flags { pruned: true, ..Flags::default() };
        let stub = Stub::of(&whole.payload).to_bytes();
        let pruned = Record { head: Head { flags, ..head }, payload: stub.to_vec().into() };
        for profile in Profile::ALL {
            assert_eq!(Entry::of(profile, &whole), Entry::of(profile, &pruned));
            for byte in 0..STUB_BYTES {
                let mut flipped = stub;
                flipped[byte] ^= 1;
                let flipped = Record { payload: flipped.to_vec().into(), ..pruned.clone() };
                let others_hash = 8 + HASH_BYTES * (1 - profile as usize);
                let is_same = Entry::of(profile, &flipped) == Entry::of(profile, &whole);
                assert_eq!(is_same, (others_hash..others_hash + HASH_BYTES).contains(&byte), "byte {byte}");
            }
        }
    }
}
