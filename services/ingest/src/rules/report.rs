//! What rules are doing, as JSON for `GET /api/v1/ingest/rules` and as metrics. Pure.

use crate::rules::heard::HeardCounts;
use serde::Serialize;
use std::collections::BTreeMap;
use tidegate_engine_rules::{Engine, RuleCounts, Shadow, Unknown};

/// Rules at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RulesReport {
    pub running: bool,
    /// Readings not looked at yet.
    pub lag: u64,
    /// What became of telemetry that rules read, since the start.
    pub telemetry: HeardCounts,
    pub rules: Vec<RuleReport>,
    /// Over all rules, those included that are no longer there.
    pub totals: RuleTotals,
    /// Outcomes that were records already, as after a crash.
    pub known_before: u64,
    pub restarts: u64,
    pub shadow: Option<ShadowReport>,
}

/// What became of evaluations; never falls while the process lives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleTotals {
    pub evaluations: u64,
    /// Without a verdict, by reason.
    pub unknown: BTreeMap<&'static str, u64>,
    pub raised: u64,
    pub cleared: u64,
    pub derived: u64,
    pub commands: u64,
}

/// One rule; counts since its state began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    pub rule: String,
    /// `true`, `false`, a number, or why neither.
    pub verdict: String,
    pub high: bool,
    /// Units of one evaluation, at most.
    pub cost: u32,
    pub evaluations: u64,
    pub unknown: u64,
    pub raised: u64,
    pub cleared: u64,
    pub derived: u64,
    pub commands: u64,
}

/// A rule set on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowReport {
    /// The term is over; it waits to be told to take over.
    pub over: bool,
    pub rules: Vec<AgreementReport>,
}

/// How often a rule of the new set stood as that of the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgreementReport {
    pub rule: String,
    pub agreed: u64,
    pub disagreed: u64,
    /// There is no such rule in the set in force.
    pub alone: u64,
}

pub(crate) fn rules(engine: &Engine) -> Vec<RuleReport> {
    let report = |(number, rule): (u32, &tidegate_engine_rules::Rule)| {
        let (counts, verdict) = (engine.state.counts(number), engine.state.verdict(number));
        RuleReport {
            rule: rule.name.clone(),
            verdict: verdict.map_or_else(|unknown| unknown.name().to_owned(), |value| value.to_string()),
            high: engine.state.phase(number).is_high(),
            cost: rule.form.cost(),
            evaluations: counts.evaluations,
            unknown: counts.unknown.iter().sum(),
            raised: counts.raised,
            cleared: counts.cleared,
            derived: counts.derived,
            commands: counts.commands,
        }
    };
    (0..).zip(engine.set.rules()).map(report).collect()
}

/// Totals over rule sets that follow one another: what a set had counted on trial is no part of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Running {
    /// Of the sets before.
    before: RuleCounts,
    /// What the set in force had counted when it took over.
    offset: RuleCounts,
}

impl Running {
    /// `next` takes over from `old`.
    pub(crate) fn switch(&mut self, old: &Engine, next: &Engine) {
        self.before = self.now(old);
        self.offset = sum(next);
    }

    fn now(&self, engine: &Engine) -> RuleCounts {
        self.before.plus(&sum(engine).minus(&self.offset))
    }

    pub(crate) fn totals(&self, engine: &Engine) -> RuleTotals {
        let counts = self.now(engine);
        RuleTotals {
            evaluations: counts.evaluations,
            unknown: Unknown::ALL.map(Unknown::name).into_iter().zip(counts.unknown).collect(),
            raised: counts.raised,
            cleared: counts.cleared,
            derived: counts.derived,
            commands: counts.commands,
        }
    }
}

fn sum(engine: &Engine) -> RuleCounts {
    let each = (0..engine.set.rules().len() as u32).map(|number| engine.state.counts(number));
    each.fold(RuleCounts::default(), |sum, counts| sum.plus(&counts))
}

pub(crate) fn shadow(shadow: &Shadow, now: u64) -> ShadowReport {
    let rules = shadow.agreements().map(|(rule, agreement)| AgreementReport {
        rule: rule.to_owned(),
        agreed: agreement.agreed,
        disagreed: agreement.disagreed,
        alone: agreement.alone,
    });
    ShadowReport { over: shadow.is_over(now), rules: rules.collect() }
}
