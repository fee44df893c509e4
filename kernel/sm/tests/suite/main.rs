//! The standards' examples, other people's implementations, and keys whose versions change under load.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod counterpart;
mod cryptography;
mod fields;
mod load;
mod openssl;
mod vectors;

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
