//! One finding of one rule, for people as a line and for programs as an object.

use std::fmt;

use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    /// Counted from one; one also where the whole file or its absence is meant.
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
    pub hint: String,
}

impl Finding {
    pub fn json(&self) -> String {
        json!({
            "path": self.path,
            "line": self.line,
            "rule": self.rule,
            "message": self.message,
            "hint": self.hint,
        })
        .to_string()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {} ({})", self.path, self.line, self.rule, self.message, self.hint)
    }
}

/// The line of `text` that holds the first `needle`, or one.
pub fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
}
