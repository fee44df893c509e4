//! What a request shows in `Authorization`: a token (RFC 6750), or a name with its secret (RFC 7617). Pure.
//!
//! InfluxDB's clients write `Token` for `Bearer`, so that is taken as the same.

use crate::principal::{Credential, Unauthenticated};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// A credential that owns what it shows.
pub(crate) enum Shown {
    Nothing,
    Token(String),
    Secret { name: String, secret: Vec<u8> },
}

impl Shown {
    /// A header that cannot be read is a credential that is not known, not the absence of one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Shown, Unauthenticated> {
        let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Shown::Nothing) };
        value.to_str().ok().and_then(read).ok_or(Unauthenticated::Unknown)
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Shown::Nothing => Credential::Anonymous,
            Shown::Token(token) => Credential::Token(token),
            Shown::Secret { name, secret } => Credential::Secret { name, secret },
        }
    }
}

fn read(value: &str) -> Option<Shown> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" if !rest.is_empty() => Some(Shown::Token(rest.to_owned())),
        "basic" => {
            let pair = decoded(rest)?;
            let at = pair.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(pair[..at].to_vec()).ok()?;
            Some(Shown::Secret { name, secret: pair[at + 1..].to_vec() })
        }
        _ => None,
    }
}

/// Base64 (RFC 4648 §4), with or without its padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let value = group.iter().try_fold(0_u32, |value, digit| Some(value << 6 | sextet(*digit)?))?;
        let value = value << (6 * (4 - group.len()));
        match group.len() {
            1 => return None,
            many => bytes.extend_from_slice(&value.to_be_bytes()[1..many]),
        }
    }
    Some(bytes)
}

fn sextet(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn shown(value: &'static str) -> Result<Shown, Unauthenticated> {
        Shown::of(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]))
    }

    #[test]
    fn a_token_and_a_name_with_its_secret_are_read_whatever_the_letters_of_the_scheme() {
        for value in ["Bearer abc", "bearer abc", "Token  abc "] {
            assert!(matches!(shown(value), Ok(Shown::Token(token)) if token == "abc"), "{value}");
        }
        let Ok(Shown::Secret { name, secret }) = shown("Basic cHJlc3MtNzphOmI=") else { panic!("a secret") };
        assert_eq!((name.as_str(), secret.as_slice()), ("press-7", b"a:b".as_slice()));
    }

    #[test]
    fn a_header_that_cannot_be_read_is_an_unknown_credential_and_not_none() {
        for value in ["Bearer", "Bearer ", "Digest abc", "Basic !!!!", "Basic YQ==", "Basic A", "Basic /zph"]
        {
            assert!(matches!(shown(value), Err(Unauthenticated::Unknown)), "{value}");
        }
        assert!(matches!(Shown::of(&HeaderMap::new()), Ok(Shown::Nothing)));
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm8", "fo"), ("Zm9vYmE=", "fooba")] {
            assert_eq!(decoded(text).as_deref(), Some(bytes.as_bytes()));
        }
    }
}
