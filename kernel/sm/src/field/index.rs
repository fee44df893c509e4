//! Finding an encrypted field by its value: a token that is equal where the values are, and tells nothing else.
//!
//! Under a key of its own, so that who may search cannot read. Equal values can be counted: no index over a column with few
//! values or with well-known frequencies.

use crate::SmError;
use crate::sm3::{HASH_BYTES, hmac};
use std::fmt;
use tidegate_kernel_id::random;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// HMAC-SM3 is cut to this, so that a token says less than the value; two values of 2^64 share one.
pub const TOKEN_BYTES: usize = 16;

/// The key of an index, wiped when it is dropped, and never shown.
pub struct BlindIndex(Zeroizing<[u8; HASH_BYTES]>);

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndex(not shown)")
    }
}

impl BlindIndex {
    pub fn generate() -> Result<BlindIndex, SmError> {
        Ok(BlindIndex(Zeroizing::new(random()?)))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<BlindIndex, SmError> {
        let bytes = bytes.try_into().map_err(|_| SmError::Encoding { what: "a key of 32 bytes" })?;
        Ok(BlindIndex(Zeroizing::new(bytes)))
    }

    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// What to look for in that column: the same value has another token in any other one.
    pub fn token(&self, table: &str, column: &str, value: &str) -> [u8; TOKEN_BYTES] {
        let length = (table.len() as u64).to_le_bytes();
        let of_column = Zeroizing::new(hmac(&*self.0, &[&length, table.as_bytes(), column.as_bytes()]));
        let value = Zeroizing::new(normalised(value));
        *hmac(&*of_column, &[value.as_bytes()]).first_chunk().expect("a hash is longer than a token")
    }
}

/// As people write the same thing: full width as half (NFKC), capitals as small letters, any run of white space as one space, none at
/// the ends.
pub fn normalised(value: &str) -> String {
    let folded: String = value.nfkc().collect::<String>().to_lowercase().nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
