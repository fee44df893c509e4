//! Where a tag stands in a UPS: a variable and its type, for the protocol sends every value as a text. Pure.

use crate::answer::is_printable;
use crate::error;
use crate::place::is_word;
use tidegate_service_plant::{Trouble, Type, Unfit, Value};

/// Longer ones are cut off by NUT without a word.
const TEXT_BYTES_MAX: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) name: String,
    pub(crate) kind: Type,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Address, Unfit> {
        let (name, kind) = text.split_once(':').unwrap_or((text, "TEXT"));
        let kind = match kind {
            "TEXT" => Type::Text,
            "REAL" => Type::Real,
            "INTEGER" => Type::Integer,
            _ => return Err(error::no_address(text, "its type is none of REAL, INTEGER, TEXT")),
        };
        if !is_word(name) {
            return Err(error::no_address(text, "its name is none that a variable can have"));
        }
        Ok(Address { name: name.to_owned(), kind })
    }

    /// The value that the device wrote so.
    pub(crate) fn value(&self, text: &[u8]) -> Result<Value, Trouble> {
        let value = std::str::from_utf8(text).ok().and_then(|text| match self.kind {
            Type::Real => text.trim().parse().ok().map(Value::Real),
            Type::Integer => text.trim().parse().ok().map(Value::Integer),
            _ => Some(Value::Text(text.into())),
        });
        value.ok_or_else(|| error::untold(self, text))
    }

    /// How the device would have this value written.
    pub(crate) fn text(&self, value: &Value) -> Result<String, Trouble> {
        match (self.kind, value) {
            (Type::Real, Value::Real(real)) if real.is_finite() => Ok(real.to_string()),
            (Type::Integer, Value::Integer(integer)) => Ok(integer.to_string()),
            (Type::Text, Value::Text(text)) if is_kept(text) => Ok(text.to_string()),
            _ => Err(error::unwritten(self, &format!("{value:?} cannot stand there"))),
        }
    }
}

/// Of a text with a quote or a backslash, NUT says that it took it, and hands on a part of it.
fn is_kept(text: &str) -> bool {
    text.len() <= TEXT_BYTES_MAX && is_printable(text) && !text.contains(['"', '\\'])
}
