//! The naive evaluator: keeps every sample, walks the tree, looks at every millisecond. What the engine must agree with.

use std::collections::BTreeMap;
use tidegate_engine_rules::{BUCKETS, Binary, Body, Compare, Expr, Known, Node, Shape, Unknown, Value};

pub(crate) struct Reference {
    body: Body,
    is_number: bool,
    now: u64,
    samples: Vec<(String, u64, Known<Value>)>,
    /// Every evaluation since the condition last came or went.
    history: Vec<(u64, bool)>,
    pub(crate) high: bool,
    pub(crate) verdict: Known<f64>,
    pub(crate) evaluations: u64,
}

impl Reference {
    pub(crate) fn new(body: Body, is_number: bool) -> Reference {
        let (samples, history) = (vec![], vec![]);
        let verdict = Err(Unknown::NoValue);
        Reference { body, is_number, now: 0, samples, history, high: false, verdict, evaluations: 0 }
    }

    /// Every millisecond up to `now`, at which a watch or a hold time may run out.
    pub(crate) fn pass(&mut self, now: u64) {
        for at in self.now + 1..=now {
            self.now = at;
            let watched = watches(&self.body).iter().any(|(tag, span)| self.good_at(tag) + span == at);
            let hold = if self.high { self.body.clear_hold_ms } else { self.body.hold_ms };
            if watched || hold.is_some_and(|hold| self.since().is_some_and(|since| since + hold == at)) {
                self.evaluate();
            }
        }
    }

    pub(crate) fn observe(&mut self, now: u64, tag: &str, value: Known<Value>, reads: bool) {
        self.pass(now);
        self.samples.push((tag.to_owned(), now, value));
        if reads {
            self.evaluate();
        }
    }

    /// Since when every evaluation asked for the other side.
    fn since(&self) -> Option<u64> {
        let run = self.history.iter().rev().take_while(|(_, asks)| *asks);
        run.last().map(|(at, _)| *at)
    }

    fn evaluate(&mut self) {
        self.evaluations += 1;
        let body = self.body.clone();
        if self.is_number {
            let Shape::Plain(expr) = &body.shape else { unreachable!("a number has no raise and clear") };
            self.verdict = self.finite(expr);
            return;
        }
        let (truth, asks) = match (&body.shape, self.high) {
            (Shape::Plain(expr), high) => (self.finite(expr), !high),
            (Shape::Pair { raise, .. }, false) => (self.finite(raise), true),
            (Shape::Pair { clear, .. }, true) => (self.finite(clear), true),
            (Shape::Band { value, raise, .. }, false) => (self.bound(value, raise), true),
            (Shape::Band { value, clear, .. }, true) => (self.bound(value, clear), true),
        };
        let is_plain = matches!(body.shape, Shape::Plain(_));
        self.verdict = if self.high && !is_plain { truth.map(|gone| 1.0 - gone) } else { truth };
        self.history.push((self.now, truth.is_ok_and(|truth| (truth == 1.0) == asks)));
        let hold = if self.high { body.clear_hold_ms } else { body.hold_ms }.unwrap_or(0);
        if self.since().is_some_and(|since| self.now - since >= hold) {
            self.high = !self.high;
            self.history.clear();
        }
    }

    fn bound(&self, value: &Expr, bound: &(Compare, Expr)) -> Known<f64> {
        let (left, right) = (self.finite(value)?, self.number(&bound.1)?);
        Ok(truth(bound.0.holds(left, right)))
    }

    fn finite(&self, expr: &Expr) -> Known<f64> {
        self.number(expr)
            .and_then(|value| if value.is_finite() { Ok(value) } else { Err(Unknown::NotFinite) })
    }

    fn number(&self, expr: &Expr) -> Known<f64> {
        match &expr.node {
            Node::Number(number) => Ok(*number),
            Node::Boolean(boolean) => Ok(truth(*boolean)),
            Node::Tag(name) => match self.latest(name)? {
                Value::Number(number) => Ok(number),
                Value::Boolean(boolean) => Ok(truth(boolean)),
                Value::Text(_) => Err(Unknown::WrongKind),
            },
            Node::Negative(of) => Ok(-self.number(of)?),
            Node::Not(of) => Ok(1.0 - self.number(of)?),
            Node::Binary(binary, left, right) => self.binary(*binary, left, right),
            Node::Call(name, arguments) => self.call(name, arguments),
            Node::Text(_) | Node::Span(_) => unreachable!("no value by itself"),
        }
    }

    fn binary(&self, binary: Binary, left: &Expr, right: &Expr) -> Known<f64> {
        if let (Binary::Compare(compare), Ok(one), Ok(other)) = (binary, self.text(left), self.text(right)) {
            return Ok(truth((one? == other?) == (compare == Compare::Equal)));
        }
        let one = self.number(left)?;
        match binary {
            Binary::And if one == 0.0 => return Ok(0.0),
            Binary::Or if one == 1.0 => return Ok(1.0),
            _ => {}
        }
        let other = self.number(right)?;
        match binary {
            Binary::And | Binary::Or => Ok(other),
            Binary::Compare(compare) => Ok(truth(compare.holds(one, other))),
            Binary::Add => Ok(one + other),
            Binary::Subtract => Ok(one - other),
            Binary::Multiply => Ok(one * other),
            Binary::Divide if other == 0.0 => Err(Unknown::DivideByZero),
            Binary::Divide => Ok(one / other),
        }
    }

