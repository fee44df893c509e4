//! What rules remember between two samples. Changed by [`RuleSet::apply`](crate::RuleSet::apply) alone. Pure.

use crate::fact::{Phase, RuleNumber};
use crate::set::RuleSet;
use crate::value::{Known, Unknown, Value};
use crate::window::Window;
use std::collections::{BTreeMap, BTreeSet};

/// The memory of a rule set; its size is fixed by the set, but for texts, which are bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The latest time handed in; never runs backwards.
    pub(crate) now: u64,
    pub(crate) tags: Vec<TagState>,
    pub(crate) rules: Vec<RuleState>,
    /// Rules to look at when nothing arrives, at most one entry for each.
    pub(crate) armed: BTreeSet<(u64, RuleNumber)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TagState {
    pub(crate) value: Known<Value>,
    /// When it last had a value, or when the watching began.
    pub(crate) good_at: u64,
    /// Its value was kept nowhere, now or before.
    pub(crate) is_volatile: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuleState {
    pub(crate) phase: Phase,
    pub(crate) verdict: Known<f64>,
    pub(crate) windows: Vec<Window>,
    pub(crate) armed_at: Option<u64>,
    /// When each output last derived a value.
    pub(crate) derived_at: Vec<Option<u64>>,
    pub(crate) counts: RuleCounts,
    /// It has read what is kept nowhere.
    pub(crate) is_volatile: bool,
}

/// What became of a rule's evaluations since its state began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleCounts {
    pub evaluations: u64,
    /// By reason, in the order of [`Unknown::ALL`].
    pub unknown: [u64; Unknown::ALL.len()],
    pub raised: u64,
    pub cleared: u64,
    pub derived: u64,
    pub commands: u64,
}

impl RuleCounts {
    #[must_use]
    pub fn plus(&self, other: &RuleCounts) -> RuleCounts {
        self.with(other, u64::saturating_add)
    }

    #[must_use]
    pub fn minus(&self, other: &RuleCounts) -> RuleCounts {
        self.with(other, u64::saturating_sub)
    }

    fn with(&self, other: &RuleCounts, op: fn(u64, u64) -> u64) -> RuleCounts {
        RuleCounts {
            evaluations: op(self.evaluations, other.evaluations),
            unknown: std::array::from_fn(|at| op(self.unknown[at], other.unknown[at])),
            raised: op(self.raised, other.raised),
            cleared: op(self.cleared, other.cleared),
            derived: op(self.derived, other.derived),
            commands: op(self.commands, other.commands),
        }
    }
}

impl State {
    /// Nothing was heard of yet; whoever is watched for silence has its whole span from `now`.
    pub fn new(set: &RuleSet, now: u64) -> State {
        let tags = vec![TagState::new(now); set.tags().len()];
        let rules = set.rules().iter().map(RuleState::new).collect();
        let mut state = State { now, tags, rules, armed: BTreeSet::new() };
        set.timed().for_each(|number| set.arm_watches(&mut state, number));
        state
    }

    /// When the next rule is due if nothing arrives.
    pub fn next_deadline(&self) -> Option<u64> {
        self.armed.first().map(|(at, _)| *at)
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn phase(&self, rule: RuleNumber) -> Phase {
        self.rules[rule as usize].phase
    }

    /// What the last evaluation came to.
    pub fn verdict(&self, rule: RuleNumber) -> Known<f64> {
        self.rules[rule as usize].verdict
    }

    pub fn counts(&self, rule: RuleNumber) -> RuleCounts {
        self.rules[rule as usize].counts
    }

    /// Where each rule stands that reads what is kept nowhere.
    pub fn stands(&self) -> BTreeMap<RuleNumber, bool> {
        let volatile = (0..).zip(&self.rules).filter(|(_, rule)| rule.is_volatile);
        volatile.map(|(number, rule)| (number, rule.phase.is_high())).collect()
    }

    /// What was only in memory has gone with the process: tags that were kept nowhere have no value, and the rules that read them
    /// begin anew from where they stand. Whoever is watched for silence has its whole span from `now`.
    pub fn begin_anew(&mut self, set: &RuleSet, stands: &BTreeMap<RuleNumber, bool>, now: u64) {
        let forgotten = TagState { is_volatile: true, ..TagState::new(self.now.max(now)) };
        self.tags.iter_mut().filter(|tag| tag.is_volatile).for_each(|tag| *tag = forgotten.clone());
        for (number, high) in stands {
            self.arm(*number, None);
            self.rules[*number as usize].begin_anew(set.rule(*number), *high);
            set.arm_watches(self, *number);
        }
    }

    pub(crate) fn arm(&mut self, rule: RuleNumber, at: Option<u64>) {
        let armed_at = &mut self.rules[rule as usize].armed_at;
        if let Some(before) = std::mem::replace(armed_at, at) {
            self.armed.remove(&(before, rule));
        }
        self.armed.extend(at.map(|at| (at, rule)));
    }
}

impl RuleState {
    pub(crate) fn new(rule: &crate::set::Rule) -> RuleState {
        RuleState {
            phase: Phase::Low,
            verdict: Err(Unknown::NoValue),
            windows: rule.form.windows.iter().map(|window| Window::new(window.span_ms)).collect(),
            armed_at: None,
            derived_at: vec![None; rule.outputs.len()],
            counts: RuleCounts::default(),
            is_volatile: false,
        }
    }

    /// After a start: nothing of windows, hold times and verdicts is left.
    fn begin_anew(&mut self, rule: &crate::set::Rule, high: bool) {
        let phase = if high { Phase::High } else { Phase::Low };
        let (derived_at, counts) = (std::mem::take(&mut self.derived_at), self.counts);
        *self = RuleState { phase, derived_at, counts, is_volatile: true, ..RuleState::new(rule) };
    }
}

impl TagState {
    pub(crate) fn new(now: u64) -> TagState {
        TagState { value: Err(Unknown::NoValue), good_at: now, is_volatile: false }
    }
}
