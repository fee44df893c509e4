//! From a rule's tree to its [`Form`]: names become slots, kinds are checked, constants are looked at. Reports every fault it meets.
//!
//! Recursive, and bounded by the parser's depth and length limits. Pure.

use crate::catalog::{Catalog, is_pattern};
use crate::fault::FaultKind;
use crate::form::{Form, Op, Program, Slot, Tables, Unsound, Watch, WindowForm};
use crate::limits::Limits;
use crate::syntax::{Binary, Body, Compare, Expr, Kind, Node, Shape};
use crate::token::Misread;
use std::collections::HashMap;

/// The tags that the rules of a set read, numbered in the order they are met.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Names {
    by_name: HashMap<String, Slot>,
    pub(crate) tags: Vec<(String, Kind)>,
    /// Slots that stand for tags of devices nobody has named: the names of these are patterns.
    pub(crate) patterns: Vec<Slot>,
}

impl Names {
    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn pattern(&mut self, pattern: &str) -> Slot {
        let slot = self.intern(pattern, Kind::Number);
        if !self.patterns.contains(&slot) {
            self.patterns.push(slot);
        }
        slot
    }

    fn intern(&mut self, name: &str, kind: Kind) -> Slot {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let slot = self.tags.len() as Slot;
        self.by_name.insert(name.to_owned(), slot);
        self.tags.push((name.to_owned(), kind));
        slot
    }
}

/// What one rule is being made into.
pub(crate) struct Lowering<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) limits: &'a Limits,
    pub(crate) names: &'a mut Names,
    pub(crate) faults: Vec<Misread>,
    pub(crate) ops: Vec<Op>,
    texts: Vec<String>,
    pub(crate) windows: Vec<WindowForm>,
    pub(crate) watches: Vec<Watch>,
}

