//! A changed rule set beside the one in force: both see everything, only the old one acts, and their verdicts are compared. Pure.

use crate::carry::same_names;
use crate::decide::Sample;
use crate::engine::Engine;
use crate::fact::{Fact, RuleNumber};
use crate::set::RuleSet;
use crate::state::State;
use crate::syntax::Kind;
use std::sync::Arc;

/// How long a shadow run takes; whichever ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowTerm {
    pub duration_ms: u64,
    pub evaluations_max: u64,
    /// Switch by itself when the term is over; else it waits to be told.
    pub automatic: bool,
}

/// How one rule's verdicts compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    pub agreed: u64,
    pub disagreed: u64,
    /// The old set has no rule of this name, so there is nothing to compare with.
    pub alone: u64,
}

/// A rule set on trial.
#[derive(Debug, Clone)]
pub struct Shadow {
    pub engine: Engine,
    term: ShadowTerm,
    since: u64,
    evaluations: u64,
    /// For each new rule the old one of the same name.
    pairs: Vec<Option<RuleNumber>>,
    agreements: Vec<Agreement>,
}

/// Where a rule stands, as far as anyone outside can see.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    Unknown,
    Condition(bool),
    Number(f64),
}

impl Shadow {
    /// Begins a trial of `set` beside `old`.
    pub fn new(old: &Engine, set: Arc<RuleSet>, term: ShadowTerm, now: u64) -> Shadow {
        let pairs = same_names(&old.set, &set);
        let agreements = vec![Agreement::default(); pairs.len()];
        let engine = old.succeeded_by(set, now);
        Shadow { engine, term, since: now, evaluations: 0, pairs, agreements }
    }

    /// Shows the trial set what `old` has just seen, as a sample of its own. What it would put out goes nowhere.
    pub fn observe(&mut self, old: &Engine, now: u64, sample: &Sample) {
        let mut facts = Vec::new();
        self.engine.observe(now, sample, &mut facts);
        self.compare(old, &facts);
    }

    /// The same when time has passed and nothing came.
    pub fn pass(&mut self, old: &Engine, now: u64) {
        let mut facts = Vec::new();
        self.engine.pass(now, &mut facts);
        self.compare(old, &facts);
    }

    fn compare(&mut self, old: &Engine, facts: &[Fact]) {
        for fact in facts {
            let Fact::Evaluated { rule, .. } = *fact else { continue };
            self.evaluations += 1;
            let agreement = &mut self.agreements[rule as usize];
            match self.pairs[rule as usize] {
                None => agreement.alone += 1,
                Some(before)
                    if standing(&old.set, &old.state, before)
                        == standing(&self.engine.set, &self.engine.state, rule) =>
                {
                    agreement.agreed += 1;
                }
                Some(_) => agreement.disagreed += 1,
            }
        }
    }

    /// Whether the term is over.
    pub fn is_over(&self, now: u64) -> bool {
        now.saturating_sub(self.since) >= self.term.duration_ms
            || self.evaluations >= self.term.evaluations_max
    }

    /// Whether the set should take over now without being told to.
    pub fn takes_over(&self, now: u64) -> bool {
        self.term.automatic && self.is_over(now)
    }

    /// The counts by rule name, in the order of the new set.
    pub fn agreements(&self) -> impl Iterator<Item = (&str, Agreement)> {
        let names = self.engine.set.rules().iter().map(|rule| rule.name.as_str());
        names.zip(self.agreements.iter().copied())
    }
}

fn standing(set: &RuleSet, state: &State, rule: RuleNumber) -> Standing {
    match (set.rule(rule).form.kind, state.verdict(rule)) {
        (_, Err(_)) => Standing::Unknown,
        (Kind::Number, Ok(number)) => Standing::Number(number),
        (Kind::Boolean | Kind::Text, Ok(_)) => Standing::Condition(state.phase(rule).is_high()),
    }
}
