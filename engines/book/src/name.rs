//! Texts that cannot be wrong once they are there: the name of an account, a currency, a memo. Pure.

use std::fmt;

/// Bytes of an account's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a memo: 256 of text as it is sealed, with the name of its key, the nonce, the tag and Base64 around them.
pub const MEMO_BYTES_MAX: usize = 512;
const CURRENCY_BYTES_MAX: usize = 8;

/// What people call an account: 1 to 64 bytes of UTF-8 without control characters, spaces and slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Box<str>);

impl Name {
    pub fn new(text: &str) -> Option<Name> {
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        let plain = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '/');
        (fits && plain).then(|| Name(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is counted: 1 to 8 upper-case letters and digits, `CNY` for one. Zeros fill the rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency(pub(crate) [u8; CURRENCY_BYTES_MAX]);

impl Currency {
    pub fn new(text: &str) -> Option<Currency> {
        let mut bytes = [0; CURRENCY_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Currency::of(bytes)
    }

    pub(crate) fn of(bytes: [u8; CURRENCY_BYTES_MAX]) -> Option<Currency> {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let (text, rest) = bytes.split_at(length);
        let plain = text.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (length > 0 && plain && rest.iter().all(|byte| *byte == 0)).then_some(Currency(bytes))
    }

    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..length]).expect("letters and digits were checked")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Up to 512 bytes that travel with an order; nothing here reads them, and whoever keeps secrets in them has sealed them before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memo(Vec<u8>);

impl Memo {
    pub fn new(bytes: Vec<u8>) -> Option<Memo> {
        (bytes.len() <= MEMO_BYTES_MAX).then_some(Memo(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_empty_or_not_plain_is_none_of_them() {
        assert!(Name::new("").is_none() && Name::new("a b").is_none() && Name::new("a/b").is_none());
        assert!(Name::new(&"x".repeat(65)).is_none() && Name::new("现金:7").is_some());
        assert!(Currency::new("").is_none() && Currency::new("cny").is_none());
        assert!(Currency::new("CNYCNYCNY").is_none());
        assert_eq!(Currency::new("CNY").unwrap().as_str(), "CNY");
        assert!(Memo::new(vec![0; 513]).is_none() && Memo::new(vec![0; 512]).is_some());
    }
}
