//! Text as parts of a request: query parameters (RFC 3986 §2.1), Basic credentials (RFC 7617). Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// `?a=b&c=d` with everything escaped that is not plain; empty for no parameters.
pub fn query(parameters: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        out.push(if out.is_empty() { '?' } else { '&' });
        put_escaped(&mut out, name);
        out.push('=');
        put_escaped(&mut out, value);
    }
    out
}

/// The value of the header `Authorization` for a user and a password.
pub fn basic_authorization(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn put_escaped(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_credentials_are_spelled_as_the_standards_say() {
        assert_eq!(query(&[("db", "plant 7&x"), ("o", "厂")]), "?db=plant%207%26x&o=%E5%8E%82");
        assert_eq!(query(&[]), "");
        assert_eq!(basic_authorization("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
