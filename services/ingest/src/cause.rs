//! What an alarm follows from: the reading that a rule was looking at when it raised it.
//!
//! Nothing is kept for this. The id of an alarm's change is made of the reading's, so of the readings of that moment which the rule
//! looks at, the cause is the one whose id makes an id that the journal has. Reads the disk, for as long as that moment was.

use crate::alarms::ALARMS;
use crate::ingest::Ingest;
use crate::layout;
use crate::reading::READINGS;
use crate::rules::outputs::{Origin, alarm_key, id};
use crate::rules::tags::samples;
use crate::story::{Story, StoryError};
use serde::Serialize;
use tidegate_engine_rules::{Output, RuleNumber, RuleSet, Sample};
use tidegate_kernel_journal::{Id, ReadLimit, Record};

const PAGE: ReadLimit = ReadLimit { records: 512, bytes: 1 << 20 };
/// Readings that are looked at on the way to that moment, and in it.
const READINGS_MAX: usize = 200_000;

/// Where an alarm comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmStory {
    pub key: String,
    pub cause: Cause,
    /// The reading's way, where there is one.
    pub story: Option<Story>,
}

/// What raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Reading,
    /// A condition held for long enough, or nothing came for too long.
    Time,
    /// The journal has that moment no more, or the rule is another one by now.
    Unknown,
}

/// One output of one rule, and when it raised its alarm.
struct Suspect<'a> {
    set: &'a RuleSet,
    rule: RuleNumber,
    output: u8,
    at: u64,
}

impl Suspect<'_> {
    fn find<'a>(set: &'a RuleSet, key: &str, at: u64) -> Option<Suspect<'a>> {
        (0..).zip(set.rules()).find_map(|(rule, of)| {
            let alarms = (0..).zip(&of.outputs).filter(|(_, output)| matches!(output, Output::Alarm { .. }));
            let (output, _) = { alarms }.find(|(output, _)| alarm_key(of, *output) == key)?;
            Some(Suspect { set, rule, output, at })
        })
    }

    /// The id of the alarm's change, if this is what it followed from.
    fn change(&self, origin: Id, point: u16) -> Id {
        let origin = Origin { id: origin, point, replay: true };
        id(self.set.rule(self.rule), self.output, b"raised", self.at, origin)
    }

    /// The ids it may have if it followed from this reading: one for each tag the rule reads.
    fn changes(&self, record: &Record) -> Vec<Id> {
        let Ok(reading) = layout::of_record(record) else { return Vec::new() };
        let is_read = |sample: &Sample| self.set.readers(sample.slot()).contains(&self.rule);
        let looked_at = samples(self.set, &reading).into_iter().filter(|(_, sample)| is_read(sample));
        looked_at.map(|(point, _)| self.change(record.head.id, point)).collect()
    }
}

impl Ingest {
    /// Tells what raised the alarm of this key last; nothing where there is no such alarm. Reads the disk.
    pub fn alarm_story(&self, key: &str) -> Result<Option<AlarmStory>, StoryError> {
        let Some(rules) = self.rules() else { return Ok(None) };
        let Some(alarm) = rules.alarms().find(key) else { return Ok(None) };
        let set = rules.shared.in_force();
        let (cause, story) = match Suspect::find(&set, key, alarm.raised_at) {
            Some(suspect) => self.cause(&suspect)?,
            None => (Cause::Unknown, None),
        };
        Ok(Some(AlarmStory { key: key.to_owned(), cause, story }))
    }

    fn cause(&self, suspect: &Suspect<'_>) -> Result<(Cause, Option<Story>), StoryError> {
        if self.is_change(suspect.change(Id::NIL, 0))? {
            return Ok((Cause::Time, None));
        }
        let (mut after, mut looked_at) = (self.journal.seq_before(suspect.at), 0);
        while looked_at < READINGS_MAX {
            let (records, through) = self.journal.read(READINGS, after, PAGE)?;
            if let Some(record) = self.cause_among(suspect, &records)? {
                return Ok((Cause::Reading, Some(self.story_of_reading(record.head.id, record)?)));
            }
            let is_beyond = records.last().is_none_or(|record| record.head.stamp_ms > suspect.at);
            if is_beyond || through <= after {
                break;
            }
            (after, looked_at) = (through, looked_at + records.len());
        }
        Ok((Cause::Unknown, None))
    }

    fn cause_among<'r>(
        &self,
        suspect: &Suspect<'_>,
        records: &'r [Record],
    ) -> Result<Option<&'r Record>, StoryError> {
        for record in records.iter().filter(|record| record.head.stamp_ms == suspect.at) {
            for change in suspect.changes(record) {
                if self.is_change(change)? {
                    return Ok(Some(record));
                }
            }
        }
        Ok(None)
    }

    fn is_change(&self, id: Id) -> Result<bool, StoryError> {
        Ok(self.journal.find(id)?.is_some_and(|record| record.head.stream == ALARMS))
    }
}
