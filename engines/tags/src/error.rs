//! What can be wrong with a model and with a payload, each with a code that `docs/errors/` explains.

use std::fmt;

/// Something wrong with what a model is compiled from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct ModelFault {
    /// Which part, `template press: tag temp` for one.
    pub place: String,
    pub kind: ModelFaultKind,
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFaultKind {
    #[error("{0:?} is no name: 1 to 200 bytes without control characters, and not . or ..")]
    Name(String),
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    #[error("{path:?} is no path to a value: {why}")]
    Path { path: String, why: &'static str },
    #[error("{topic:?} is no topic of devices: {why}")]
    Topic { topic: String, why: &'static str },
    #[error("there is no {what} {name:?}")]
    Missing { what: &'static str, name: String },
    #[error("{setting} {why}")]
    Setting { setting: &'static str, why: &'static str },
    #[error("{found} {what}, and at most {max} may be")]
    TooMany { what: &'static str, found: usize, max: usize },
}

impl ModelFault {
    pub fn code(&self) -> &'static str {
        match self.kind {
            ModelFaultKind::Name(_) => "TG-TA-001",
            ModelFaultKind::NameTaken(_) => "TG-TA-002",
            ModelFaultKind::Path { .. } => "TG-TA-003",
            ModelFaultKind::Topic { .. } => "TG-TA-004",
            ModelFaultKind::Missing { .. } => "TG-TA-005",
            ModelFaultKind::Setting { .. } => "TG-TA-006",
            ModelFaultKind::TooMany { .. } => "TG-TA-007",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            ModelFaultKind::Name(_) => "use letters, digits, - and _",
            ModelFaultKind::NameTaken(_) => "give each its own name",
            ModelFaultKind::Path { .. } => {
                "write keys with dots between them, or a JSON pointer that begins with /"
            }
            ModelFaultKind::Topic { .. } => {
                "write a topic, or a filter with one + where the device's name stands"
            }
            ModelFaultKind::Missing { .. } => "compare it with the names that are defined",
            ModelFaultKind::Setting { .. } => "look at the type of the tag and at the sign of the number",
            ModelFaultKind::TooMany { .. } => "use a template with a + for many devices of a kind",
        }
    }
}

/// A payload that nothing can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    pub kind: MalformedKind,
    /// Where in the payload; both from 1, and 0 where there is no such place.
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MalformedKind {
    NotJson,
    TooLarge,
    /// A number that no real can hold.
    NotFinite,
    /// A key that is a tag stands there twice.
    DuplicateKey,
    /// Not one tag of the template is in it.
    NoTag,
    /// Tags are in it, and not one has a value that can be used.
    NoValue(PointFault),
}

/// Why one tag of a payload has no value, or a worse one than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointFault {
    /// No value: not of the tag's type.
    WrongType,
    /// No value: no number of its type can hold it.
    OutOfRange,
    /// No value: more samples or longer text than may be, or no sample at all.
    Length,
    /// Outside the limits of plausibility.
    Implausible,
    /// The device's time was replaced by ours.
    Time,
    /// What the device says of its quality is not understood.
    Quality,
}

impl Malformed {
    pub(crate) fn whole(kind: MalformedKind) -> Malformed {
        Malformed { kind, line: 0, column: 0 }
    }

    pub fn code(&self) -> &'static str {
        match self.kind {
            MalformedKind::NotJson => "TG-TA-010",
            MalformedKind::TooLarge => "TG-TA-011",
            MalformedKind::NotFinite => "TG-TA-012",
            MalformedKind::DuplicateKey => "TG-TA-013",
            MalformedKind::NoTag => "TG-TA-014",
            MalformedKind::NoValue(fault) => fault.code(),
        }
    }
}

impl PointFault {
    pub const ALL: [PointFault; 6] = [
        PointFault::WrongType,
        PointFault::OutOfRange,
        PointFault::Length,
        PointFault::Implausible,
        PointFault::Time,
        PointFault::Quality,
    ];

    pub fn code(self) -> &'static str {
        match self {
            PointFault::WrongType => "TG-TA-020",
            PointFault::OutOfRange => "TG-TA-021",
            PointFault::Length => "TG-TA-022",
            PointFault::Implausible => "TG-TA-023",
            PointFault::Time => "TG-TA-024",
            PointFault::Quality => "TG-TA-025",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            MalformedKind::NotJson => "the payload is not JSON",
            MalformedKind::TooLarge => "the payload is larger than a payload may be",
            MalformedKind::NotFinite => "the payload has a number that no real can hold",
            MalformedKind::DuplicateKey => "the payload has the key of a tag twice",
            MalformedKind::NoTag => "the payload has no tag of the device's template",
            MalformedKind::NoValue(_) => "the payload has no value that can be used",
        };
        match self.line {
            0 => f.write_str(what),
            line => write!(f, "{what}, line {line} column {}", self.column),
        }
    }
}
