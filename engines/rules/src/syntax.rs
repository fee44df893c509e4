//! A rule's text as a tree, before anything is known of tags and types. Prints as text that parses to the same tree. Pure.

use std::fmt;

/// What an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Boolean,
    Number,
    /// Compared for equality, nothing else.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::Text => "text",
        })
    }
}

/// What a rule says: a number to derive, or when a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    pub shape: Shape,
    /// The condition has to hold for so long before it counts.
    pub hold_ms: Option<u64>,
    /// And has to be gone for so long.
    pub clear_hold_ms: Option<u64>,
}

/// How a condition comes and goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `temp > 80`: gone when it is false. Or a number.
    Plain(Expr),
    /// `temp raise > 80 clear < 75`.
    Band { value: Expr, raise: (Compare, Expr), clear: (Compare, Expr) },
    /// `raise a and b clear not a`.
    Pair { raise: Expr, clear: Expr },
}

/// A part of a rule and the byte it begins at. Two are equal wherever they stand.
#[derive(Debug, Clone)]
pub struct Expr {
    pub at: usize,
    pub node: Node,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.node == other.node
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Number(f64),
    Boolean(bool),
    Text(String),
    /// Milliseconds. Only the last argument of a window function is one.
    Span(u64),
    Tag(String),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Or,
    And,
    Compare(Compare),
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Differs,
}

/// Words that are no tags unless they stand in backticks.
pub(crate) const WORDS: &[&str] = &["and", "or", "not", "true", "false", "raise", "clear", "for"];

/// Units of time with their milliseconds, longest first.
pub(crate) const UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

impl Compare {
    pub fn sign(self) -> &'static str {
        match self {
            Compare::Less => "<",
            Compare::AtMost => "<=",
            Compare::Greater => ">",
            Compare::AtLeast => ">=",
            Compare::Equal => "==",
            Compare::Differs => "!=",
        }
    }
}

impl Binary {
    fn sign(self) -> &'static str {
        match self {
            Binary::Or => "or",
            Binary::And => "and",
            Binary::Compare(compare) => compare.sign(),
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
        }
    }

    /// How strongly it binds, and what its left and right side must bind with to stand without parentheses.
    fn strength(self) -> [u8; 3] {
        match self {
            Binary::Or => [1, 1, 2],
            Binary::And => [2, 2, 3],
            Binary::Compare(_) => [4, 5, 5],
            Binary::Add | Binary::Subtract => [5, 5, 6],
            Binary::Multiply | Binary::Divide => [6, 6, 7],
        }
    }
}

const NOT: u8 = 3;
const NEGATIVE: u8 = 7;
const ATOM: u8 = 8;

impl Expr {
    fn strength(&self) -> u8 {
        match &self.node {
            Node::Binary(binary, ..) => binary.strength()[0],
            Node::Not(_) => NOT,
            Node::Negative(_) => NEGATIVE,
            _ => ATOM,
        }
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, least: u8) -> fmt::Result {
        if self.strength() < least { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Number(number) => write!(f, "{number:?}"),
            Node::Boolean(boolean) => write!(f, "{boolean}"),
            Node::Text(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Node::Span(ms) => f.write_str(&span(*ms)),
            Node::Tag(name) if is_bare(name) => f.write_str(name),
            Node::Tag(name) => write!(f, "`{name}`"),
            Node::Negative(of) => {
                f.write_str("-")?;
                of.print(f, NEGATIVE)
            }
            Node::Not(of) => {
                f.write_str("not ")?;
                of.print(f, NOT)
            }
            Node::Binary(binary, left, right) => {
                let [_, on_left, on_right] = binary.strength();
                left.print(f, on_left)?;
                write!(f, " {} ", binary.sign())?;
                right.print(f, on_right)
            }
            Node::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(Expr::to_string).collect();
                write!(f, "{name}({})", arguments.join(", "))
            }
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Plain(expr) => write!(f, "{expr}")?,
            Shape::Band { value, raise, clear } => {
                value.print(f, 5)?;
                write!(f, " raise {} ", raise.0.sign())?;
                raise.1.print(f, 5)?;
                write!(f, " clear {} ", clear.0.sign())?;
                clear.1.print(f, 5)?;
            }
            Shape::Pair { raise, clear } => write!(f, "raise {raise} clear {clear}")?,
        }
        if let Some(ms) = self.hold_ms {
            write!(f, " for {}", span(ms))?;
        }
        if let Some(ms) = self.clear_hold_ms {
            write!(f, " clear for {}", span(ms))?;
        }
        Ok(())
    }
}

/// With the largest unit that leaves nothing over.
pub(crate) fn span(ms: u64) -> String {
    let fits = |unit: &&(&str, u64)| ms > 0 && ms.is_multiple_of(unit.1);
    let (unit, of) = UNITS.iter().find(fits).unwrap_or(&("ms", 1));
    format!("{} {unit}", ms / of)
}

/// Whether a name can stand without backticks: parts of letters, digits, `_` and `-`, joined by dots.
fn is_bare(name: &str) -> bool {
    let first = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$');
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '-');
    let joints =
        !name.ends_with(['.', '-']) && !["..", "--", ".-", "-."].iter().any(|pair| name.contains(pair));
    first(name) && name.chars().all(rest) && joints && !WORDS.contains(&name)
}
