//! Rules that run together: their forms, and which of them a tag's update concerns. Pure.

use crate::catalog::{Catalog, matches, may_be_of};
use crate::fact::RuleNumber;
use crate::form::{Form, Slot};
use crate::lower::Names;
use crate::rule::Output;
use crate::syntax::Kind;
use crate::window::WINDOW_BYTES;

/// What rules cost beside their programs: finding the rule and moving its phase.
pub const RULE_COST: u32 = 4;
/// What taking a value into a window costs.
pub const WINDOW_COST: u32 = 4;

/// A compiled rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub name: String,
    pub form: Form,
    pub outputs: Vec<Output>,
    /// Whether it may be due when nothing arrives.
    pub(crate) timed: bool,
    pub(crate) print: u64,
}

/// Compiled rules; made by [`compile`](crate::compile), never changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleSet {
    names: Names,
    /// What any device may have, which is all that patterns take in of devices nobody has named.
    open: Catalog,
    rules: Vec<Rule>,
    readers: Vec<Vec<RuleNumber>>,
    window_readers: Vec<Vec<(RuleNumber, u16)>>,
}

impl Rule {
    pub(crate) fn new(name: String, form: Form, outputs: Vec<Output>, print: u64) -> Rule {
        Rule { timed: form.is_timed(), name, form, outputs, print }
    }

    /// What tells it apart from one of the same name that says something else.
    pub fn print(&self) -> u64 {
        self.print
    }

    /// Units that one update of a tag it reads costs.
    fn update_cost(&self, slot: Slot) -> u32 {
        let windows = self.form.windows.iter().filter(|window| window.slots.contains(&slot)).count();
        self.form.cost() + RULE_COST + WINDOW_COST * windows as u32
    }

    pub(crate) fn window_bytes(&self) -> usize {
        self.form.windows.len() * WINDOW_BYTES
    }
}

impl RuleSet {
    /// A tag that one rule names still belongs to the patterns of others, so it joins their windows under its own slot. What rules
    /// derive is not in `model`: no pattern takes it in.
    pub(crate) fn new(names: Names, mut rules: Vec<Rule>, model: &Catalog) -> RuleSet {
        for slot in &names.patterns {
            let pattern = &names.tags[*slot as usize].0;
            let is_named = |(other, (name, kind)): &(Slot, &(String, Kind))| {
                let is_number = *kind == Kind::Number && model.kind(name).is_some();
                is_number && !names.patterns.contains(other) && matches(pattern, name)
            };
            let named = (0..).zip(&names.tags).filter(is_named);
            let named: Vec<Slot> = named.map(|(slot, _)| slot).collect();
            rules.iter_mut().for_each(|rule| rule.form.widen(*slot, &named));
        }
        RuleSet::indexed(names, model.open_only(), rules)
    }

    fn indexed(names: Names, open: Catalog, rules: Vec<Rule>) -> RuleSet {
        let tags = names.tags.len();
        let (mut readers, mut window_readers) = (vec![Vec::new(); tags], vec![Vec::new(); tags]);
        for (number, rule) in (0..).zip(&rules) {
            for slot in rule.form.slots() {
                readers[slot as usize].push(number);
            }
            for (window, form) in (0..).zip(&rule.form.windows) {
                form.slots.iter().for_each(|slot| window_readers[*slot as usize].push((number, window)));
            }
        }
        RuleSet { names, open, rules, readers, window_readers }
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn rule(&self, number: RuleNumber) -> &Rule {
        &self.rules[number as usize]
    }

    /// The tags it reads with their kinds, by slot.
    pub fn tags(&self) -> &[(String, Kind)] {
        &self.names.tags
    }

    /// The slot of a tag; nothing if no rule names it.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.names.slot(name)
    }

    /// Every slot that a device's tag goes into: its own, or else those of patterns it comes under.
    pub fn slots<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Slot> + 'a {
        let own = self.slot(name);
        let may_match = own.is_none() && !self.names.patterns.is_empty() && self.open.has_open(name);
        let patterns: &[Slot] = if may_match { &self.names.patterns } else { &[] };
        let is_under = |slot: &&Slot| matches(&self.tags()[**slot as usize].0, name);
        own.into_iter().chain(patterns.iter().filter(is_under).copied())
    }

    /// Units that one update costs which no rule names and which goes into the patterns that take in `tag` of some device.
    pub(crate) fn open_cost(&self, tag: &str) -> u32 {
        let patterns = self.names.patterns.iter();
        let meant = patterns.filter(|slot| may_be_of(&self.tags()[**slot as usize].0, tag));
        meant.map(|slot| self.update_cost(*slot)).fold(0, u32::saturating_add)
    }

    /// The rules to evaluate when this tag is updated.
    pub fn readers(&self, slot: Slot) -> &[RuleNumber] {
        &self.readers[slot as usize]
    }

    pub(crate) fn window_readers(&self, slot: Slot) -> &[(RuleNumber, u16)] {
        &self.window_readers[slot as usize]
    }

    pub(crate) fn timed(&self) -> impl Iterator<Item = RuleNumber> {
        (0..).zip(&self.rules).filter(|(_, rule)| rule.timed).map(|(number, _)| number)
    }

    /// Units that one update of this tag costs over all rules.
    pub fn update_cost(&self, slot: Slot) -> u32 {
        let costs = self.readers(slot).iter().map(|rule| self.rule(*rule).update_cost(slot));
        costs.fold(0, u32::saturating_add)
    }

    /// What all windows take in memory.
    pub fn window_bytes(&self) -> usize {
        self.rules.iter().map(Rule::window_bytes).sum()
    }
}
