//! From outcomes to records: a derived reading, a change of an alarm, a command. Each with an id made of what it follows from, so that
//! deciding it again after a crash changes nothing.

use crate::alarms::AlarmFeed;
use crate::command;
use crate::ingest::Ingest;
use crate::layout::{self, KIND, VERSION};
use crate::once::{self, Appended};
use crate::reading::{Points, READINGS, Reading, Source};
use crate::rules::config::derived_topic;
use crate::rules::stands;
use std::sync::Arc;
use tidegate_codec_mqtt::Text;
use tidegate_engine_rules::{Fact, Output, Rule, RuleSet, Value};
use tidegate_engine_tags::{Point, Quality};
use tidegate_kernel_journal::{Entry, Id, Refusal};

/// What outcomes follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// The reading's record, or an id of its own for one that has none; nil for the passing of time.
    pub(crate) id: Id,
    /// Which of the reading's points.
    pub(crate) point: u16,
    /// It may have been decided before, ahead of a crash.
    pub(crate) replay: bool,
}

impl Origin {
    pub(crate) const TIME: Origin = Origin { id: Id::NIL, point: 0, replay: true };
}

/// Where outcomes go.
#[derive(Debug, Clone)]
pub(crate) struct Outputs {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) alarms: Arc<AlarmFeed>,
}

/// The alarm's name: the rule's, and behind a second alarm of one rule its place.
pub(crate) fn alarm_key(rule: &Rule, output: u8) -> String {
    let alarms =
        rule.outputs.iter().take(output.into()).filter(|output| matches!(output, Output::Alarm { .. }));
    match alarms.count() {
        0 => rule.name.clone(),
        before => format!("{}#{}", rule.name, before + 1),
    }
}

impl Outputs {
    /// Makes a record of an outcome; whether it is a new one.
    pub(crate) fn put(&self, set: &RuleSet, fact: &Fact, origin: Origin) -> Result<bool, Refusal> {
        if let Fact::Stands { rule, high, at } = *fact {
            return stands::write(&self.ingest.journal, set.rule(rule), (high, at), origin);
        }
        let Some((number, output)) = fact.outcome() else { return Ok(false) };
        let rule = set.rule(number);
        let to = &rule.outputs[usize::from(output)];
        match (fact, to) {
            (Fact::Derived { value, at, .. }, Output::Derive { tag, .. }) => {
                let id = id(rule, output, b"derived", *at, origin);
                self.derive(rule, tag, value, *at, id, origin.replay)
            }
            (Fact::AlarmRaised { at, .. }, Output::Alarm { severity, text }) => {
                let id = id(rule, output, b"raised", *at, origin);
                self.alarms.raise(&alarm_key(rule, output), (*severity, text), *at, id, origin.replay)
            }
            (Fact::AlarmCleared { at, .. }, Output::Alarm { .. }) => {
                let id = id(rule, output, b"cleared", *at, origin);
                self.alarms.clear(&alarm_key(rule, output), *at, id, origin.replay)
            }
            (Fact::CommandDue { came, at, .. }, Output::Command { topic, came: payload, went }) => {
                let (payload, word) = if *came { (payload, &b"came"[..]) } else { (went, &b"went"[..]) };
                let Some(payload) = payload else { return Ok(false) };
                let id = id(rule, output, word, *at, origin);
                self.command((topic, payload), &rule.name, id, origin)
            }
            // A set's own facts fit its own outputs.
            _ => Ok(false),
        }
    }

    fn derive(
        &self,
        rule: &Rule,
        tag: &str,
        value: &Value,
        at: u64,
        id: Id,
        replay: bool,
    ) -> Result<bool, Refusal> {
        let Some((device, tag, topic)) = derived_topic(tag) else { return Ok(false) };
        let value = match value {
            Value::Number(number) => (*number).into(),
            Value::Boolean(boolean) => (*boolean).into(),
            Value::Text(text) => (&**text).into(),
        };
        let point = Point { tag: tag.into(), value, quality: Quality::Good, source_ms: at };
        let points = Points { device: device.into(), points: vec![point] };
        let client = Text::new(&rule.name).unwrap_or_default();
        let reading = Reading { client, ..Reading::points(Source::Rule, topic, points) };
        let Ok(payload) = layout::encode(&reading) else { return Ok(false) };
        let entry = Entry {
            stream: READINGS,
            kind: KIND,
            version: VERSION,
            id,
            payload: &payload,
            ..Entry::default()
        };
        self.ingest.append_derived(entry, replay)
    }

    fn command(
        &self,
        (topic, payload): (&str, &str),
        rule: &str,
        id: Id,
        origin: Origin,
    ) -> Result<bool, Refusal> {
        let payload = command::encode(origin.id, topic, rule, payload);
        let (stream, kind, version) = (command::COMMANDS, command::KIND, command::VERSION);
        let entry =
            Entry { stream, kind, version, critical: true, id, payload: &payload, ..Entry::default() };
        let appended = once::append(&self.ingest.journal, entry, origin.replay)?;
        Ok(matches!(appended, Appended::New(_)))
    }
}

/// The id of what an output of a rule makes of its origin.
pub(crate) fn id(rule: &Rule, output: u8, word: &[u8], at: u64, origin: Origin) -> Id {
    once::id_of(at, &[&origin.id.0, &origin.point.to_le_bytes(), rule.name.as_bytes(), &[output], word])
}
