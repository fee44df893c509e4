//! From rules as they are written down to a [`RuleSet`], or to every fault in them. Pure.
//!
//! A rule may read what another derives. So rules are taken in rounds, each as soon as everything it reads is known; what is left
//! when a round makes no progress derives something from itself.

use crate::catalog::Catalog;
use crate::fault::{Fault, FaultKind, Place};
use crate::limits::Limits;
use crate::lower::{Lowering, Names};
use crate::parser::parse;
use crate::rule::{Draft, NAME_CHARS_MAX, RuleSpec, check_name};
use crate::set::{Rule, RuleSet};
use crate::syntax::{Body, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Reads one rule's text without asking what its names mean.
pub fn read(text: &str) -> Result<Body, (Place, FaultKind)> {
    parse(text).map_err(|(at, what)| (Place::of(text, at), what))
}

/// Compiles rules that run together. Reports every fault of every rule, in their order.
pub fn compile(specs: &[RuleSpec], catalog: &Catalog, limits: &Limits) -> Result<RuleSet, Vec<Fault>> {
    let mut faults = Vec::new();
    let drafts = drafts(specs, limits, &mut faults);
    check_outputs(&drafts, catalog, limits, &mut faults);
    let mut rounds = Rounds::new(catalog, limits, &drafts);
    rounds.run(&mut faults);
    let rules: Vec<Rule> = rounds.rules.into_values().collect();
    let set = RuleSet::new(rounds.names, rules, catalog);
    check_costs(&set, catalog, limits, &mut faults);
    if faults.is_empty() { Ok(set) } else { Err(faults) }
}

const START: Place = Place { line: 1, column: 1 };

fn fault(rule: &str, what: FaultKind) -> Fault {
    Fault { rule: rule.to_owned(), place: START, what }
}

fn drafts(specs: &[RuleSpec], limits: &Limits, faults: &mut Vec<Fault>) -> Vec<Draft> {
    let found = specs.iter().map(|spec| spec.devices.len().max(1)).fold(0, usize::saturating_add);
    let max = limits.rules_max;
    if found > max {
        faults.push(fault("all", FaultKind::TooMany { what: "rules", found, max }));
        return Vec::new();
    }
    let (mut drafts, mut names) = (Vec::new(), BTreeSet::new());
    for spec in specs {
        if let Some(what) = check_name("a rule's name", &spec.name, NAME_CHARS_MAX) {
            faults.push(fault(&spec.name, what));
        }
        match read(&spec.text) {
            Ok(body) => drafts.extend(Draft::all_of(spec, &body)),
            Err((place, what)) => faults.push(Fault { rule: spec.name.clone(), place, what }),
        }
    }
    let repeated = drafts.iter().filter(|draft| !names.insert(draft.name.clone()));
    faults.extend(repeated.map(|draft| fault(&draft.name, FaultKind::SameName)));
    drafts
}

fn check_outputs(drafts: &[Draft], catalog: &Catalog, limits: &Limits, faults: &mut Vec<Fault>) {
    let mut targets = BTreeSet::new();
    for draft in drafts {
        let (found, max) = (draft.outputs.len(), limits.outputs_per_rule_max);
        if found > max {
            faults.push(fault(&draft.name, FaultKind::TooMany { what: "outputs", found, max }));
        }
        let misnamed = draft.outputs.iter().filter_map(|output| output.check());
        faults.extend(misnamed.map(|what| fault(&draft.name, what)));
        for target in draft.targets() {
            if catalog.kind(target).is_some() || catalog.is_unclear(target) || !targets.insert(target) {
                faults.push(fault(&draft.name, FaultKind::SameTarget(target.to_owned())));
            }
        }
    }
}

/// Rules on their way to a set.
struct Rounds<'a> {
    /// Grows by the derived tags.
    catalog: Catalog,
    limits: &'a Limits,
    drafts: &'a [Draft],
    /// Derived tags of drafts that were not taken yet.
    open: BTreeMap<&'a str, usize>,
    names: Names,
    /// By the place of their draft.
    rules: BTreeMap<usize, Rule>,
}

