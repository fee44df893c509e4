//! What is wrong with a rule's text, where, and what to do: all faults of a rule set at once, never the first alone. Pure.

use crate::syntax::Kind;
use std::fmt;

/// Where in a text something is; both count from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The place of a byte offset.
    pub(crate) fn of(text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].chars().count() as u32 + 1;
        Place { line: before.matches('\n').count() as u32 + 1, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}, {place}: {what}")]
pub struct Fault {
    pub rule: String,
    pub place: Place,
    pub what: FaultKind,
}

/// What is wrong, in the words of whoever wrote the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error("expected {expected}, found {found}")]
    Syntax { expected: &'static str, found: String },
    #[error("nested deeper than {max}")]
    TooDeep { max: usize },
    #[error("{bytes} bytes long, and at most {max} are read")]
    TooLong { bytes: usize, max: usize },
    #[error("no tag is called {name}")]
    UnknownTag { name: String, nearest: Option<String> },
    #[error("no tag matches {pattern}")]
    NothingMatches { pattern: String },
    #[error("{name} is of one kind in one template and of another in the next")]
    UnclearKind { name: String },
    #[error("no function is called {name}")]
    UnknownFunction { name: String, nearest: Option<String> },
    #[error("{function} takes {takes}")]
    Arguments { function: &'static str, takes: &'static str },
    #[error("expected a {expected}, and this is a {found}")]
    Type { expected: Kind, found: Kind },
    #[error("a {0} can be compared with == and != alone")]
    Order(Kind),
    #[error("divides by a constant zero")]
    DivideByZero,
    #[error("this constant is no finite number")]
    NotFinite,
    #[error("raise and clear overlap, so the rule would flap between them")]
    Overlap,
    #[error("a number has no hold time; only a condition has")]
    HoldOnNumber,
    #[error("a number can be derived, but is no condition for an alarm or a command")]
    NumberAsCondition,
    #[error("one evaluation costs {cost} units, and at most {max} are allowed")]
    Cost { cost: u32, max: u32 },
    #[error("an update of {tag} costs {cost} units over all rules, and at most {max} are allowed")]
    UpdateCost { tag: String, cost: u32, max: u32 },
    #[error("{ms} ms are not within {min} ms and {max} ms")]
    Span { ms: u64, min: u64, max: u64 },
    #[error("{found} {what}, and at most {max} are allowed")]
    TooMany { what: &'static str, found: usize, max: usize },
    #[error("another rule has this name")]
    SameName,
    #[error("another rule derives {0} as well")]
    SameTarget(String),
    #[error("{0} would be derived from itself")]
    Circle(String),
    #[error("$device stands only in a rule that is made for devices")]
    NoDevice,
    #[error("{what} must be 1 to {max} characters without control characters")]
    Name { what: &'static str, max: usize },
}

impl FaultKind {
    /// What `docs/errors/` explains.
    pub fn code(&self) -> &'static str {
        use FaultKind as F;
        match self {
            F::Syntax { .. } | F::TooDeep { .. } | F::TooLong { .. } => "TG-RU-001",
            F::UnknownTag { .. } | F::NothingMatches { .. } | F::UnknownFunction { .. } | F::NoDevice => {
                "TG-RU-002"
            }
            F::Arguments { .. } | F::Type { .. } | F::Order(_) => "TG-RU-003",
            F::HoldOnNumber | F::NumberAsCondition => "TG-RU-003",
            F::DivideByZero | F::NotFinite => "TG-RU-004",
            F::Cost { .. } | F::UpdateCost { .. } => "TG-RU-005",
            F::Span { .. } => "TG-RU-006",
            F::TooMany { .. } => "TG-RU-007",
            F::SameName | F::SameTarget(_) | F::Name { .. } => "TG-RU-008",
            F::Circle(_) => "TG-RU-009",
            F::Overlap => "TG-RU-010",
            F::UnclearKind { .. } => "TG-RU-017",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> String {
        use FaultKind as F;
        match self {
            F::UnknownTag { nearest: Some(name), .. } | F::UnknownFunction { nearest: Some(name), .. } => {
                format!("did you mean {name}?")
            }
            F::UnknownTag { name, .. } if name.contains('-') => {
                "put spaces around a minus; a topic is written in `backticks`".to_owned()
            }
            _ => self.advice().to_owned(),
        }
    }

    fn advice(&self) -> &'static str {
        use FaultKind as F;
        match self {
            F::Syntax { .. } => "the language is in docs/guides/rules.md",
            F::TooDeep { .. } | F::TooLong { .. } => "derive a part as a tag of its own and use that",
            F::UnknownTag { .. } => "a topic is written in `backticks`",
            F::NothingMatches { .. } => "a pattern takes in the numbers of the model, not topics yet to come",
            F::UnclearKind { .. } => "give the device a section of its own in [ingest.devices]",
            F::UnknownFunction { .. } => {
                "there are avg, min, max, sum, count, first, last, rate, missing, abs, if"
            }
            F::Arguments { .. } => "a window comes last: avg(press-7.temp, 1 min)",
            F::Type { .. } | F::Order(_) => "compare it, or convert with if(condition, 1, 0)",
            F::DivideByZero | F::NotFinite => "the result would always be unknown",
            F::Overlap => "clear below where it is raised, or the other way round",
            F::HoldOnNumber => "compare the number first, or take the hold time away",
            F::NumberAsCondition => "compare the number with something",
            F::Cost { .. } => "fewer or narrower windows; the cost of each part is in docs/guides/rules.md",
            F::UpdateCost { .. } => "fewer rules on this tag, or derive what they share once",
            F::Span { .. } => "choose another span, or raise window_ms_max",
            F::TooMany { .. } => "split the rule, or raise the limit",
            F::SameName => "names tell rules apart in alarms and counts",
            F::SameTarget(_) => "give each a tag of its own",
            F::Circle(_) => "break the circle; nothing can be derived from itself",
            F::NoDevice => "name the devices, or the device itself in place of $device",
            F::Name { .. } => "shorten it",
        }
    }
}
