//! One step of a hash over words: a multiplication to 128 bits, folded. Pure.

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every bit of both words reaches every bit of the result, but for the one word that gives zero.
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash.rotate_left(29) ^ word ^ ODD) * u128::from(0xd6e8_feb8_6659_fd93_u64);
    (product >> 64) as u64 ^ product as u64
}
