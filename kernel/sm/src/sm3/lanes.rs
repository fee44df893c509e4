//! Four messages of one length hashed at once: each step of SM3 is done for all of them in one vector. For trees, which have many
//! short messages and none that waits for another. No lookup depends on what is hashed.

use super::HASH_BYTES;
use std::array::from_fn;
use wide::u32x4 as Word;

/// Messages hashed at once.
pub const LANES: usize = 4;
const BLOCK_BYTES: usize = 64;
/// Of the padding: a bit, and the length in bits.
const PADDING_BYTES: usize = 1 + size_of::<u64>();
const ROUNDS: usize = 64;

type Block = [u8; BLOCK_BYTES];

/// GB/T 32905-2016, 4.1.
const INITIAL: [u32; 8] =
    [0x7380_166f, 0x4914_b2b9, 0x1724_42d7, 0xda8a_0600, 0xa96f_30bc, 0x1631_38aa, 0xe38d_ee4d, 0xb0fb_0e4e];

/// The hash of each message.
///
/// # Panics
/// If they are not all of one length.
pub fn hash_lanes(messages: [&[u8]; LANES]) -> [[u8; HASH_BYTES]; LANES] {
    let len = messages[0].len();
    assert!(messages.iter().all(|message| message.len() == len), "the messages are of one length");
    let mut state = INITIAL.map(Word::splat);
    let (whole, rest) = (len / BLOCK_BYTES, len % BLOCK_BYTES);
    (0..whole).for_each(|nth| compress(&mut state, messages.map(|message| block(message, nth))));
    let ends = messages.map(|message| padded(&message[len - rest..], len));
    let blocks = (rest + PADDING_BYTES).div_ceil(BLOCK_BYTES);
    (0..blocks).for_each(|nth| compress(&mut state, from_fn(|lane| block(&ends[lane], nth))));
    from_fn(|lane| hash_of(&state, lane))
}

fn block(bytes: &[u8], nth: usize) -> &Block {
    bytes[nth * BLOCK_BYTES..].first_chunk().expect("whole blocks are asked for")
}

/// The end of a message of `len` bytes as one block or two (4.2).
fn padded(rest: &[u8], len: usize) -> [u8; 2 * BLOCK_BYTES] {
    let mut blocks = [0; 2 * BLOCK_BYTES];
    blocks[..rest.len()].copy_from_slice(rest);
    blocks[rest.len()] = 0x80;
    let end = (rest.len() + PADDING_BYTES).next_multiple_of(BLOCK_BYTES);
    blocks[end - size_of::<u64>()..end].copy_from_slice(&(8 * len as u64).to_be_bytes());
    blocks
}

fn hash_of(state: &[Word; 8], lane: usize) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    let words = hash.chunks_exact_mut(size_of::<u32>()).zip(state);
    words.for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_array()[lane].to_be_bytes()));
    hash
}

/// 4.3: the message is expanded, and then mixed in.
fn compress(state: &mut [Word; 8], blocks: [&Block; LANES]) {
    let words = expand(blocks);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for round in 0..ROUNDS {
        let is_early = round < 16;
        let constant: u32 = if is_early { 0x79cc_4519 } else { 0x7a87_9d8a };
        let turned = rotated(a, 12);
        let first = rotated(turned + e + Word::splat(constant.rotate_left(round as u32)), 7);
        let of_abc = if is_early { a ^ b ^ c } else { (a & b) | (c & (a | b)) };
        let of_efg = if is_early { e ^ f ^ g } else { ((f ^ g) & e) ^ g };
        let left = of_abc + d + (first ^ turned) + (words[round] ^ words[round + 4]);
        let right = of_efg + h + first + words[round];
        (d, c, b, a) = (c, rotated(b, 9), a, left);
        (h, g, f, e) = (g, rotated(f, 19), e, right ^ rotated(right, 9) ^ rotated(right, 17));
    }
    let mixed = [a, b, c, d, e, f, g, h];
    state.iter_mut().zip(mixed).for_each(|(word, mixed)| *word ^= mixed);
}

fn expand(blocks: [&Block; LANES]) -> [Word; ROUNDS + 4] {
    let mut words = [Word::splat(0); ROUNDS + 4];
    for (at, word) in words.iter_mut().enumerate().take(16) {
        *word = Word::new(blocks.map(|block| {
            u32::from_be_bytes(*block[at * size_of::<u32>()..].first_chunk().expect("a block has 16 words"))
        }));
    }
    for at in 16..words.len() {
        let mixed = words[at - 16] ^ words[at - 9] ^ rotated(words[at - 3], 15);
        let spread = mixed ^ rotated(mixed, 15) ^ rotated(mixed, 23);
        words[at] = spread ^ rotated(words[at - 13], 7) ^ words[at - 6];
    }
    words
}

fn rotated(word: Word, bits: u32) -> Word {
    (word << bits) | (word >> (u32::BITS - bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sm3::hash;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn each_lane_has_the_hash_of_its_own_message() {
        // GB/T 32905-2016, appendix A.1 and A.2.
        let hex = |lanes: [[u8; HASH_BYTES]; LANES]| {
            lanes.map(|hash| format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]))
        };
        assert_eq!(hex(hash_lanes([b"abc"; LANES])), ["66c7f0f4"; LANES]);
        assert_eq!(hex(hash_lanes([&b"abcd".repeat(16); LANES])), ["debe9ff9"; LANES]);
        let messages: [&[u8]; LANES] = [b"one", b"two", b"six", b"ten"];
        assert_eq!(hash_lanes(messages), messages.map(hash));
    }

    #[test]
    #[should_panic(expected = "the messages are of one length")]
    fn messages_of_different_lengths_are_refused() {
        hash_lanes([b"a", b"a", b"a", b"ab"]);
    }

    proptest! {
        #[test]
        fn lanes_have_the_hashes_of_the_library(bytes in vec(any::<u8>(), 0..1200)) {
            let len = bytes.len() / LANES;
            let messages: [&[u8]; LANES] = from_fn(|lane| &bytes[lane * len..][..len]);
            prop_assert_eq!(hash_lanes(messages), messages.map(hash));
        }
    }
}
