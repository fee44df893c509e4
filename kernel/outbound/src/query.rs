//! Text as parts of a request: query parameters (RFC 3986 §2.1), Basic credentials (RFC 7617), Base64 (RFC 4648). Pure.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// RFC 4648 §4, with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            out.push(if digit <= group.len() { BASE64[value as usize].into() } else { '=' });
        }
    }
    out
}

/// RFC 4648 §4, with padding; `None` for anything else.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| BASE64.iter().position(|known| *known == digit);
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (at, group) in groups.iter().enumerate() {
        let is_last = at + 1 == groups.len();
        let digits = match group {
            [_, _, b'=', b'='] if is_last => 2,
            [_, _, _, b'='] if is_last => 3,
            _ => 4,
        };
        let bits = group[..digits].iter().try_fold(0, |bits, digit| Some(bits << 6 | value(*digit)?))?;
        let bytes = ((bits << (24 - 6 * digits)) as u32).to_be_bytes();
        out.extend_from_slice(&bytes[1..digits]);
    }
    rest.is_empty().then_some(out)
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

    #[test]
    fn base64_comes_back_and_nothing_else_is_read() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", &[0, 255, 127]] {
            assert_eq!(from_base64(&base64(bytes)).as_deref(), Some(bytes));
        }
        for text in ["Zg", "Zg=", "Z===", "Zg==Zg==", "Z!==", "\n"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }
}
