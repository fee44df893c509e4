//! Fields of tables, encrypted one by one, each bound to its place.
//!
//! ```text
//! sm4g:v3:invoices:bm9uY2UsIGNpcGhlcnRleHQgYW5kIHRhZyBpbiBCYXNlNjQ
//!      |  |        `- 12 bytes nonce, ciphertext, 16 bytes tag; Base64 of RFC 4648 without padding
//!      |  `- the key's name: of a table, a tenant, or one subject
//!      `- the key's version
//! ```
//!
//! The nonce is random, or made of place and plaintext where the same has to encrypt to the same ([`Writer::seal_synthetic`]).
//! Table, column and row are authenticated with it: what is moved to another cell does not open there.

mod index;
mod keyring;
mod scan;
mod stored;
mod version;

pub use index::{BlindIndex, TOKEN_BYTES, normalised};
pub use keyring::Keyring;
pub use scan::{Raised, Scan};
pub use version::{USES_MAX, Writer};

use crate::SmError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

/// Bytes of one field before it is encrypted.
pub const FIELD_BYTES_MAX: usize = 1 << 20;
/// Characters of a key's name.
pub const KEY_NAME_BYTES_MAX: usize = 64;

/// Where a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub table: &'a str,
    pub column: &'a str,
    pub row: &'a str,
}

impl Place<'_> {
    /// Each part behind its length, so that no two places have the same bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [self.table, self.column, self.row] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// The text of a field, taken apart.
#[derive(Debug)]
struct Sealed<'a> {
    version: u32,
    key: &'a str,
    /// Nonce, ciphertext and tag.
    body: Vec<u8>,
}

impl<'a> Sealed<'a> {
    fn parse(text: &'a str) -> Result<Sealed<'a>, SmError> {
        let (version, key, body) = header(text).ok_or(SmError::Malformed)?;
        let longest = BASE64_BYTES_MAX;
        let body = (body.len() <= longest).then(|| BASE64.decode(body).ok()).flatten();
        let shortest = crate::sm4::NONCE_BYTES + crate::sm4::TAG_BYTES;
        let body = body.filter(|body| body.len() >= shortest).ok_or(SmError::Malformed)?;
        Ok(Sealed { version, key, body })
    }
}

const BASE64_BYTES_MAX: usize = (FIELD_BYTES_MAX + 64).div_ceil(3) * 4;

/// The name of the key that a field is under.
pub fn key_of(text: &str) -> Result<&str, SmError> {
    header(text).map(|(_, key, _)| key).ok_or(SmError::Malformed)
}

/// Version, key and what is behind them.
fn header(text: &str) -> Option<(u32, &str, &str)> {
    let (version, rest) = text.strip_prefix("sm4g:v")?.split_once(':')?;
    let (key, body) = rest.split_once(':')?;
    let number: u32 = version.parse().ok()?;
    (number > 0 && number.to_string() == version && is_name(key)).then_some((number, key, body))
}

/// Whether a key can be called this.
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=KEY_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_never_have_the_same_bytes() {
        let place = |table, column, row| Place { table, column, row }.bytes();
        assert_ne!(place("ab", "c", "d"), place("a", "bc", "d"));
        assert_ne!(place("a", "b", ""), place("a", "", "b"));
    }

    #[test]
    fn a_version_is_written_one_way() {
        let text = |version: &str| format!("sm4g:{version}:k:{}", "A".repeat(40));
        assert!(Sealed::parse(&text("v3")).is_ok());
        for wrong in ["v03", "v0", "v+3", "v-1", "v4294967296", "3", "v"] {
            assert_eq!(Sealed::parse(&text(wrong)).unwrap_err(), SmError::Malformed, "{wrong}");
        }
    }
}
