//! A span while it is open, and what is left of it when it has ended. Pure.

use crate::context::TraceContext;
use crate::place::Place;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};

pub(crate) const ATTRIBUTES_MAX: usize = 16;
pub(crate) const TEXT_BYTES_MAX: usize = 256;

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Real(f64),
    Flag(bool),
}

/// On which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Internal,
    Server,
    Client,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub name: &'static str,
    pub kind: Kind,
    pub context: TraceContext,
    /// The span around it, here or elsewhere.
    pub parent: Option<[u8; 8]>,
    /// Nanoseconds since 1970.
    pub began_ns: u64,
    pub took: Duration,
    pub request_id: Option<String>,
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it did not end well.
    pub failure: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) place: Arc<Place>,
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) began_ns: u64,
    pub(crate) began: Instant,
    pub(crate) said: Said,
}

/// What fields say.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    kind: Kind,
    failure: Option<String>,
    attributes: Vec<(&'static str, Value)>,
}

impl Open {
    /// Nothing where nobody wants it: its trace is kept by nobody, and it ended well.
    pub(crate) fn end(self, name: &'static str) -> Option<Ended> {
        let Said { kind, failure, attributes, .. } = self.said;
        let context = self.place.context.filter(|context| context.sampled || failure.is_some())?;
        Some(Ended {
            name,
            kind,
            context,
            parent: self.parent,
            began_ns: self.began_ns,
            took: self.began.elapsed(),
            request_id: self.place.request_id.clone(),
            attributes,
            failure,
        })
    }
}

impl Said {
    fn put(&mut self, name: &'static str, value: Value) {
        if let Some((_, known)) = self.attributes.iter_mut().find(|(known, _)| *known == name) {
            *known = value;
        } else if self.attributes.len() < ATTRIBUTES_MAX {
            self.attributes.push((name, value));
        }
    }
}

impl Visit for Said {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), Value::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), Value::Real(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), Value::Flag(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = || value[..value.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
        match field.name() {
            "request_id" => self.request_id = Some(text()),
            "traceparent" => self.traceparent = Some(text()),
            "failure" => self.failure = Some(text()),
            "kind" => self.kind = if value == "server" { Kind::Server } else { Kind::Client },
            name => self.put(name, Value::Text(text())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