/// The instructions of a body, and what its value is if no fault is in the way of saying so.
struct Halves {
    raise: Vec<Op>,
    kind: Option<Kind>,
    clear: Option<Vec<Op>>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(catalog: &'a Catalog, limits: &'a Limits, names: &'a mut Names) -> Lowering<'a> {
        let (faults, ops, texts) = (Vec::new(), Vec::new(), Vec::new());
        Lowering { catalog, limits, names, faults, ops, texts, windows: Vec::new(), watches: Vec::new() }
    }

    /// The form, or every fault of the body.
    pub(crate) fn form(mut self, body: &Body) -> Result<Form, Vec<Misread>> {
        let Halves { raise, kind, clear } = self.shape(&body.shape);
        let holds = [body.hold_ms, body.clear_hold_ms].into_iter().flatten();
        let longest = self.limits.span_ms_max;
        self.faults.extend(holds.filter(|ms| *ms > longest).map(|ms| (0, span_fault(ms, 0, longest))));
        let kind = kind.unwrap_or(Kind::Boolean);
        if kind == Kind::Number && (body.hold_ms.is_some() || body.clear_hold_ms.is_some()) {
            self.faults.push((0, FaultKind::HoldOnNumber));
        }
        self.check_tables();
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        let raise = self.prove(raise).map_err(|fault| vec![fault])?;
        let clear = clear.map(|ops| self.prove(ops)).transpose().map_err(|fault| vec![fault])?;
        let (hold_ms, clear_hold_ms) = (body.hold_ms.unwrap_or(0), body.clear_hold_ms.unwrap_or(0));
        let (texts, windows, watches) = (self.texts, self.windows, self.watches);
        Ok(Form { raise, clear, kind, hold_ms, clear_hold_ms, texts, windows, watches })
    }

    fn check_tables(&mut self) {
        let limits = self.limits;
        let tables = [
            ("windows in one rule", self.windows.len(), limits.windows_per_rule_max),
            ("watches in one rule", self.watches.len(), limits.watches_per_rule_max),
        ];
        let over = tables.into_iter().filter(|(_, found, max)| found > max);
        self.faults.extend(over.map(|(what, found, max)| (0, FaultKind::TooMany { what, found, max })));
    }

    fn prove(&self, ops: Vec<Op>) -> Result<Program, Misread> {
        let (slots, texts) = (self.names.tags.len(), self.texts.len());
        let tables = Tables { slots, texts, windows: self.windows.len(), watches: self.watches.len() };
        let count = ops.len();
        Program::prove(ops, tables).map_err(|unsound| match unsound {
            Unsound::Overflow(_) => (0, FaultKind::TooDeep { max: crate::form::STACK_MAX }),
            _ => (0, FaultKind::TooMany { what: "instructions", found: count, max: crate::form::OPS_MAX }),
        })
    }

    fn shape(&mut self, shape: &Shape) -> Halves {
        match shape {
            Shape::Plain(expr) => {
                let kind = self.expr(expr, None);
                if kind == Some(Kind::Text) {
                    self.mismatch(expr.at, Kind::Boolean, Kind::Text);
                }
                Halves { raise: self.take_ops(), kind, clear: None }
            }
            Shape::Pair { raise, clear } => self.halves(raise, clear),
            Shape::Band { value, raise, clear } => {
                self.check_band(value.at, raise, clear);
                let test = |bound: &(Compare, Expr)| Expr {
                    at: value.at,
                    node: Node::Binary(
                        Binary::Compare(bound.0),
                        Box::new(value.clone()),
                        Box::new(bound.1.clone()),
                    ),
                };
                self.halves(&test(raise), &test(clear))
            }
        }
    }

    fn halves(&mut self, raise: &Expr, clear: &Expr) -> Halves {
        let raise = self.condition(raise);
        Halves { raise, kind: Some(Kind::Boolean), clear: Some(self.condition(clear)) }
    }

    fn condition(&mut self, expr: &Expr) -> Vec<Op> {
        self.demand(expr, Kind::Boolean);
        self.take_ops()
    }

    fn take_ops(&mut self) -> Vec<Op> {
        std::mem::take(&mut self.ops)
    }

    /// Constants of a band must leave no value at which it would be raised and cleared at once.
    fn check_band(&mut self, at: usize, raise: &(Compare, Expr), clear: &(Compare, Expr)) {
        let (Some(up), Some(down)) = (constant(&raise.1), constant(&clear.1)) else { return };
        let both = |value: f64| raise.0.holds(value, up) && clear.0.holds(value, down);
        let between = up / 2.0 + down / 2.0;
        let beyond = [f64::MAX, f64::MIN];
        if [up, down, between].into_iter().chain(beyond).any(both) {
            self.faults.push((at, FaultKind::Overlap));
        }
    }

    /// Lowers an expression and says its kind; nothing if a fault was reported. `want` decides the kind of a topic met first here.
    pub(crate) fn expr(&mut self, expr: &Expr, want: Option<Kind>) -> Option<Kind> {
        match &expr.node {
            Node::Number(number) => self.push(Op::Number(*number), Kind::Number),
            Node::Boolean(boolean) => self.push(Op::Number(f64::from(u8::from(*boolean))), Kind::Boolean),
            Node::Text(_) => Some(Kind::Text),
            Node::Span(_) => self.fault(expr.at, stray_span()),
            Node::Tag(name) => self.tag(expr.at, name, want),
            Node::Negative(of) => {
                self.demand(of, Kind::Number);
                self.check_constant(expr);
                self.push(Op::Negative, Kind::Number)
            }
            Node::Not(of) => {
                self.demand(of, Kind::Boolean);
                self.push(Op::Not, Kind::Boolean)
            }
            Node::Binary(binary, left, right) => self.binary(expr, *binary, left, right),
            Node::Call(name, arguments) => self.call(expr, name, arguments),
        }
    }

    /// Lowers an expression that must be of this kind.
    pub(crate) fn demand(&mut self, expr: &Expr, kind: Kind) {
        if let Some(found) = self.expr(expr, Some(kind)).filter(|found| *found != kind) {
            self.mismatch(expr.at, kind, found);
        }
    }

    fn binary(&mut self, expr: &Expr, binary: Binary, left: &Expr, right: &Expr) -> Option<Kind> {
        let op = match binary {
            Binary::And => return self.short(left, right, Op::KeepFalse),
            Binary::Or => return self.short(left, right, Op::KeepTrue),
            Binary::Compare(compare) => return self.compare(compare, left, right),
            Binary::Add => Op::Add,
            Binary::Subtract => Op::Subtract,
            Binary::Multiply => Op::Multiply,
            Binary::Divide => Op::Divide,
        };
        self.demand(left, Kind::Number);
        self.demand(right, Kind::Number);
        if op == Op::Divide && constant(right) == Some(0.0) {
            return self.fault(right.at, FaultKind::DivideByZero);
        }
        self.check_constant(expr);
        self.push(op, Kind::Number)
    }

    fn short(&mut self, left: &Expr, right: &Expr, skip: fn(u16) -> Op) -> Option<Kind> {
        self.demand(left, Kind::Boolean);
        let hole = self.hole();
        self.demand(right, Kind::Boolean);
        self.fill(hole, skip);
        Some(Kind::Boolean)
    }

    fn compare(&mut self, compare: Compare, left: &Expr, right: &Expr) -> Option<Kind> {
        let want = self.kind_of(left).or(self.kind_of(right)).unwrap_or(Kind::Number);
        let only_equality = matches!(compare, Compare::Equal | Compare::Differs);
        if want != Kind::Number && !only_equality {
            return self.fault(left.at, FaultKind::Order(want));
        }
        if want == Kind::Text {
            return self.same_text(compare, left, right);
        }
        self.demand(left, want);
        self.demand(right, want);
        self.push(Op::Compare(compare), Kind::Boolean)
    }

    fn same_text(&mut self, compare: Compare, left: &Expr, right: &Expr) -> Option<Kind> {
        let before = self.ops.len();
        self.demand(left, Kind::Text);
        self.demand(right, Kind::Text);
        let slots: Vec<Slot> = self.ops.drain(before..).filter_map(|op| slot_of(&op)).collect();
        let op = match (&left.node, &right.node, &slots[..]) {
            (Node::Text(text), _, [slot]) | (_, Node::Text(text), [slot]) => {
                Op::TextIs { slot: *slot, text: self.text(text) }
            }
            (Node::Text(one), Node::Text(other), _) => Op::Number(f64::from(u8::from(one == other))),
            (_, _, [one, other]) => Op::TextSame { one: *one, other: *other },
            _ => return None,
        };
        self.ops.push(op);
        if compare == Compare::Differs {
            self.ops.push(Op::Not);
        }
        Some(Kind::Boolean)
    }

    fn text(&mut self, text: &str) -> u16 {
        let known = self.texts.iter().position(|known| known == text);
        let at = known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        });
        // A rule's text is shorter than the number of texts that would not fit.
        at as u16
    }

    /// What an operand is bound to be, if that is plain without lowering it.
    fn kind_of(&self, expr: &Expr) -> Option<Kind> {
        match &expr.node {
            Node::Text(_) => Some(Kind::Text),
            Node::Boolean(_) | Node::Not(_) => Some(Kind::Boolean),
            Node::Number(_) | Node::Negative(_) => Some(Kind::Number),
            Node::Tag(name) => {
                let met = self.names.slot(name).map(|slot| self.names.tags[slot as usize].1);
                self.catalog.kind(name).or(met)
            }
            Node::Binary(Binary::And | Binary::Or | Binary::Compare(_), ..) => Some(Kind::Boolean),
            Node::Binary(..) => Some(Kind::Number),
            Node::Call(name, arguments) if name == "if" => self.kind_of(arguments.get(1)?),
            Node::Call(name, _) => Some(if name == "missing" { Kind::Boolean } else { Kind::Number }),
            Node::Span(_) => None,
        }
    }

    fn tag(&mut self, at: usize, name: &str, want: Option<Kind>) -> Option<Kind> {
        let (slot, kind) = self.slot(at, name, want)?;
        self.push(Op::Tag(slot), kind)
    }

    pub(crate) fn slot(&mut self, at: usize, name: &str, want: Option<Kind>) -> Option<(Slot, Kind)> {
        if name.contains("$device") {
            self.fault(at, FaultKind::NoDevice)?;
        }
        let met = self.names.slot(name).map(|slot| self.names.tags[slot as usize].1);
        let topic = self.catalog.takes_topic(name) && !is_pattern(name);
        let kind = match self.catalog.kind(name).or(met) {
            Some(kind) => kind,
            None if self.catalog.is_unclear(name) => {
                self.fault(at, FaultKind::UnclearKind { name: name.to_owned() })?
            }
            None if topic => want.unwrap_or(Kind::Number),
            None => {
                let nearest = self.catalog.nearest(name);
                self.fault(at, FaultKind::UnknownTag { name: name.to_owned(), nearest })?
            }
        };
        Some((self.names.intern(name, kind), kind))
    }

    fn check_constant(&mut self, expr: &Expr) {
        if constant(expr).is_some_and(|value| !value.is_finite()) {
            self.faults.push((expr.at, FaultKind::NotFinite));
        }
    }

    pub(crate) fn push(&mut self, op: Op, kind: Kind) -> Option<Kind> {
        self.ops.push(op);
        Some(kind)
    }

    /// Leaves room for a jump whose target is not known yet.
    pub(crate) fn hole(&mut self) -> usize {
        self.ops.push(Op::Jump(0));
        self.ops.len() - 1
    }

    /// Makes the jump go on at the next instruction. A target that does not fit is a program that is too long anyway.
    pub(crate) fn fill(&mut self, hole: usize, jump: fn(u16) -> Op) {
        self.ops[hole] = jump(u16::try_from(self.ops.len()).unwrap_or(u16::MAX));
    }

    pub(crate) fn mismatch(&mut self, at: usize, expected: Kind, found: Kind) {
        self.faults.push((at, FaultKind::Type { expected, found }));
    }

    pub(crate) fn fault<T>(&mut self, at: usize, what: FaultKind) -> Option<T> {
        self.faults.push((at, what));
        None
    }
}

fn slot_of(op: &Op) -> Option<Slot> {
    match op {
        Op::Tag(slot) => Some(*slot),
        _ => None,
    }
}

fn stray_span() -> FaultKind {
    FaultKind::Syntax { expected: "a value", found: "a time".to_owned() }
}

pub(crate) fn span_fault(ms: u64, min: u64, max: u64) -> FaultKind {
    FaultKind::Span { ms, min, max }
}

/// The value of an expression that names no tag.
pub(crate) fn constant(expr: &Expr) -> Option<f64> {
    match &expr.node {
        Node::Number(number) => Some(*number),
        Node::Negative(of) => constant(of).map(|value| -value),
        Node::Binary(binary, left, right) => {
            let (left, right) = (constant(left)?, constant(right)?);
            match binary {
                Binary::Add => Some(left + right),
                Binary::Subtract => Some(left - right),
                Binary::Multiply => Some(left * right),
                Binary::Divide => Some(left / right),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Compare {
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Compare::Less => left < right,
            Compare::AtMost => left <= right,
            Compare::Greater => left > right,
            Compare::AtLeast => left >= right,
            Compare::Equal => left == right,
            Compare::Differs => left != right,
        }
    }
}
