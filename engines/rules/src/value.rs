//! What a tag says, and why there may be nothing to say. Pure.

use crate::syntax::Kind;
use std::sync::Arc;

/// The longest text a tag keeps; rules compare texts, they do not store documents.
pub const VALUE_TEXT_BYTES_MAX: usize = 256;

/// One value of a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Boolean(bool),
    Text(Arc<str>),
}

/// Why a rule has no verdict, or a tag no value. Counted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// The tag has not been heard of yet.
    NoValue,
    /// The device says that the value is not to be relied on.
    BadQuality,
    /// A text where a number was expected, or a text that is too long.
    WrongKind,
    /// No value within the window.
    EmptyWindow,
    /// A rate needs two values at two times.
    TooFew,
    DivideByZero,
    /// The result is infinite or no number.
    NotFinite,
}

impl Unknown {
    pub const ALL: [Unknown; 7] = [
        Unknown::NoValue,
        Unknown::BadQuality,
        Unknown::WrongKind,
        Unknown::EmptyWindow,
        Unknown::TooFew,
        Unknown::DivideByZero,
        Unknown::NotFinite,
    ];

    /// As a metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Unknown::NoValue => "no_value",
            Unknown::BadQuality => "bad_quality",
            Unknown::WrongKind => "wrong_kind",
            Unknown::EmptyWindow => "empty_window",
            Unknown::TooFew => "too_few",
            Unknown::DivideByZero => "divide_by_zero",
            Unknown::NotFinite => "not_finite",
        }
    }
}

/// A tag's value, or why it has none.
pub type Known<T> = Result<T, Unknown>;

impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Value::Number(_) => Kind::Number,
            Value::Boolean(_) => Kind::Boolean,
            Value::Text(_) => Kind::Text,
        }
    }

    /// As it lies on the stack; nothing for a text.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
            Value::Text(_) => None,
        }
    }

    /// The value if a tag of this kind can have it.
    pub(crate) fn checked(self, kind: Kind) -> Known<Value> {
        match &self {
            Value::Number(number) if !number.is_finite() => Err(Unknown::NotFinite),
            Value::Text(text) if text.len() > VALUE_TEXT_BYTES_MAX => Err(Unknown::WrongKind),
            _ if self.kind() != kind => Err(Unknown::WrongKind),
            _ => Ok(self),
        }
    }
}
