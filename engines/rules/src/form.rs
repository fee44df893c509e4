//! The form rules are executed in, apart from their text: flat lists of instructions for a stack machine. ADR-0004.
//!
//! A [`Program`] exists only as the outcome of [`Program::prove`], so whoever holds one knows: jumps go forward (it ends), the stack
//! stays within [`STACK_MAX`] and holds one value at the end, every index is within its table, and no way through costs more than
//! `cost`. Pure, and without a pointer to the text it came from.

use crate::syntax::{Compare, Kind};

/// The number of a tag in its rule set.
pub type Slot = u32;

/// Values on the stack at once, at most.
pub const STACK_MAX: usize = 32;
/// Instructions of one program, at most.
pub const OPS_MAX: usize = 1024;
/// Parts a window is kept in; it moves on by one of them.
pub const BUCKETS: usize = 16;

/// One instruction. A boolean on the stack is 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Pushes it.
    Number(f64),
    /// Pushes the latest value of a number or boolean.
    Tag(Slot),
    /// Pushes whether the latest text is this one of the form's texts.
    TextIs {
        slot: Slot,
        text: u16,
    },
    /// Pushes whether two tags have the same latest text.
    TextSame {
        one: Slot,
        other: Slot,
    },
    /// Pushes an aggregate of one of the form's windows.
    Window {
        window: u16,
        read: Aggregate,
    },
    /// Pushes whether one of the form's watches has run out.
    Missing {
        watch: u16,
    },
    Negative,
    Absolute,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Least,
    Greatest,
    Compare(Compare),
    /// Pops; goes on at the instruction with this number if it was false.
    Unless(u16),
    /// Goes on at the instruction with this number.
    Jump(u16),
    /// Goes on there and keeps the top if it is false, else pops it: the rest of an `and`.
    KeepFalse(u16),
    /// The same for true: the rest of an `or`.
    KeepTrue(u16),
}

/// What is read from a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Average,
    Least,
    Greatest,
    Sum,
    Count,
    First,
    Last,
    /// Change from the first to the last value, per second.
    Rate,
}

/// The values of some tags over the last `span_ms`, in [`BUCKETS`] parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowForm {
    /// In order, each once.
    pub slots: Vec<Slot>,
    pub span_ms: u64,
}

/// A tag that should not be silent for `span_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    pub slot: Slot,
    pub span_ms: u64,
}

/// What a rule is once nothing of its text is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Of a number rule the number, of a condition when it comes.
    pub raise: Program,
    /// When the condition goes; nothing means when it does not hold any more.
    pub clear: Option<Program>,
    pub kind: Kind,
    pub hold_ms: u64,
    pub clear_hold_ms: u64,
    pub texts: Vec<String>,
    pub windows: Vec<WindowForm>,
    pub watches: Vec<Watch>,
}

/// Instructions that were proven to end and to stay within their bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    ops: Vec<Op>,
    cost: u32,
    stack: usize,
}

/// How large the tables are that instructions point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    pub slots: usize,
    pub texts: usize,
    pub windows: usize,
    pub watches: usize,
}

/// Why a list of instructions is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    #[error("instruction {0} takes more from the stack than is there")]
    Underflow(usize),
    #[error("instruction {0} puts more on the stack than fits")]
    Overflow(usize),
    #[error("instruction {0} is reached with stacks of different heights")]
    Heights(usize),
    #[error("instruction {0} jumps back, or out of the program")]
    Jump(usize),
    #[error("instruction {0} is never reached")]
    Unreached(usize),
    #[error("instruction {0} points out of a table")]
    Table(usize),
    #[error("the program is empty, too long, or leaves more than its result")]
    Shape,
}

/// Where an instruction goes on, and how high the stack is there.
type Next = [Option<(usize, usize)>; 2];

impl Op {
    /// Units, of which one is a simple instruction on two values; the table is in docs/guides/rules.md.
    pub fn cost(&self) -> u32 {
        match self {
            Op::TextIs { .. } | Op::TextSame { .. } => 4,
            Op::Window { .. } => BUCKETS as u32 + 4,
            Op::Missing { .. } | Op::Divide => 2,
            _ => 1,
        }
    }

    /// What it takes from the stack and what it puts there, where it does not jump.
    fn effect(&self) -> (usize, usize) {
        match self {
            Op::Number(_) | Op::Tag(_) | Op::TextIs { .. } | Op::TextSame { .. } => (0, 1),
            Op::Window { .. } | Op::Missing { .. } => (0, 1),
            Op::Negative | Op::Absolute | Op::Not => (1, 1),
            Op::Add | Op::Subtract | Op::Multiply | Op::Divide => (2, 1),
            Op::Least | Op::Greatest | Op::Compare(_) => (2, 1),
            Op::Unless(_) | Op::KeepFalse(_) | Op::KeepTrue(_) => (1, 0),
            Op::Jump(_) => (0, 0),
        }
    }

