//! A snappy block (the format's description of 2011-10-05): the length, then literals and copies of what came before. Pure.
//!
//! Greedy matching of four bytes through one table. Label names and topics repeat in every series, which is what is worth
//! finding; the receiver takes any valid block.

use crate::message::put_varint;

/// Entries of the table, by hash of four bytes.
const TABLE_BITS: u32 = 13;
/// How far back a copy may reach: what two bytes can say.
const OFFSET_MAX: usize = 65_535;
const MATCH_BYTES_MIN: usize = 4;
const COPY_BYTES_MAX: usize = 64;

pub(crate) fn compress(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + input.len() / 2);
    put_varint(&mut out, input.len() as u64);
    let (mut table, mut literal_from, mut at) = (vec![0_usize; 1 << TABLE_BITS], 0, 0);
    while at + MATCH_BYTES_MIN <= input.len() {
        // One is added to a place, so that zero is none.
        let slot = &mut table[hash(&input[at..at + MATCH_BYTES_MIN])];
        let before = std::mem::replace(slot, at + 1);
        let length = before.checked_sub(1).map_or(0, |from| matching(input, from, at));
        if length < MATCH_BYTES_MIN {
            at += 1;
            continue;
        }
        put_literal(&mut out, &input[literal_from..at]);
        put_copy(&mut out, at - (before - 1), length);
        at += length;
        literal_from = at;
    }
    put_literal(&mut out, &input[literal_from..]);
    out
}

fn hash(bytes: &[u8]) -> usize {
    let word = u32::from_le_bytes(bytes.try_into().expect("four bytes are hashed"));
    (word.wrapping_mul(0x1e35_a7bd) >> (32 - TABLE_BITS)) as usize
}

/// How many bytes from both places on are the same; none if the first is too far back.
fn matching(input: &[u8], from: usize, at: usize) -> usize {
    if at - from > OFFSET_MAX {
        return 0;
    }
    input[from..].iter().zip(&input[at..]).take_while(|(one, other)| one == other).count()
}

fn put_literal(out: &mut Vec<u8>, literal: &[u8]) {
    let Some(length) = literal.len().checked_sub(1) else { return };
    match length {
        0..60 => out.push((length << 2) as u8),
        60..256 => out.extend_from_slice(&[60 << 2, length as u8]),
        256..65_536 => {
            out.push(61 << 2);
            out.extend_from_slice(&(length as u16).to_le_bytes());
        }
        _ => {
            out.push(63 << 2);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(literal);
}

/// Copies with an offset of two bytes, at most 64 bytes each.
fn put_copy(out: &mut Vec<u8>, offset: usize, mut length: usize) {
    while length > 0 {
        let part = length.min(COPY_BYTES_MAX);
        out.push(((part - 1) << 2) as u8 | 2);
        out.extend_from_slice(&(offset as u16).to_le_bytes());
        length -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(input: &[u8]) -> Vec<u8> {
        snap::raw::Decoder::new().decompress_vec(&compress(input)).unwrap()
    }

    proptest! {
        #[test]
        fn another_decoder_gives_back_any_bytes(input in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2000),
            prop::collection::vec(0..3_u8, 0..5000),
            ("[a-c/]{1,30}", 1..200_usize).prop_map(|(text, times)| text.repeat(times).into_bytes()),
        ]) {
            prop_assert_eq!(round(&input), input);
        }
    }

    #[test]
    fn long_literals_and_far_matches_survive() {
        let noise: Vec<u8> =
            (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let twice = [&noise[..], &noise[..70_000]].concat();
        assert_eq!(round(&twice), twice);
        let topics = "line/7/temp ".repeat(1000);
        assert!(compress(topics.as_bytes()).len() < topics.len() / 15);
    }
}
