//! What an event says, before it is decided how to write it. Pure.

use serde_json::{Map, Value};
use std::fmt;
use tracing::field::{Field, Visit};

/// An event's words.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) code: Option<String>,
    pub(super) message: String,
    /// The others, in their order.
    fields: Vec<(&'static str, Said)>,
}

#[derive(Debug)]
enum Said {
    /// A text of its own, which stands in quotes.
    Text(String),
    /// Words that something says of itself.
    Shown(String),
    Other(Value),
}

impl Words {
    /// ` name=value` for each of the others.
    pub(super) fn tail(&self) -> String {
        self.fields.iter().map(|(name, said)| format!(" {name}={said}")).collect()
    }

    pub(super) fn into_json(self) -> Map<String, Value> {
        let value = |said| match said {
            Said::Text(text) | Said::Shown(text) => text.into(),
            Said::Other(value) => value,
        };
        self.fields.into_iter().map(|(name, said)| (name.to_owned(), value(said))).collect()
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.push((field.name(), Said::Other(value.into())));
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Text(text) => write!(f, "{text:?}"),
            Said::Shown(text) => f.write_str(text),
            Said::Other(value) => write!(f, "{value}"),
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "code" => self.code = Some(value.to_owned()),
            "message" => self.message.push_str(value),
            name => self.fields.push((name, Said::Text(value.to_owned()))),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message.push_str(&format!("{value:?}")),
            name => self.fields.push((name, Said::Shown(format!("{value:?}")))),
        }
    }
}