    /// The ways on from place `at` with a stack that was `after` high when the instruction was done.
    fn next(&self, at: usize, after: usize) -> Next {
        match *self {
            Op::Jump(to) => [None, Some((to.into(), after))],
            Op::Unless(to) => [Some((at + 1, after)), Some((to.into(), after))],
            Op::KeepFalse(to) | Op::KeepTrue(to) => [Some((at + 1, after)), Some((to.into(), after + 1))],
            _ => [Some((at + 1, after)), None],
        }
    }

    fn is_within(&self, tables: Tables) -> bool {
        let slot = |slot: Slot| (slot as usize) < tables.slots;
        match *self {
            Op::Number(number) => number.is_finite(),
            Op::Tag(one) => slot(one),
            Op::TextIs { slot: one, text } => slot(one) && usize::from(text) < tables.texts,
            Op::TextSame { one, other } => slot(one) && slot(other),
            Op::Window { window, .. } => usize::from(window) < tables.windows,
            Op::Missing { watch } => usize::from(watch) < tables.watches,
            _ => true,
        }
    }
}

impl Program {
    /// Walks every way through once, which forward jumps make possible in one pass.
    pub fn prove(ops: Vec<Op>, tables: Tables) -> Result<Program, Unsound> {
        if ops.is_empty() || ops.len() > OPS_MAX {
            return Err(Unsound::Shape);
        }
        let mut heights: Vec<Option<usize>> = vec![None; ops.len() + 1];
        heights[0] = Some(0);
        let mut stack = 0;
        for (at, op) in ops.iter().enumerate() {
            let before = heights[at].ok_or(Unsound::Unreached(at))?;
            stack = stack.max(step(at, op, before, tables, &mut heights)?);
        }
        match heights[ops.len()] {
            Some(1) => Ok(Program { cost: dearest(&ops), stack, ops }),
            _ => Err(Unsound::Shape),
        }
    }

    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Units of the dearest way through.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Values on the stack at once, at most.
    pub fn stack(&self) -> usize {
        self.stack
    }
}

/// Notes how high the stack is where instruction `at` goes on, and says how high it was at most.
fn step(
    at: usize,
    op: &Op,
    before: usize,
    tables: Tables,
    heights: &mut [Option<usize>],
) -> Result<usize, Unsound> {
    let (takes, puts) = op.effect();
    let after = before.checked_sub(takes).ok_or(Unsound::Underflow(at))? + puts;
    if !op.is_within(tables) {
        return Err(Unsound::Table(at));
    }
    for (to, height) in op.next(at, after).into_iter().flatten() {
        if to <= at || to >= heights.len() {
            return Err(Unsound::Jump(at));
        }
        if heights[to].replace(height).is_some_and(|known| known != height) {
            return Err(Unsound::Heights(to));
        }
    }
    let highest = before.max(after);
    if highest > STACK_MAX { Err(Unsound::Overflow(at)) } else { Ok(highest) }
}

/// The cost of the dearest way from each instruction to the end, from the last one backwards.
fn dearest(ops: &[Op]) -> u32 {
    let mut costs = vec![0; ops.len() + 1];
    for (at, op) in ops.iter().enumerate().rev() {
        let rest = op.next(at, 0).into_iter().flatten().map(|(to, _)| costs[to]).max();
        costs[at] = op.cost() + rest.unwrap_or(0);
    }
    costs[0]
}

impl Form {
    /// Units of one evaluation, whichever of the two programs it takes.
    pub fn cost(&self) -> u32 {
        self.raise.cost().max(self.clear.as_ref().map_or(0, Program::cost))
    }

    /// Tags it reads, each once, in order.
    pub fn slots(&self) -> Vec<Slot> {
        let programs = [Some(&self.raise), self.clear.as_ref()];
        let ops = programs.into_iter().flatten().flat_map(|program| program.ops());
        let direct = ops.flat_map(|op| match *op {
            Op::Tag(slot) | Op::TextIs { slot, .. } => vec![slot],
            Op::TextSame { one, other } => vec![one, other],
            _ => Vec::new(),
        });
        let windows = self.windows.iter().flat_map(|window| window.slots.iter().copied());
        let watches = self.watches.iter().map(|watch| watch.slot);
        let mut slots: Vec<Slot> = direct.chain(windows).chain(watches).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Windows that take in `pattern` take in `named` too.
    pub(crate) fn widen(&mut self, pattern: Slot, named: &[Slot]) {
        for window in self.windows.iter_mut().filter(|window| window.slots.contains(&pattern)) {
            window.slots.extend(named);
            window.slots.sort_unstable();
            window.slots.dedup();
        }
    }

    /// Whether it has to be looked at when nothing arrives.
    pub fn is_timed(&self) -> bool {
        self.hold_ms > 0 || self.clear_hold_ms > 0 || !self.watches.is_empty()
    }
}
