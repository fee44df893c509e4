//! Records that follow from others, appended once however often they are decided: their ids are made of what they follow from.
//!
//! Reads the disk only for an id that is older than what the journal's window remembers.

use tidegate_kernel_journal::{Entry, Id, Journal, Refusal, Ticket};

/// What became of an append.
#[derive(Debug, Clone)]
pub(crate) enum Appended {
    New(Ticket),
    /// It was appended before, ahead of a crash.
    Known,
}

/// Appends `entry`, unless a record with its id is there. Only what may have been decided before (`replay`) is looked for beyond the
/// journal's window.
pub(crate) fn append(journal: &Journal, entry: Entry<'_>, replay: bool) -> Result<Appended, Refusal> {
    match journal.append(Entry { once: true, ..entry }) {
        Ok(ticket) => Ok(Appended::New(ticket)),
        Err(Refusal::Known { .. }) => Ok(Appended::Known),
        Err(Refusal::TooOld | Refusal::Ahead) if replay && is_there(journal, entry.id) => Ok(Appended::Known),
        Err(Refusal::TooOld | Refusal::Ahead) => {
            journal.append(Entry { once: false, ..entry }).map(Appended::New)
        }
        Err(refusal) => Err(refusal),
    }
}

/// One that cannot be read counts as absent: a record twice is better than none.
fn is_there(journal: &Journal, id: Id) -> bool {
    journal.find(id).is_ok_and(|found| found.is_some())
}

/// The id of what followed at `at` from all of `parts`: the same each time. Its random bits are a 128-bit FNV-1a of the parts.
pub(crate) fn id_of(at: u64, parts: &[&[u8]]) -> Id {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.iter().chain(*part) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }
    let mut bytes = hash.to_be_bytes();
    bytes[..6].copy_from_slice(&at.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Id(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_for_the_same_parts_and_another_for_any_other() {
        let id = id_of(1_763_800_000_123, &[b"ab", b"c"]);
        assert_eq!((id, id.unix_ms()), (id_of(1_763_800_000_123, &[b"ab", b"c"]), 1_763_800_000_123));
        assert_ne!(id, id_of(1_763_800_000_123, &[b"a", b"bc"]));
        assert_ne!(id, id_of(1_763_800_000_124, &[b"ab", b"c"]));
    }
}
