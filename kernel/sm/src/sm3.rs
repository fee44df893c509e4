//! SM3 (GB/T 32905-2016): a hash of 32 bytes, and HMAC (RFC 2104) over it.

mod lanes;

pub use lanes::{LANES, hash_lanes};

use hmac::{Hmac, KeyInit, Mac};
use sm3::Digest;

pub const HASH_BYTES: usize = 32;

/// A hash of bytes that come in parts.
#[derive(Debug, Clone, Default)]
pub struct Sm3(sm3::Sm3);

impl Sm3 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> [u8; HASH_BYTES] {
        self.0.finalize().into()
    }
}

pub fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    sm3::Sm3::digest(bytes).into()
}

/// HMAC-SM3 over the parts, one behind another: whoever needs to tell them apart gives their lengths among them.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut mac = Hmac::<sm3::Sm3>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
