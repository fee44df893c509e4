//! Whether a text is one JSON value, and one that whoever reads the line can take in: no number out of range, no half of a
//! surrogate pair, not nested too deep. Pure; makes nothing of what it reads, which a line would pay for and throw away.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Any JSON value that was read through and is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Readable, D::Error> {
        deserializer.deserialize_any(Through)
    }
}

struct Through;

impl<'de> Visitor<'de> for Through {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Readable, A::Error> {
        while entries.next_entry::<Readable, Readable>()?.is_some() {}
        Ok(Readable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_readable(text: &str) -> bool {
        serde_json::from_str::<Readable>(text).is_ok()
    }

    #[test]
    fn what_nobody_could_read_is_none() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let unreadable =
            ["", "1 2", "{\"a\":}", "1e999", "-1e999", "\"\\ud800\"", "{\"\\ud800\":1}", "[1,]", &deep];
        assert_eq!(unreadable.map(is_readable), [false; 9]);
        let readable = ["null", " -0.5e3\n", "{\"a\":[1,\"\\u00e9\",true,{}]}", "12345678901234567890123"];
        assert_eq!(readable.map(is_readable), [true; 4]);
    }

    proptest! {
        #[test]
        fn it_is_what_can_be_made_a_value_of(text in "[\\[\\]{}:,\"0-9eE.+ntrufalse \\\\-]{0,24}") {
            prop_assert_eq!(is_readable(&text), serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
