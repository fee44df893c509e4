//! What functions there are and how a call becomes instructions. Pure.
//!
//! | call | value |
//! | --- | --- |
//! | `avg` `min` `max` `sum` `count` `first` `last` of tags and a span | number over a window |
//! | `rate(tag, span)` | number, change per second over a window |
//! | `missing(tag, span)` | boolean: nothing good has come for so long |
//! | `min(a, b)` `max(a, b)` `abs(a)` | number |
//! | `if(condition, a, b)` | what a and b are |

use crate::catalog::{is_pattern, nearest};
use crate::fault::FaultKind;
use crate::form::{Aggregate, BUCKETS, Op, Slot, Watch, WindowForm};
use crate::lower::{Lowering, span_fault};
use crate::syntax::{Expr, Kind, Node};

const NAMES: &[&str] =
    &["avg", "min", "max", "sum", "count", "first", "last", "rate", "missing", "abs", "if"];

const AGGREGATES: &[(&str, Aggregate)] = &[
    ("avg", Aggregate::Average),
    ("min", Aggregate::Least),
    ("max", Aggregate::Greatest),
    ("sum", Aggregate::Sum),
    ("count", Aggregate::Count),
    ("first", Aggregate::First),
    ("last", Aggregate::Last),
    ("rate", Aggregate::Rate),
];

impl Lowering<'_> {
    pub(crate) fn call(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<Kind> {
        let Some(function) = NAMES.iter().find(|known| **known == name) else {
            let nearest = nearest(name, NAMES.iter().copied());
            return self.fault(expr.at, FaultKind::UnknownFunction { name: name.to_owned(), nearest });
        };
        let spanned = matches!(arguments, [_, .., Expr { node: Node::Span(_), .. }]);
        match (*function, arguments) {
            ("if", [condition, yes, no]) => self.choice(condition, yes, no),
            ("abs", [of]) => {
                self.demand(of, Kind::Number);
                self.push(Op::Absolute, Kind::Number)
            }
            ("missing", [tag, span]) if spanned => self.missing(tag, span),
            ("min", [one, other]) if !spanned => self.two(one, other, Op::Least),
            ("max", [one, other]) if !spanned => self.two(one, other, Op::Greatest),
            (function, [tags @ .., span]) if spanned => self.aggregate(expr, function, tags, span),
            _ => self.fault(expr.at, FaultKind::Arguments { function, takes: takes(function) }),
        }
    }

    fn two(&mut self, one: &Expr, other: &Expr, op: Op) -> Option<Kind> {
        self.demand(one, Kind::Number);
        self.demand(other, Kind::Number);
        self.push(op, Kind::Number)
    }

    fn choice(&mut self, condition: &Expr, yes: &Expr, no: &Expr) -> Option<Kind> {
        self.demand(condition, Kind::Boolean);
        let to_no = self.hole();
        let kind = self.expr(yes, None);
        let to_end = self.hole();
        self.fill(to_no, Op::Unless);
        self.demand(no, kind.unwrap_or(Kind::Number));
        self.fill(to_end, Op::Jump);
        if kind == Some(Kind::Text) {
            self.mismatch(yes.at, Kind::Number, Kind::Text);
        }
        kind
    }

    fn missing(&mut self, tag: &Expr, span: &Expr) -> Option<Kind> {
        let span_ms = self.span(span, 1)?;
        let Node::Tag(name) = &tag.node else {
            return self.fault(tag.at, FaultKind::Arguments { function: "missing", takes: takes("missing") });
        };
        let (slot, _) = self.slot(tag.at, name, None)?;
        let watch = Watch { slot, span_ms };
        let known = self.watches.iter().position(|known| *known == watch);
        let at = known.unwrap_or_else(|| {
            self.watches.push(watch);
            self.watches.len() - 1
        });
        self.push(Op::Missing { watch: at as u16 }, Kind::Boolean)
    }

    fn aggregate(&mut self, expr: &Expr, function: &'static str, tags: &[Expr], span: &Expr) -> Option<Kind> {
        let Some((_, read)) = AGGREGATES.iter().copied().find(|(name, _)| *name == function) else {
            return self.fault(expr.at, FaultKind::Arguments { function, takes: takes(function) });
        };
        let slots = self.window_slots(function, tags);
        let span_ms = self.span(span, BUCKETS as u64)?;
        let max = self.limits.tags_per_window_max;
        match slots?.as_slice() {
            slots if slots.len() > max => {
                let found = slots.len();
                self.fault(expr.at, FaultKind::TooMany { what: "tags in one window", found, max })
            }
            slots if read == Aggregate::Rate && slots.len() > 1 => {
                self.fault(expr.at, FaultKind::Arguments { function, takes: takes(function) })
            }
            slots => {
                let window = self.window(WindowForm { slots: slots.to_vec(), span_ms });
                self.push(Op::Window { window, read }, Kind::Number)
            }
        }
    }

    /// The tags of a window, each once; patterns stand for all that the model has.
    fn window_slots(&mut self, function: &'static str, tags: &[Expr]) -> Option<Vec<Slot>> {
        let (mut slots, before) = (Vec::new(), self.faults.len());
        for tag in tags {
            match &tag.node {
                Node::Tag(name) if is_pattern(name) => slots.extend(self.pattern(tag.at, name)),
                Node::Tag(name) => slots.extend(self.number_slot(tag.at, name)),
                _ => self.faults.push((tag.at, FaultKind::Arguments { function, takes: takes(function) })),
            }
        }
        slots.sort_unstable();
        slots.dedup();
        (self.faults.len() == before).then_some(slots)
    }

    fn number_slot(&mut self, at: usize, name: &str) -> Option<Slot> {
        let (slot, kind) = self.slot(at, name, Some(Kind::Number))?;
        if kind != Kind::Number {
            self.mismatch(at, Kind::Number, kind);
        }
        Some(slot)
    }

    /// Numbers that have a name, and one slot for those of devices that may come.
    fn pattern(&mut self, at: usize, pattern: &str) -> Vec<Slot> {
        let catalog = self.catalog;
        let (found, is_open) = (catalog.matching(pattern), catalog.is_open(pattern));
        if found.is_empty() && !is_open {
            self.faults.push((at, FaultKind::NothingMatches { pattern: pattern.to_owned() }));
        }
        let max = self.limits.tags_per_window_max;
        let open = is_open.then(|| self.names.pattern(pattern));
        found.iter().take(max + 1).filter_map(|name| self.number_slot(at, name)).chain(open).collect()
    }

    fn window(&mut self, window: WindowForm) -> u16 {
        let known = self.windows.iter().position(|known| *known == window);
        let at = known.unwrap_or_else(|| {
            self.windows.push(window);
            self.windows.len() - 1
        });
        at as u16
    }

    fn span(&mut self, span: &Expr, min: u64) -> Option<u64> {
        let (Node::Span(ms), max) = (&span.node, self.limits.span_ms_max) else { return None };
        if (min..=max).contains(ms) { Some(*ms) } else { self.fault(span.at, span_fault(*ms, min, max)) }
    }
}

fn takes(function: &str) -> &'static str {
    match function {
        "if" => "a condition and two values",
        "abs" => "one number",
        "missing" => "a tag and a time",
        "rate" => "one tag and a time",
        "min" | "max" => "two numbers, or tags and a time",
        _ => "tags and a time",
    }
}
