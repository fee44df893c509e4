//! What rules remember, as bytes for a snapshot and back. By name, so that a changed rule set takes up what it still has. Pure.
//!
//! ```text
//! version u8, 2         1 had no line marked with a +; it is still read
//! now u64
//! tags    count u32, then each: name, kind u8, value, good_at u64
//!         + volatile u8
//! rules   count u32, then each: name, print u64, bytes u32, then so many:
//!           phase u8 and since u64, verdict, armed_at, counts, derived_at each, windows each with its buckets
//!           + volatile u8
//! ```

use crate::bytes::{Reader, Writer};
use crate::fact::Phase;
use crate::form::BUCKETS;
use crate::set::{Rule, RuleSet};
use crate::state::{RuleCounts, RuleState, State, TagState};
use crate::syntax::Kind;
use crate::value::{Known, Unknown, Value};
use crate::window::{Bucket, Window};
use std::collections::BTreeMap;

const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;

impl State {
    /// The state as bytes.
    pub fn encode(&self, set: &RuleSet) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u64(self.now);
        out.count(self.tags.len());
        for ((name, kind), tag) in set.tags().iter().zip(&self.tags) {
            out.text(name);
            out.u8(*kind as u8);
            put_value(&mut out, &tag.value);
            out.u64(tag.good_at);
            out.u8(u8::from(tag.is_volatile));
        }
        out.count(self.rules.len());
        for (rule, state) in set.rules().iter().zip(&self.rules) {
            let mut body = Writer::default();
            state.put(&mut body);
            out.text(&rule.name);
            out.u64(rule.print);
            out.count(body.0.len());
            out.0.extend_from_slice(&body.0);
        }
        out.0
    }

    /// The state for `set` out of bytes that this or another set wrote; what is not in there begins at `now`. Nothing for bytes of a
    /// later version or that are damaged.
    pub fn decode(bytes: &[u8], set: &RuleSet, now: u64) -> Option<State> {
        let mut from = Reader(bytes);
        let version = from.u8()?;
        if !matches!(version, FIRST_VERSION | VERSION) {
            return None;
        }
        let mut state = State::new(set, from.u64()?.max(now));
        for _ in 0..from.count()? {
            let (name, kind) = (from.text()?, from.u8()?);
            let (value, good_at) = (take_value(&mut from)?, from.u64()?);
            let tag = TagState { value, good_at, is_volatile: version == VERSION && from.boolean()? };
            let same = |slot: &u32| set.tags()[*slot as usize].1 as u8 == kind;
            if let Some(slot) = set.slot(name).filter(same) {
                state.tags[slot as usize] = tag;
            }
        }
        let numbers: BTreeMap<&str, u32> =
            set.rules().iter().map(|rule| rule.name.as_str()).zip(0..).collect();
        for _ in 0..from.count()? {
            let (name, print) = (from.text()?, from.u64()?);
            let bytes = from.count()?;
            let (body, rest) = from.0.split_at_checked(bytes)?;
            from.0 = rest;
            let same = |number: &&u32| set.rule(**number).print == print;
            if let Some(number) = numbers.get(name).filter(same) {
                let kept = RuleState::take(&mut Reader(body), set.rule(*number), version)?;
                state.arm(*number, kept.armed_at);
                state.rules[*number as usize] = kept;
            }
        }
        from.0.is_empty().then_some(state)
    }
}

impl RuleState {
    fn put(&self, out: &mut Writer) {
        let (phase, since) = match self.phase {
            Phase::Low => (0, 0),
            Phase::Rising { since } => (1, since),
            Phase::High => (2, 0),
            Phase::Falling { since } => (3, since),
        };
        out.u8(phase);
        out.u64(since);
        put_known(out, &self.verdict, |out, verdict| out.f64(*verdict));
        out.option(self.armed_at, Writer::u64);
        self.counts.fields().into_iter().for_each(|count| out.u64(count));
        self.derived_at.iter().for_each(|at| out.option(*at, Writer::u64));
        for bucket in self.windows.iter().flat_map(|window| &window.buckets) {
            bucket.put(out);
        }
        out.u8(u8::from(self.is_volatile));
    }