    /// The outer error: it is no text.
    fn text(&self, expr: &Expr) -> Result<Known<String>, ()> {
        match &expr.node {
            Node::Text(text) => Ok(Ok(text.clone())),
            Node::Tag(name) if name == "t" => Ok(self.latest(name).map(|value| match value {
                Value::Text(text) => text.to_string(),
                other => unreachable!("{other:?}"),
            })),
            _ => Err(()),
        }
    }

    fn call(&self, name: &str, arguments: &[Expr]) -> Known<f64> {
        match (name, arguments) {
            ("if", [condition, yes, no]) => {
                if self.number(condition)? == 1.0 {
                    self.number(yes)
                } else {
                    self.number(no)
                }
            }
            ("abs", [of]) => Ok(self.number(of)?.abs()),
            ("missing", [Expr { node: Node::Tag(tag), .. }, Expr { node: Node::Span(span), .. }]) => {
                Ok(truth(self.good_at(tag) + span <= self.now))
            }
            (name, [tags @ .., Expr { node: Node::Span(span), .. }]) => self.window(name, tags, *span),
            ("min", [one, other]) => Ok(self.number(one)?.min(self.number(other)?)),
            ("max", [one, other]) => Ok(self.number(one)?.max(self.number(other)?)),
            _ => unreachable!("{name}"),
        }
    }

    fn window(&self, name: &str, tags: &[Expr], span: u64) -> Known<f64> {
        let part_ms = span.div_ceil(BUCKETS as u64);
        let reads = |tag: &str| tags.iter().any(|expr| expr.node == Node::Tag(tag.to_owned()));
        let within = |at: u64| at / part_ms + BUCKETS as u64 > self.now / part_ms;
        let values: Vec<(u64, f64)> = self
            .samples
            .iter()
            .filter(|(tag, at, _)| reads(tag) && within(*at))
            .filter_map(|(_, at, value)| match value {
                Ok(Value::Number(number)) => Some((*at, *number)),
                _ => None,
            })
            .collect();
        let sum: f64 = values.iter().map(|(_, value)| value).sum();
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return if matches!(name, "sum" | "count") { Ok(0.0) } else { Err(Unknown::EmptyWindow) };
        };
        Ok(match name {
            "avg" => sum / values.len() as f64,
            "sum" => sum,
            "count" => values.len() as f64,
            "min" => values.iter().map(|(_, value)| *value).fold(f64::MAX, f64::min),
            "max" => values.iter().map(|(_, value)| *value).fold(f64::MIN, f64::max),
            "first" => first.1,
            "last" => last.1,
            "rate" if first.0 == last.0 => return Err(Unknown::TooFew),
            "rate" => (last.1 - first.1) / ((last.0 - first.0) as f64 / 1000.0),
            _ => unreachable!("{name}"),
        })
    }

    fn latest(&self, tag: &str) -> Known<Value> {
        let found = self.samples.iter().rev().find(|(name, _, _)| name == tag);
        found.map_or(Err(Unknown::NoValue), |(_, _, value)| value.clone())
    }

    fn good_at(&self, tag: &str) -> u64 {
        let good = self.samples.iter().rev().find(|(name, _, value)| name == tag && value.is_ok());
        good.map_or(0, |(_, at, _)| *at)
    }
}

fn truth(boolean: bool) -> f64 {
    if boolean { 1.0 } else { 0.0 }
}

fn exprs(body: &Body) -> Vec<&Expr> {
    match &body.shape {
        Shape::Plain(expr) => vec![expr],
        Shape::Band { value, raise, clear } => vec![value, &raise.1, &clear.1],
        Shape::Pair { raise, clear } => vec![raise, clear],
    }
}

fn walk<'a>(expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    found.push(expr);
    match &expr.node {
        Node::Negative(of) | Node::Not(of) => walk(of, found),
        Node::Binary(_, left, right) => {
            walk(left, found);
            walk(right, found);
        }
        Node::Call(_, arguments) => arguments.iter().for_each(|argument| walk(argument, found)),
        _ => {}
    }
}

pub(crate) fn nodes(body: &Body) -> Vec<&Expr> {
    let mut found = Vec::new();
    exprs(body).into_iter().for_each(|expr| walk(expr, &mut found));
    found
}

/// Tags that are watched, with the span each.
fn watches(body: &Body) -> BTreeMap<String, u64> {
    let call = |expr: &&Expr| match &expr.node {
        Node::Call(name, arguments) if name == "missing" => match &arguments[..] {
            [Expr { node: Node::Tag(tag), .. }, Expr { node: Node::Span(span), .. }] => {
                Some((tag.clone(), *span))
            }
            _ => None,
        },
        _ => None,
    };
    nodes(body).iter().filter_map(call).collect()
}
