//! What rules are doing, as JSON for `GET /api/v1/ingest/rules` and as metrics. Pure.

use serde::Serialize;
use std::collections::BTreeMap;
use tidegate_engine_rules::{Engine, Shadow, Unknown};

/// Rules at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RulesReport {
    pub running: bool,
    /// Readings not looked at yet.
    pub lag: u64,
    pub rules: Vec<RuleReport>,
    /// Evaluations without a verdict, by reason, over all rules.
    pub unknown: BTreeMap<&'static str, u64>,
    /// Outcomes that were records already, as after a crash.
    pub known_before: u64,
    pub restarts: u64,
    pub shadow: Option<ShadowReport>,
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

pub(crate) fn unknown(engine: &Engine) -> BTreeMap<&'static str, u64> {
    let mut by_reason: BTreeMap<&'static str, u64> = Unknown::ALL.map(|unknown| (unknown.name(), 0)).into();
    for number in 0..engine.set.rules().len() as u32 {
        for (reason, count) in Unknown::ALL.into_iter().zip(engine.state.counts(number).unknown) {
            *by_reason.entry(reason.name()).or_default() += count;
        }
    }
    by_reason
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
