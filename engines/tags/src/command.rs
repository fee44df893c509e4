//! The other way round: from a value that somebody wants a tag to have to what has to stand in the device. Pure.

use crate::interpret::{Raw, value};
use crate::plan::{Plan, PlannedTag};
use crate::value::{Type, Value};

/// Why a value is not written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandFault {
    #[error("the template has no tag {0:?}")]
    NoTag(String),
    #[error("the tag is only read")]
    ReadOnly,
    #[error("the tag is {}, and the value is not", stands.name())]
    Type { stands: Type },
    #[error("the value is outside what may be written, {}", range(*min, *max))]
    Range { min: Option<f64>, max: Option<f64> },
    #[error("the text has more than {max} bytes")]
    Length { max: usize },
}

impl CommandFault {
    pub fn code(&self) -> &'static str {
        match self {
            CommandFault::NoTag(_) => "TG-TA-030",
            CommandFault::ReadOnly => "TG-TA-031",
            CommandFault::Type { .. } => "TG-TA-032",
            CommandFault::Range { .. } | CommandFault::Length { .. } => "TG-TA-033",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            CommandFault::NoTag(_) => "compare it with the tags of the device's template",
            CommandFault::ReadOnly => "writable = true in the tag's table lets it be written",
            CommandFault::Type { .. } => "send a number, true or false, or a text, as the tag's type says",
            CommandFault::Range { .. } => {
                "write_min and write_max, else min and max, of the tag say what may be written"
            }
            CommandFault::Length { .. } => "send a shorter text",
        }
    }
}

impl Plan {
    /// The tag of this name.
    pub fn tag_named(&self, name: &str) -> Option<&PlannedTag> {
        self.find(name, 0).map(|found| self.tag(found))
    }

    /// What has to stand in the device for a tag to have this value, in the tag's unit, if that may be written.
    pub fn command(&self, tag: &str, wanted: &Value) -> Result<Value, CommandFault> {
        let found = self.tag_named(tag).ok_or_else(|| CommandFault::NoTag(tag.to_owned()))?;
        let (min, max) = found.writable().ok_or(CommandFault::ReadOnly)?;
        let wanted = found.typed(wanted)?;
        let bytes_max = self.limits.text_bytes_max;
        if matches!(&wanted, Value::Text(text) if text.len() > bytes_max) {
            return Err(CommandFault::Length { max: bytes_max });
        }
        let is_within = |real: f64| min.is_none_or(|min| real >= min) && max.is_none_or(|max| real <= max);
        let out_of_range = CommandFault::Range { min, max };
        match wanted {
            wanted if !wanted.is_finite() || !wanted.as_real().is_none_or(is_within) => Err(out_of_range),
            Value::Real(real) => found.unscaled(real).ok_or(out_of_range),
            wanted => Ok(wanted),
        }
    }
}

impl PlannedTag {
    /// Between which limits values may be written to it; nothing where none may be.
    pub fn writable(&self) -> Option<(Option<f64>, Option<f64>)> {
        let shape = &self.shape;
        shape.writable.then(|| (shape.write_min.or(shape.min), shape.write_max.or(shape.max)))
    }

    /// What the tag is when this stands in the device; nothing where that is no value of it.
    pub fn shown(&self, stands: &Value) -> Option<Value> {
        value(self, Raw::of(stands)).ok()
    }

    fn typed(&self, wanted: &Value) -> Result<Value, CommandFault> {
        match (self.of, wanted) {
            (Type::Real, Value::Integer(integer)) => Ok(Value::Real(*integer as f64)),
            (Type::Real, Value::Real(_))
            | (Type::Integer, Value::Integer(_))
            | (Type::Boolean, Value::Boolean(_))
            | (Type::Text, Value::Text(_)) => Ok(wanted.clone()),
            (stands, _) => Err(CommandFault::Type { stands }),
        }
    }

    fn unscaled(&self, real: f64) -> Option<Value> {
        let stands = (real - self.shape.offset) / self.shape.scale;
        stands.is_finite().then_some(Value::Real(stands))
    }
}

fn range(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("{min} and above"),
        (None, Some(max)) => format!("up to {max}"),
        (None, None) => "any number that can be held".to_owned(),
    }
}
