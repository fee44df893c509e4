//! Base64 with padding, RFC 4648 §4, encoding only. Pure.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            out.push(if digit <= group.len() { ALPHABET[value as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_vectors_of_the_standard_come_out() {
        let encoded = |text: &str| {
            let mut out = Vec::new();
            super::put(&mut out, text.as_bytes());
            String::from_utf8(out).unwrap()
        };
        let vectors = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(encoded);
        assert_eq!(vectors, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn all_bits_set_are_slashes() {
        let mut out = Vec::new();
        super::put(&mut out, &[0xff; 3]);
        super::put(&mut out, &[0xfb, 0xf0]);
        assert_eq!(out, b"////+/A=");
    }
}
