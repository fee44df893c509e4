//! What rules are given: their texts, the tags there are, the limits. Checked whole before anything of it takes effect. Pure.

use crate::rules::section::TERM;
use std::sync::Arc;
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_rules::{Catalog, Fault, Limits, Output, RuleSet, RuleSpec, ShadowTerm, compile};

/// The settings of the rules.
#[derive(Debug, Clone)]
pub struct RulesConfig {
    pub rules: Vec<RuleSpec>,
    /// The tags rules may name.
    pub catalog: Catalog,
    pub limits: Limits,
    /// How long a changed set runs beside the one in force.
    pub trial: ShadowTerm,
    /// How often what rules remember is written down; a start reads at most what came in since.
    pub snapshot_ms: u64,
    /// A command that could not be sent for so long is given up.
    pub command_age_ms_max: u64,
    /// An alarm can be shelved for so long.
    pub shelf_ms_max: u64,
}

impl Default for RulesConfig {
    fn default() -> RulesConfig {
        RulesConfig {
            rules: Vec::new(),
            catalog: Catalog::of_topics(),
            limits: Limits::default(),
            trial: TERM,
            snapshot_ms: 10_000,
            command_age_ms_max: 10_000,
            shelf_ms_max: 24 * 60 * 60 * 1000,
        }
    }
}

/// Why rules were not taken; those in force go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFaults {
    pub faults: Vec<Fault>,
    /// Rules whose derived tag or topic cannot be one, with the name.
    pub unnameable: Vec<(String, String)>,
}

impl RulesConfig {
    /// The rules compiled, or everything that is wrong with them.
    pub fn check(&self) -> Result<Arc<RuleSet>, RuleFaults> {
        check(&self.rules, &self.catalog, &self.limits)
    }

    /// Where these rules would send commands; nothing where something is wrong with them.
    pub fn command_topics(&self) -> Vec<TopicName> {
        self.check().map_or_else(|_| Vec::new(), |set| command_topics(&set))
    }
}

pub(crate) fn command_topics(set: &RuleSet) -> Vec<TopicName> {
    let topic = |output: &Output| match output {
        Output::Command { topic, .. } => topic.parse().ok(),
        _ => None,
    };
    set.rules().iter().flat_map(|rule| &rule.outputs).filter_map(topic).collect()
}

pub(crate) fn check(
    rules: &[RuleSpec],
    catalog: &Catalog,
    limits: &Limits,
) -> Result<Arc<RuleSet>, RuleFaults> {
    let set = compile(rules, catalog, limits).map_err(|faults| RuleFaults { faults, unnameable: vec![] })?;
    let named =
        set.rules().iter().flat_map(|rule| rule.outputs.iter().map(|output| (rule.name.clone(), output)));
    let unnameable: Vec<_> = named.filter_map(|(rule, output)| Some((rule, misnamed(output)?))).collect();
    if unnameable.is_empty() { Ok(Arc::new(set)) } else { Err(RuleFaults { faults: vec![], unnameable }) }
}

/// A derived tag is `device.tag` and its parts can stand in a topic.
pub(crate) fn misnamed(output: &Output) -> Option<String> {
    match output {
        Output::Derive { tag, .. } if derived_topic(tag).is_none() => Some(tag.clone()),
        Output::Command { topic, .. } if topic.parse::<TopicName>().is_err() => Some(topic.clone()),
        _ => None,
    }
}

/// Device, tag and topic of a derived tag.
pub(crate) fn derived_topic(name: &str) -> Option<(&str, &str, TopicName)> {
    let (device, tag) =
        name.rsplit_once('.').filter(|(device, tag)| !device.is_empty() && !tag.is_empty())?;
    let fits = |part: &str| part.len() <= 255 && !part.contains(['+', '#']);
    let topic = format!("derived/{device}/{tag}").parse().ok()?;
    (fits(device) && fits(tag)).then_some((device, tag, topic))
}

impl RuleFaults {
    /// The code of the first.
    pub fn code(&self) -> &'static str {
        self.faults.first().map_or("TG-RU-011", |fault| fault.what.code())
    }

    /// Every fault as a line with its hint.
    pub fn lines(&self) -> Vec<String> {
        let faults =
            self.faults.iter().map(|fault| format!("{} {fault} ({})", fault.what.code(), fault.what.hint()));
        let unnameable = self
            .unnameable
            .iter()
            .map(|(rule, name)| format!("TG-RU-011 rule {rule}: {name:?} is no device.tag, or no topic"));
        faults.chain(unnameable).collect()
    }
}

impl std::fmt::Display for RuleFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

impl std::error::Error for RuleFaults {}
