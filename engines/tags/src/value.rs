//! What a tag has: a value, how far it can be trusted, when it was so. Pure.

use std::fmt;
use std::sync::Arc;

/// The value of a tag. Reals are finite: whoever makes one from outside sees to it, see [`Value::is_finite`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Real(f64),
    Integer(i64),
    Boolean(bool),
    Text(Arc<str>),
    /// A window of samples, oldest first.
    Reals(Arc<[f64]>),
}

/// What kind of value a tag has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Type {
    #[default]
    Real,
    Integer,
    Boolean,
    Text,
    /// A window of samples.
    Reals,
}

/// How far a value can be trusted. The better, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Quality {
    /// Wrong for all that is known.
    Bad,
    /// Perhaps right: its time is not to be believed, or the device says so.
    Uncertain,
    #[default]
    Good,
}

/// One tag's value at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub tag: Arc<str>,
    pub value: Value,
    pub quality: Quality,
    /// When it was so by the device's clock, in milliseconds since 1970; when it was received where the device says nothing.
    pub source_ms: u64,
}

impl Value {
    /// Whether every real in it is a number that can be written down.
    pub fn is_finite(&self) -> bool {
        match self {
            Value::Real(real) => real.is_finite(),
            Value::Reals(reals) => reals.iter().all(|real| real.is_finite()),
            Value::Integer(_) | Value::Boolean(_) | Value::Text(_) => true,
        }
    }

    /// The value on a scale, where it has one: what deadbands, rules and curves are made of.
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Value::Real(real) => Some(*real),
            Value::Integer(integer) => Some(*integer as f64),
            Value::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
            Value::Text(_) | Value::Reals(_) => None,
        }
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Value {
        Value::Real(real)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Value {
        Value::Integer(integer)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Value {
        Value::Boolean(boolean)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Type::Real => "real",
            Type::Integer => "integer",
            Type::Boolean => "boolean",
            Type::Text => "text",
            Type::Reals => "reals",
        }
    }
}

impl Quality {
    pub fn name(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Uncertain => "uncertain",
            Quality::Bad => "bad",
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
