//! A rule set with its state: runs what is due before a sample, decides, applies. Pure; the time is handed in.

use crate::carry::same_names;
use crate::decide::Sample;
use crate::fact::Fact;
use crate::set::RuleSet;
use crate::state::State;
use std::sync::Arc;

/// Rules that run.
#[derive(Debug, Clone)]
pub struct Engine {
    pub set: Arc<RuleSet>,
    pub state: State,
}

impl Engine {
    pub fn new(set: Arc<RuleSet>, now: u64) -> Engine {
        let state = State::new(&set, now);
        Engine { set, state }
    }

    /// Goes on with a set that replaces this one's: rules that are the same keep what they remember.
    pub fn succeeded_by(&self, set: Arc<RuleSet>, now: u64) -> Engine {
        let state = self.state.carried(&self.set, &set, now);
        Engine { set, state }
    }

    /// Takes in a sample and adds the facts that follow to `facts`, those of deadlines before it first. A time that runs backwards
    /// counts as the latest one.
    pub fn observe(&mut self, now: u64, sample: &Sample, facts: &mut Vec<Fact>) {
        self.pass(now, facts);
        let from = facts.len();
        self.set.decide_into(&self.state, now.max(self.state.now()), sample, facts);
        facts[from..].iter().for_each(|fact| self.set.apply(&mut self.state, fact));
    }

    /// Lets time pass until `now`, nothing having come.
    pub fn pass(&mut self, now: u64, facts: &mut Vec<Fact>) {
        while self.state.next_deadline().is_some_and(|at| at <= now) {
            let from = facts.len();
            self.set.decide_deadline(&self.state, facts);
            facts[from..].iter().for_each(|fact| self.set.apply(&mut self.state, fact));
        }
    }

    /// What has to be said when `next` takes over at `at`: alarms and conditions that only this one has are over, by the numbers of this
    /// set; those that only `next` has came, by the numbers of its set.
    pub fn differences(&self, next: &Engine, at: u64) -> (Vec<Fact>, Vec<Fact>) {
        (self.not_in(next, false, at), next.not_in(self, true, at))
    }

    fn not_in(&self, other: &Engine, came: bool, at: u64) -> Vec<Fact> {
        let mut facts = Vec::new();
        let pairs = same_names(&other.set, &self.set);
        for ((number, rule), pair) in (0..).zip(self.set.rules()).zip(pairs) {
            let is_high_there = pair.is_some_and(|number| other.state.phase(number).is_high());
            if self.state.phase(number).is_high() && !is_high_there {
                facts.extend(rule.turn(number, came, at));
            }
        }
        facts
    }
}
