//! Reads JSON once, from left to right: keys are compared where they stand, and what no tag asks for is skipped.
//!
//! A flat object, which most payloads are, is read by `scan`. Recurses only as deep as a path of the template goes; what is skipped is skipped without recursion.

use crate::error::{Malformed, MalformedKind};
use crate::interpret::{Gathered, Raw};
use crate::plan::{Root, TagId, To};
use crate::scan;
use crate::value::Type;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What serde_json says of a number that no real can hold.
const OUT_OF_RANGE: &str = "number out of range";
const DUPLICATE: &str = "duplicate key";

pub(crate) fn parse(payload: &[u8], gathered: &mut Gathered<'_>) -> Result<(), Malformed> {
    if let Root::Whole(tag) = gathered.plan.root
        && gathered.plan.tag(tag).of == Type::Text
    {
        return whole_text(payload, tag, gathered);
    }
    if gathered.plan.root == Root::Object {
        if scan::object(payload, gathered).is_some() {
            return Ok(());
        }
        gathered.forget();
    }
    parse_any(payload, gathered)
}

/// Whatever JSON it is.
pub(crate) fn parse_any(payload: &[u8], gathered: &mut Gathered<'_>) -> Result<(), Malformed> {
    let mut json = serde_json::Deserializer::from_slice(payload);
    let outcome = match gathered.plan.root {
        Root::Whole(tag) => Field { gathered, field: To::Tag(tag) }.deserialize(&mut json),
        Root::Object => Object { gathered, node: 0 }.deserialize(&mut json),
    };
    outcome.and_then(|()| json.end()).map_err(|error| malformed(&error))
}

/// A payload that is a text is the text itself, not one in quotes.
fn whole_text(payload: &[u8], tag: TagId, gathered: &mut Gathered<'_>) -> Result<(), Malformed> {
    let text = std::str::from_utf8(payload).map_err(|_| Malformed::whole(MalformedKind::NotJson))?;
    let raw = short(text, gathered);
    gathered.take(tag, raw);
    Ok(())
}

fn malformed(error: &serde_json::Error) -> Malformed {
    let words = error.to_string();
    let kind = match () {
        () if words.starts_with(OUT_OF_RANGE) => MalformedKind::NotFinite,
        () if words.starts_with(DUPLICATE) => MalformedKind::DuplicateKey,
        () => MalformedKind::NotJson,
    };
    Malformed { kind, line: error.line(), column: error.column() }
}

pub(crate) fn short<'t>(text: &'t str, gathered: &Gathered<'_>) -> Raw<'t> {
    if text.len() > gathered.plan.limits.text_bytes_max { Raw::TooLong } else { Raw::Text(text) }
}

/// An object, or something else where one should be, which is skipped.
struct Object<'g, 'p> {
    gathered: &'g mut Gathered<'p>,
    node: usize,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let plan = self.gathered.plan;
        let node = &plan.nodes[self.node];
        let mut hint = 0;
        while let Some(found) = map.next_key_seed(Key { node, hint })? {
            let Some((at, to)) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            hint = at + 1;
            match to {
                To::Node(node) => map.next_value_seed(Object { gathered: self.gathered, node })?,
                field => map.next_value_seed(Field { gathered: self.gathered, field })?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        skip(seq)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

fn skip<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A key, and where it leads.
struct Key<'n> {
    node: &'n crate::plan::Node,
    hint: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<(usize, To)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<(usize, To)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.node.find(key, self.hint))
    }
}

/// A value that somebody asks for.
struct Field<'g, 'p> {
    gathered: &'g mut Gathered<'p>,
    field: To,
}

impl Field<'_, '_> {
    fn take<E: Error>(self, raw: Raw<'_>) -> Result<(), E> {
        if self.gathered.put(self.field, raw) { Ok(()) } else { Err(E::custom(DUPLICATE)) }
    }

    fn wants_samples(&self) -> bool {
        matches!(self.field, To::Tag(tag) if self.gathered.plan.tag(tag).of == Type::Reals)
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, boolean: bool) -> Result<(), E> {
        self.take(Raw::Boolean(boolean))
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<(), E> {
        self.take(Raw::Integer(integer))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.take(i64::try_from(number).map_or(Raw::Large(number), Raw::Integer))
    }

    fn visit_f64<E: Error>(self, real: f64) -> Result<(), E> {
        self.take(Raw::Real(real))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let raw = short(text, self.gathered);
        self.take(raw)
    }

    /// No value, which is no fault: the tag is not in this message.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let raw = match self.wants_samples() {
            true => samples(seq, self.gathered.plan.limits.array_len_max)?,
            false => skip(seq).map(|()| Raw::Other)?,
        };
        self.take(raw)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.take(Raw::Other)
    }
}

/// The numbers of an array; the rest of one that cannot be is skipped.
fn samples<'de, A: SeqAccess<'de>>(mut seq: A, len_max: usize) -> Result<Raw<'static>, A::Error> {
    let mut samples = Vec::new();
    while let Some(sample) = seq.next_element_seed(Sample)? {
        match sample {
            Some(_) if samples.len() == len_max => return skip(seq).map(|()| Raw::TooLong),
            Some(sample) => samples.push(sample),
            None => return skip(seq).map(|()| Raw::Other),
        }
    }
    Ok(Raw::Samples(samples))
}

/// A number in an array, or nothing where it is something else.
struct Sample;

impl<'de> DeserializeSeed<'de> for Sample {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<f64>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sample {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, real: f64) -> Result<Option<f64>, E> {
        Ok(Some(real))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Option<f64>, E> {
        Ok(Some(integer as f64))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Option<f64>, E> {
        Ok(Some(integer as f64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<f64>, A::Error> {
        skip(seq).map(|()| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<f64>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
