//! What a request shows in `Authorization`: a token (RFC 6750), or a name with its secret (RFC 7617). Pure.
//!
//! Without that header, the cookie of a session counts (RFC 6265). InfluxDB's clients write `Token` for `Bearer`, so that is taken
//! as the same.

use crate::principal::{Credential, Unauthenticated};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// With or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The cookie that a session is.
pub const SESSION_COOKIE: &str = "tidegate_session";

/// The session that a request shows, if any.
pub fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == SESSION_COOKIE && !value.is_empty()).map(|(_, value)| value)
}

/// A credential that owns what it shows.
pub(crate) enum Shown {
    Nothing,
    Token(String),
    Secret { name: String, secret: Vec<u8> },
    Session(String),
}

impl Shown {
    /// A header that cannot be read is a credential that is not known, not the absence of one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Shown, Unauthenticated> {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(
                session_of(headers).map_or(Shown::Nothing, |session| Shown::Session(session.to_owned()))
            );
        };
        value.to_str().ok().and_then(read).ok_or(Unauthenticated::Unknown)
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Shown::Nothing => Credential::Anonymous,
            Shown::Token(token) => Credential::Token(token),
            Shown::Secret { name, secret } => Credential::Secret { name, secret },
            Shown::Session(session) => Credential::Session(session),
        }
    }
}

fn read(value: &str) -> Option<Shown> {
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" if !rest.is_empty() => Some(Shown::Token(rest.to_owned())),
        "basic" => {
            let pair = BASE64.decode(rest).ok()?;
            let at = pair.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(pair[..at].to_vec()).ok()?;
            Some(Shown::Secret { name, secret: pair[at + 1..].to_vec() })
        }
        _ => None,
    }
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
    fn a_session_is_the_cookie_of_that_name_and_a_header_goes_before_it() {
        let cookie = |value| HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(value))]);
        assert_eq!(session_of(&cookie("a=b; tidegate_session=xyz; c")), Some("xyz"));
        for none in ["tidegate_session=", "xtidegate_session=a", "a=tidegate_session"] {
            assert_eq!(session_of(&cookie(none)), None, "{none}");
        }
        let mut both = cookie("tidegate_session=xyz");
        assert!(matches!(Shown::of(&both), Ok(Shown::Session(_))));
        both.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert!(matches!(Shown::of(&both), Ok(Shown::Token(token)) if token == "abc"));
    }

    #[test]
    fn a_secret_is_read_with_and_without_padding() {
        for value in ["Basic YTpi", "Basic YTpiYg==", "Basic YTpiYg", "Basic YTpiYmI="] {
            assert!(matches!(shown(value), Ok(Shown::Secret { name, .. }) if name == "a"), "{value}");
        }
    }
}