impl<'a> Rounds<'a> {
    fn new(catalog: &Catalog, limits: &'a Limits, drafts: &'a [Draft]) -> Rounds<'a> {
        let targets = drafts.iter().enumerate();
        let open = targets.flat_map(|(at, draft)| draft.targets().map(move |target| (target, at))).collect();
        let (catalog, names) = (catalog.clone(), Names::default());
        Rounds { catalog, limits, drafts, open, names, rules: BTreeMap::new() }
    }

    fn run(&mut self, faults: &mut Vec<Fault>) {
        let mut waiting: Vec<usize> = (0..self.drafts.len()).collect();
        while !waiting.is_empty() {
            let drafts = self.drafts;
            let reads_open =
                |at: &usize| drafts[*at].body.tags().iter().any(|tag| self.open.contains_key(tag.as_str()));
            let (later, ready): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|at| reads_open(at));
            if ready.is_empty() {
                faults.extend(later.iter().filter_map(|at| self.circle(&drafts[*at])));
                return;
            }
            ready.into_iter().for_each(|at| self.take(at, faults));
            waiting = later;
        }
    }

    /// Rules that only read from a circle are not told apart from those within; both go once it is broken.
    fn circle(&self, draft: &Draft) -> Option<Fault> {
        let target = draft.targets().next()?;
        Some(fault(&draft.name, FaultKind::Circle(target.to_owned())))
    }

    fn take(&mut self, at: usize, faults: &mut Vec<Fault>) {
        let draft = &self.drafts[at];
        let kind = match Lowering::new(&self.catalog, self.limits, &mut self.names).form(&draft.body) {
            Ok(form) => {
                let kind = form.kind;
                let rule = Rule::new(draft.name.clone(), form, draft.outputs.clone(), draft.print());
                faults.extend(check_rule(&rule, self.limits).map(|what| fault(&rule.name, what)));
                self.rules.insert(at, rule);
                kind
            }
            Err(found) => {
                let place = |at| Place::of(&draft.text, at);
                let of = |(at, what)| Fault { rule: draft.name.clone(), place: place(at), what };
                faults.extend(found.into_iter().map(of));
                Kind::Number
            }
        };
        for target in draft.targets() {
            self.open.remove(target);
            self.catalog.insert_derived(target, kind);
        }
    }
}

fn check_rule(rule: &Rule, limits: &Limits) -> impl Iterator<Item = FaultKind> {
    let (cost, max) = (rule.form.cost(), limits.cost_per_evaluation_max);
    let dear = (cost > max).then_some(FaultKind::Cost { cost, max });
    let is_number = rule.form.kind == Kind::Number;
    let needs_condition = rule.outputs.iter().any(|output| !matches!(output, crate::Output::Derive { .. }));
    let misfit = (is_number && needs_condition).then_some(FaultKind::NumberAsCondition);
    dear.into_iter().chain(misfit)
}

fn check_costs(set: &RuleSet, catalog: &Catalog, limits: &Limits, faults: &mut Vec<Fault>) {
    let max = limits.cost_per_update_max;
    for tag in catalog.open_numbers() {
        let cost = set.open_cost(tag);
        if cost > max {
            faults.push(fault("all", FaultKind::UpdateCost { tag: tag.to_owned(), cost, max }));
        }
    }
    for (slot, (tag, _)) in (0..).zip(set.tags()) {
        let cost = set.update_cost(slot);
        if cost > max {
            let dearest = set.readers(slot).iter().max_by_key(|rule| set.rule(**rule).form.cost());
            let rule = dearest.map_or("all", |rule| &set.rule(*rule).name);
            faults.push(fault(rule, FaultKind::UpdateCost { tag: tag.clone(), cost, max }));
        }
    }
    let (found, max) = (set.window_bytes(), limits.window_bytes_max);
    if found > max {
        faults.push(fault("all", FaultKind::TooMany { what: "bytes of windows", found, max }));
    }
}
