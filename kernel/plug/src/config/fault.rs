//! What is wrong with a configuration: each fault with its place, code and hint, all of them in one report. Pure.

use crate::config::edge::beside;
use crate::config::position::Position;
use std::fmt::Write as _;

/// Faults that one report names; of the others it says how many.
pub const FAULTS_MAX: usize = 100;
/// Faults that are looked at more closely than by counting them.
const KEPT_MAX: usize = 1000;

/// Where a fault is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Not in one place.
    Whole,
    File(Position),
    /// In the file beside it.
    Beside(Position),
    /// The option.
    CommandLine(&'static str),
}

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: Place,
    pub code: &'static str,
    pub message: String,
    /// What to do about it, in one line.
    pub hint: String,
}

/// All that is wrong, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    /// Found beyond those that are kept.
    beyond: usize,
}

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        self.push_with(|| fault);
    }

    /// The same where making it takes time.
    pub(super) fn push_with(&mut self, fault: impl FnOnce() -> Fault) {
        if self.faults.len() >= KEPT_MAX {
            self.beyond += 1;
            return;
        }
        let fault = fault();
        let at = self.faults.partition_point(|known| *known <= fault);
        self.faults.insert(at, fault);
    }

    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub fn len(&self) -> usize {
        self.faults.len() + self.beyond
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }

    /// One line for each fault, `file:line:column: message [code]`, and its hint on the next.
    pub fn report(&self, file: &str) -> String {
        let mut text = String::new();
        for fault in self.faults.iter().take(FAULTS_MAX) {
            let Fault { code, message, hint, .. } = fault;
            let place = fault.place_in(file);
            let _ = writeln!(text, "{place}: {message} [{code}]\n  hint: {hint}");
        }
        if self.len() > FAULTS_MAX {
            let _ = writeln!(text, "{file}: and {} more", self.len() - FAULTS_MAX);
        }
        text
    }
}

impl Place {
    /// `tidegate.toml:3:7`, or the option.
    pub fn in_file(&self, file: &str) -> String {
        match self {
            Place::Whole => file.to_owned(),
            Place::File(at) => format!("{file}:{}:{}", at.line, at.column),
            Place::Beside(at) => format!("{}:{}:{}", beside(file), at.line, at.column),
            Place::CommandLine(option) => (*option).to_owned(),
        }
    }
}

impl Fault {
    /// The same.
    pub fn place_in(&self, file: &str) -> String {
        self.place.in_file(file)
    }
}

/// What is wrong with one value, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Flaw {
    pub(super) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Flaw {
        Flaw { code, message: message.into(), hint: hint.into() }
    }

    pub(super) fn at(self, place: Place) -> Fault {
        let Flaw { code, message, hint } = self;
        Fault { place, code, message, hint }
    }
}

pub(super) const TOO_BIG: &str = "TG-CF-002";
pub(super) const NOT_UTF8: &str = "TG-CF-003";
pub(super) const SYNTAX: &str = "TG-CF-004";
pub(super) const DUPLICATE: &str = "TG-CF-005";
pub(super) const UNKNOWN: &str = "TG-CF-006";
pub(super) const TYPE: &str = "TG-CF-007";
pub(super) const QUOTED: &str = "TG-CF-008";
pub(super) const LIMIT: &str = "TG-CF-009";
pub(super) const ZERO: &str = "TG-CF-010";
pub(super) const MISSING: &str = "TG-CF-011";
pub(super) const GROUPS: &str = "TG-CF-012";
pub(super) const NAME: &str = "TG-CF-013";
pub(super) const FORM: &str = "TG-CF-014";
pub(super) const SECRET: &str = "TG-CF-015";
pub(super) const REFUSED: &str = "TG-CF-016";
pub(super) const STRANGER: &str = "TG-CF-024";
