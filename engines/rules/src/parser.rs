//! From text to [`Body`]. Recursive descent with a depth limit, so no text can exhaust the stack. Pure.
//!
//! ```text
//! body     = ("raise" expr "clear" expr | sum "raise" cmp sum "clear" cmp sum | expr) ["for" span] ["clear" "for" span]
//! expr     = and {"or" and}            and  = not {"and" not}         not  = "not" not | test
//! test     = sum [cmp sum]             sum  = term {("+"|"-") term}   term = factor {("*"|"/") factor}
//! factor   = "-" factor | number [unit] | text | tag | name "(" [expr {"," expr}] ")" | "(" expr ")"
//! ```

use crate::fault::FaultKind;
use crate::syntax::{Binary, Body, Compare, Expr, Node, Shape, UNITS, WORDS};
use crate::token::{Misread, Token, tokens};

/// How deep parentheses, calls, `not` and signs may be nested.
pub const DEPTH_MAX: usize = 32;
/// The longest text that is read.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Words and signs in one text, which bounds how long a chain of operators can be.
pub const TOKENS_MAX: usize = 600;

const COMPARES: [Compare; 6] =
    [Compare::Less, Compare::AtMost, Compare::Greater, Compare::AtLeast, Compare::Equal, Compare::Differs];

/// Reads the text of a rule. The fault is at the byte it is given with.
pub(crate) fn parse(text: &str) -> Result<Body, Misread> {
    if text.len() > TEXT_BYTES_MAX {
        return Err((0, FaultKind::TooLong { bytes: text.len(), max: TEXT_BYTES_MAX }));
    }
    let tokens = tokens(text)?;
    if tokens.len() > TOKENS_MAX {
        let what =
            FaultKind::TooMany { what: "words and signs in one rule", found: tokens.len(), max: TOKENS_MAX };
        return Err((0, what));
    }
    let mut parser = Parser { tokens, next: 0, depth: 0 };
    let body = parser.body()?;
    match parser.peek() {
        Token::End => Ok(body),
        _ => Err(parser.expected("the end of the rule")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

type Parsed<T> = Result<T, Misread>;

impl Parser {
    fn body(&mut self) -> Parsed<Body> {
        let shape = if self.takes_word("raise") { self.pair()? } else { self.plain_or_band()? };
        let hold_ms = if self.takes_word("for") { Some(self.span()?) } else { None };
        let clear_hold_ms = if self.takes_word("clear") {
            self.word("for", "for and a hold time")?;
            Some(self.span()?)
        } else {
            None
        };
        Ok(Body { shape, hold_ms, clear_hold_ms })
    }

    fn pair(&mut self) -> Parsed<Shape> {
        let raise = self.expr()?;
        self.word("clear", "clear and a condition")?;
        Ok(Shape::Pair { raise, clear: self.expr()? })
    }

    fn plain_or_band(&mut self) -> Parsed<Shape> {
        let value = self.expr()?;
        if !self.takes_word("raise") {
            return Ok(Shape::Plain(value));
        }
        let raise = self.bound()?;
        self.word("clear", "clear and a bound")?;
        Ok(Shape::Band { value, raise, clear: self.bound()? })
    }

    fn bound(&mut self) -> Parsed<(Compare, Expr)> {
        match self.compare() {
            Some(compare) => Ok((compare, self.sum()?)),
            None => Err(self.expected("a comparison such as > 80")),
        }
    }

    fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| {
            let mut left = parser.conjunction()?;
            while parser.takes_word("or") {
                left = joined(Binary::Or, left, parser.conjunction()?);
            }
            Ok(left)
        })
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut left = self.negation()?;
        while self.takes_word("and") {
            left = joined(Binary::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Expr> {
        let at = self.at();
        if !self.takes_word("not") {
            return self.test();
        }
        let of = self.deeper(Parser::negation)?;
        Ok(Expr { at, node: Node::Not(Box::new(of)) })
    }

    fn test(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        match self.compare() {
            Some(compare) => Ok(joined(Binary::Compare(compare), left, self.sum()?)),
            None => Ok(left),
        }
    }

    fn compare(&mut self) -> Option<Compare> {
        COMPARES.into_iter().find(|compare| self.takes(compare.sign()))
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.term()?;
        while let Some(binary) = self.either(("+", Binary::Add), ("-", Binary::Subtract)) {
            left = joined(binary, left, self.term()?);
        }
        Ok(left)
    }

    fn term(&mut self) -> Parsed<Expr> {
        let mut left = self.factor()?;
        while let Some(binary) = self.either(("*", Binary::Multiply), ("/", Binary::Divide)) {
            left = joined(binary, left, self.factor()?);
        }
        Ok(left)
    }

    fn factor(&mut self) -> Parsed<Expr> {
        let at = self.at();
        let node = match self.peek().clone() {
            Token::Sign("-") => {
                self.next += 1;
                Node::Negative(Box::new(self.deeper(Parser::factor)?))
            }
            Token::Sign("(") => return self.parenthesis(),
            Token::Number(number) => self.number(number)?,
            Token::Text(text) => self.taken(Node::Text(text)),
            Token::Quoted(name) => self.taken(Node::Tag(name)),
            Token::Name(name) => self.named(name)?,
            Token::Sign(_) | Token::End => return Err(self.expected("a value")),
        };
        Ok(Expr { at, node })
    }

    fn parenthesis(&mut self) -> Parsed<Expr> {
        self.next += 1;
        let inside = self.expr()?;
        self.sign(")", ") or an operator")?;
        Ok(inside)
    }

    fn named(&mut self, name: String) -> Parsed<Node> {
        match name.as_str() {
            "true" | "false" => Ok(self.taken(Node::Boolean(name == "true"))),
            word if WORDS.contains(&word) => Err(self.expected("a value")),
            _ => {
                self.next += 1;
                if self.takes("(") { Ok(Node::Call(name, self.arguments()?)) } else { Ok(Node::Tag(name)) }
            }
        }
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expr()?);
            if !self.takes(",") {
                self.sign(")", ") or a comma")?;
                return Ok(arguments);
            }
        }
    }

    /// A number, or a span of time if a unit comes behind it.
    fn number(&mut self, number: f64) -> Parsed<Node> {
        let at = self.at();
        self.next += 1;
        match self.takes_unit() {
            Some(of) => milliseconds(number, of).map(Node::Span).ok_or((at, FaultKind::NotFinite)),
            None => Ok(Node::Number(number)),
        }
    }

    fn span(&mut self) -> Parsed<u64> {
        let expected = self.expected("a time such as 5 s");
        match self.factor()?.node {
            Node::Span(ms) => Ok(ms),
            _ => Err(expected),
        }
    }

    fn takes_unit(&mut self) -> Option<u64> {
        let Token::Name(name) = self.peek() else { return None };
        let of = UNITS.iter().find(|(unit, _)| unit == name)?.1;
        self.next += 1;
        Some(of)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err((self.at(), FaultKind::TooDeep { max: DEPTH_MAX }));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn taken(&mut self, node: Node) -> Node {
        self.next += 1;
        node
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Sign(next) if *next == sign);
        self.next += usize::from(is_next);
        is_next
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Name(next) if next == word);
        self.next += usize::from(is_next);
        is_next
    }

    fn either(&mut self, one: (&str, Binary), other: (&str, Binary)) -> Option<Binary> {
        [one, other].into_iter().find(|(sign, _)| self.takes(sign)).map(|(_, binary)| binary)
    }

    fn sign(&mut self, sign: &str, expected: &'static str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn word(&mut self, word: &str, expected: &'static str) -> Parsed<()> {
        if self.takes_word(word) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expected(&self, expected: &'static str) -> Misread {
        (self.at(), FaultKind::Syntax { expected, found: self.peek().words() })
    }
}

fn joined(binary: Binary, left: Expr, right: Expr) -> Expr {
    Expr { at: left.at, node: Node::Binary(binary, Box::new(left), Box::new(right)) }
}

/// Nothing for a span that is not a whole number of milliseconds.
fn milliseconds(number: f64, of: u64) -> Option<u64> {
    let ms = number * of as f64;
    (ms.fract() == 0.0 && ms <= 1e15).then_some(ms as u64)
}
