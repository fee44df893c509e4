//! The key over the keys of subjects, by version. More than one is there only while it is being rotated.
//!
//! ```text
//! tidegate outer key 1
//! VERSION KEY (32 hexadecimal digits)
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use tidegate_kernel_sm::SmError;
use tidegate_kernel_sm::field::{Keyring, Writer};
use tidegate_kernel_sm::sm4::{KEY_BYTES, Key};
use zeroize::Zeroizing;

const HEAD: &str = "tidegate outer key 1";
/// What it is called in the keys that are under it.
const NAME: &str = "outer";

#[derive(Debug, Clone, Default)]
pub(super) struct Outer(BTreeMap<u32, Key>);

impl Outer {
    /// With one version more, which encrypts from then on.
    pub(super) fn rotated(&self) -> Result<Outer, SmError> {
        let mut next = self.clone();
        next.0.insert(self.newest().unwrap_or(0) + 1, Key::generate()?);
        Ok(next)
    }

    /// The newest version alone.
    pub(super) fn renewed(&self) -> Outer {
        Outer(self.0.last_key_value().map(|(number, key)| (*number, key.clone())).into_iter().collect())
    }

    pub(super) fn newest(&self) -> Option<u32> {
        self.0.last_key_value().map(|(number, _)| *number)
    }

    pub(super) fn versions(&self) -> usize {
        self.0.len()
    }

    pub(super) fn ring(&self) -> Result<Keyring, SmError> {
        let ring = Keyring::default();
        self.0.iter().try_for_each(|(number, key)| ring.insert(NAME, *number, key.clone()))?;
        Ok(ring)
    }

    pub(super) fn writer(&self) -> Result<Writer, SmError> {
        self.ring()?.writer(NAME)
    }

    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(format!("{HEAD}\n"));
        for (number, key) in &self.0 {
            write!(text, "{number} ").expect("a text takes all");
            key.as_bytes().iter().for_each(|byte| write!(text, "{byte:02x}").expect("a text takes all"));
            text.push('\n');
        }
        text
    }

    /// Nothing where it is not as it was written.
    pub(super) fn parse(text: &str) -> Option<Outer> {
        let mut lines = text.lines();
        let head = lines.next()?;
        let keys: BTreeMap<u32, Key> = lines.map(line).collect::<Option<_>>()?;
        (head == HEAD && !keys.is_empty()).then_some(Outer(keys))
    }
}

fn line(line: &str) -> Option<(u32, Key)> {
    let (number, digits) = line.split_once(' ')?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    let is_right = digits.len() == 2 * KEY_BYTES && digits.is_ascii();
    for (at, byte) in bytes.iter_mut().enumerate().take_while(|_| is_right) {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    is_right.then(|| Some((number.parse().ok()?, Key::from_bytes(&*bytes).ok()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_from_its_text_and_a_text_that_is_none_is_refused() {
        let outer = Outer::default().rotated().unwrap().rotated().unwrap();
        let text = outer.text();
        let read = Outer::parse(&text).unwrap();
        assert_eq!((&read.0, read.newest()), (&outer.0, Some(2)));
        assert_eq!(outer.renewed().text().lines().count(), 2);
        for wrong in ["", HEAD, "1 00", &text.replace("key 1", "key 2"), &text[..text.len() - 3]] {
            assert!(Outer::parse(wrong).is_none(), "{wrong}");
        }
    }
}
