//! Executes a proven program on what is known: no recursion, no allocation, a stack of fixed size. Pure.

use crate::form::{Form, Op, Program, STACK_MAX, Slot, WindowForm};
use crate::state::TagState;
use crate::value::{Known, Unknown, Value};
use crate::window::Window;

/// All that an evaluation may look at: the state, and on top of it the sample that is being decided on.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) form: &'a Form,
    pub(crate) tags: &'a [TagState],
    pub(crate) windows: &'a [Window],
    pub(crate) now: u64,
    pub(crate) fresh: Option<(Slot, &'a Known<Value>)>,
}

impl View<'_> {
    /// The program's value. Counts what it spends, in the units of its cost.
    pub(crate) fn run(&self, program: &Program, spent: &mut u32) -> Known<f64> {
        let (ops, mut at) = (program.ops(), 0);
        let mut stack = Stack { values: [0.0; STACK_MAX], height: 0 };
        while let Some(op) = ops.get(at) {
            *spent += op.cost();
            at = self.step(op, at, &mut stack)?;
        }
        let result = stack.pop();
        if result.is_finite() { Ok(result) } else { Err(Unknown::NotFinite) }
    }

    /// Executes one instruction and says which is next.
    #[inline]
    fn step(&self, op: &Op, at: usize, stack: &mut Stack) -> Known<usize> {
        match *op {
            Op::Number(number) => stack.push(number),
            Op::Tag(slot) => stack.push(self.tag(slot)?.number().ok_or(Unknown::WrongKind)?),
            Op::Compare(compare) => stack.two(|left, right| truth(compare.holds(left, right))),
            Op::Add => stack.two(|left, right| left + right),
            Op::Subtract => stack.two(|left, right| left - right),
            Op::Multiply => stack.two(|left, right| left * right),
            Op::Divide if stack.top() == 0.0 => return Err(Unknown::DivideByZero),
            Op::Divide => stack.two(|left, right| left / right),
            Op::Least => stack.two(f64::min),
            Op::Greatest => stack.two(f64::max),
            Op::Negative => stack.one(|value| -value),
            Op::Absolute => stack.one(f64::abs),
            Op::Not => stack.one(|value| truth(value == 0.0)),
            Op::Jump(to) => return Ok(to.into()),
            Op::Unless(to) if stack.pop() == 0.0 => return Ok(to.into()),
            Op::KeepFalse(to) if stack.top() == 0.0 => return Ok(to.into()),
            Op::KeepTrue(to) if stack.top() != 0.0 => return Ok(to.into()),
            Op::Unless(_) => {}
            Op::KeepFalse(_) | Op::KeepTrue(_) => drop(stack.pop()),
            Op::Window { window, read } => {
                let (form, ring) = (&self.form.windows[window as usize], &self.windows[window as usize]);
                stack.push(ring.read(read, self.now, self.fresh_number(form))?);
            }
            Op::Missing { watch } => stack.push(truth(self.is_missing(watch))),
            Op::TextIs { slot, text } => {
                let is = matches!(self.tag(slot)?, Value::Text(found) if **found == *self.form.texts[text as usize]);
                stack.push(truth(is));
            }
            Op::TextSame { one, other } => stack.push(truth(self.tag(one)? == self.tag(other)?)),
        }
        Ok(at + 1)
    }

    fn tag(&self, slot: Slot) -> Known<&Value> {
        match self.fresh {
            Some((fresh, value)) if fresh == slot => value.as_ref().map_err(|unknown| *unknown),
            _ => self.tags[slot as usize].value.as_ref().map_err(|unknown| *unknown),
        }
    }

    fn fresh_number(&self, window: &WindowForm) -> Option<f64> {
        let (slot, value) = self.fresh?;
        if window.slots.binary_search(&slot).is_ok() { value.as_ref().ok()?.number() } else { None }
    }

    fn is_missing(&self, watch: u16) -> bool {
        let watch = self.form.watches[watch as usize];
        self.good_at(watch.slot).saturating_add(watch.span_ms) <= self.now
    }

    /// When the tag was last heard of, the sample that is being decided on included.
    pub(crate) fn good_at(&self, slot: Slot) -> u64 {
        match self.fresh {
            Some((fresh, Ok(_))) if fresh == slot => self.now,
            _ => self.tags[slot as usize].good_at,
        }
    }
}

/// Proven programs neither pop what is not there nor push beyond the end.
struct Stack {
    values: [f64; STACK_MAX],
    height: usize,
}

impl Stack {
    #[inline]
    fn push(&mut self, value: f64) {
        self.values[self.height] = value;
        self.height += 1;
    }

    #[inline]
    fn pop(&mut self) -> f64 {
        self.height -= 1;
        self.values[self.height]
    }

    #[inline]
    fn top(&self) -> f64 {
        self.values[self.height - 1]
    }

    #[inline]
    fn one(&mut self, of: impl Fn(f64) -> f64) {
        let value = self.pop();
        self.push(of(value));
    }

    #[inline]
    fn two(&mut self, of: impl Fn(f64, f64) -> f64) {
        let (right, left) = (self.pop(), self.pop());
        self.push(of(left, right));
    }
}

fn truth(boolean: bool) -> f64 {
    f64::from(u8::from(boolean))
}
