//! What a new rule set keeps of the old one's memory. Pure.
//!
//! A tag keeps its latest value if its kind is the same. A rule keeps everything if it has the same name and says the same; one that
//! was changed begins anew, its windows empty.

use crate::fact::RuleNumber;
use crate::set::RuleSet;
use crate::state::State;
use std::collections::BTreeMap;

/// Rules of one set by the numbers of the same names in another.
pub(crate) fn same_names(old: &RuleSet, new: &RuleSet) -> Vec<Option<RuleNumber>> {
    let numbers: BTreeMap<&str, RuleNumber> =
        old.rules().iter().map(|rule| rule.name.as_str()).zip(0..).collect();
    new.rules().iter().map(|rule| numbers.get(rule.name.as_str()).copied()).collect()
}

impl State {
    /// The state of `new` that goes on from this one, which is of `old`.
    pub fn carried(&self, old: &RuleSet, new: &RuleSet, now: u64) -> State {
        let mut state = State::new(new, self.now.max(now));
        for (tag, (name, kind)) in state.tags.iter_mut().zip(new.tags()) {
            let same = old.slot(name).filter(|slot| old.tags()[*slot as usize].1 == *kind);
            if let Some(slot) = same {
                *tag = self.tags[slot as usize].clone();
            }
        }
        for ((number, rule), of_old) in (0..).zip(new.rules()).zip(same_names(old, new)) {
            let Some(before) = of_old.filter(|before| old.rule(*before).print == rule.print) else {
                continue;
            };
            let kept = self.rules[before as usize].clone();
            state.arm(number, kept.armed_at);
            state.rules[number as usize] = kept;
        }
        state
    }
}