    fn take(from: &mut Reader<'_>, rule: &Rule, version: u8) -> Option<RuleState> {
        let mut state = RuleState::new(rule);
        let (phase, since) = (from.u8()?, from.u64()?);
        state.phase = match phase {
            0 => Phase::Low,
            1 => Phase::Rising { since },
            2 => Phase::High,
            3 => Phase::Falling { since },
            _ => return None,
        };
        state.verdict = take_known(from, |from| from.f64())?;
        state.armed_at = from.option(Reader::u64)?;
        state.counts = RuleCounts::take(from)?;
        for at in &mut state.derived_at {
            *at = from.option(Reader::u64)?;
        }
        for window in &mut state.windows {
            *window = window.take(from)?;
        }
        state.is_volatile = version == VERSION && from.boolean()?;
        from.0.is_empty().then_some(state)
    }
}

impl RuleCounts {
    fn fields(&self) -> [u64; 5 + Unknown::ALL.len()] {
        let mut fields = [0; 5 + Unknown::ALL.len()];
        fields[..5].copy_from_slice(&[
            self.evaluations,
            self.raised,
            self.cleared,
            self.derived,
            self.commands,
        ]);
        fields[5..].copy_from_slice(&self.unknown);
        fields
    }

    fn take(from: &mut Reader<'_>) -> Option<RuleCounts> {
        let mut fields = [0; 5 + Unknown::ALL.len()];
        for field in &mut fields {
            *field = from.u64()?;
        }
        let [evaluations, raised, cleared, derived, commands, unknown @ ..] = fields;
        Some(RuleCounts { evaluations, unknown, raised, cleared, derived, commands })
    }
}

impl Bucket {
    fn put(&self, out: &mut Writer) {
        out.u64(self.part);
        out.u64(self.count);
        [self.sum, self.least, self.greatest].into_iter().for_each(|value| out.f64(value));
        for (at, value) in [self.first, self.last] {
            out.u64(at);
            out.f64(value);
        }
    }

    fn take(from: &mut Reader<'_>) -> Option<Bucket> {
        let (part, count) = (from.u64()?, from.u64()?);
        let (sum, least, greatest) = (from.f64()?, from.f64()?, from.f64()?);
        let first = (from.u64()?, from.f64()?);
        Some(Bucket { part, count, sum, least, greatest, first, last: (from.u64()?, from.f64()?) })
    }
}

impl Window {
    fn take(&self, from: &mut Reader<'_>) -> Option<Window> {
        let buckets = (0..BUCKETS).map(|_| Bucket::take(from)).collect::<Option<Vec<Bucket>>>()?;
        Some(Window { part_ms: self.part_ms, buckets })
    }
}

fn put_known<T>(out: &mut Writer, known: &Known<T>, write: impl FnOnce(&mut Writer, &T)) {
    match known {
        Ok(value) => {
            out.u8(0);
            write(out, value);
        }
        Err(unknown) => out.u8(1 + *unknown as u8),
    }
}

fn take_known<T>(from: &mut Reader<'_>, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<Known<T>> {
    match from.u8()? {
        0 => read(from).map(Ok),
        reason => Unknown::ALL.get(usize::from(reason) - 1).map(|unknown| Err(*unknown)),
    }
}

fn put_value(out: &mut Writer, value: &Known<Value>) {
    put_known(out, value, |out, value| {
        out.u8(value.kind() as u8);
        match value {
            Value::Number(number) => out.f64(*number),
            Value::Boolean(boolean) => out.u8(u8::from(*boolean)),
            Value::Text(text) => out.text(text),
        }
    });
}

fn take_value(from: &mut Reader<'_>) -> Option<Known<Value>> {
    take_known(from, |from| match from.u8()? {
        kind if kind == Kind::Number as u8 => from.f64().map(Value::Number),
        kind if kind == Kind::Boolean as u8 => from.boolean().map(Value::Boolean),
        kind if kind == Kind::Text as u8 => from.text().map(|text| Value::Text(text.into())),
        _ => None,
    })
}
