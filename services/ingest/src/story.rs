//! The story of a reading: taken in when, where it has gone since, and what followed from it; or of such a command. What `GET /api/v1/story/ID` answers is [`Told`].
//!
//! Told out of the journal alone, so it is the same after a restart: the record, and the moments at which each sink's cursor went
//! past it. Reads the disk, for as long as the log behind the reading is long.

use crate::accounts::{CURSOR_PREFIX, sink_name};
use crate::class::Class;
use crate::command::COMMANDS;
use crate::consequence::Consequence;
use crate::ingest::Ingest;
use crate::layout;
use crate::letters::Pick;
use crate::reading::{READINGS, Reading};
use serde::Serialize;
use std::collections::BTreeMap;
use tidegate_kernel_journal::{Id, Passage, ReadError, Record};

/// One reading's way through the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    pub id: String,
    /// Its number in the journal.
    pub seq: u64,
    pub class: Class,
    /// How it came: `mqtt`, `http`, `grpc`, `external` or `rule`.
    pub source: &'static str,
    pub topic: String,
    pub client: String,
    pub principal: String,
    /// When it was taken in, in milliseconds since 1970.
    pub taken_ms: u64,
    /// One for each sink that ran when it came, by name.
    pub sinks: Vec<Passing>,
    /// What rules wanted done because of it.
    pub commands: Vec<Consequence>,
}

/// What has a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Told {
    Reading(Story),
    Command(Consequence),
}

/// A reading at one sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passing {
    pub sink: String,
    pub state: PassingState,
    /// When that was settled, in milliseconds since 1970; nothing while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Why it was refused: a code that `docs/errors/` explains, and words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassingState {
    /// Delivered, or absorbed, coalesced or shed on the way: the accounts say how many of each there are.
    Settled,
    DeadLettered,
    Waiting,
}

/// Why there is no story.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    #[error("{0:?} is no id of a reading or a command, which is a UUID")]
    NotAnId(String),
    #[error("no reading or command of the id {0} is known here")]
    Unknown(Id),
    #[error("{id} is older than what is kept, which begins {oldest_ms} ms after 1970")]
    NotKept { id: Id, oldest_ms: u64 },
    #[error("the journal could not be read")]
    Read(#[from] ReadError),
}

impl StoryError {
    pub fn code(&self) -> &'static str {
        match self {
            StoryError::NotAnId(_) => "TG-IN-050",
            StoryError::Unknown(_) => "TG-IN-051",
            StoryError::NotKept { .. } => "TG-IN-052",
            StoryError::Read(error) => error.code(),
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            StoryError::NotAnId(_) => "copy the id from a row of a sink or from the answer of a publication",
            StoryError::Unknown(_) => "ask the node that took it in; a refused reading has no story",
            StoryError::NotKept { .. } => "raise queues.keep_bytes to keep stories longer",
            StoryError::Read(_) => "look at the disk under the data folder",
        }
    }
}

impl Ingest {
    /// Tells the story of the reading or the command with this id. Reads the disk.
    pub fn story(&self, id: &str) -> Result<Told, StoryError> {
        let id: Id = id.parse().map_err(|_| StoryError::NotAnId(id.to_owned()))?;
        let record = self.journal.find(id)?.ok_or_else(|| self.no_story(id))?;
        match record.head.stream {
            READINGS => self.story_of_reading(id, &record).map(Told::Reading),
            COMMANDS => self.consequence(&record)?.map(Told::Command).ok_or(StoryError::Unknown(id)),
            _ => Err(StoryError::Unknown(id)),
        }
    }

    /// The same of a reading's record.
    pub(crate) fn story_of_reading(&self, id: Id, record: &Record) -> Result<Story, StoryError> {
        let reading = layout::of_record(record).map_err(|_| StoryError::Unknown(id))?;
        let passages = self.journal.passages(READINGS, record.head.seq)?;
        let commands = self.consequences(id, record.head.seq)?;
        Ok(Story::new(record, &reading, self.passings(id, passages), commands))
    }

    fn no_story(&self, id: Id) -> StoryError {
        let oldest_ms = self.journal.status().oldest_ms;
        if id.unix_ms() < oldest_ms { StoryError::NotKept { id, oldest_ms } } else { StoryError::Unknown(id) }
    }

    fn passings(&self, id: Id, passages: Vec<Passage>) -> Vec<Passing> {
        let mut passings = by_sink(passages);
        for letter in self.dead_letters(&Pick { id: Some(id.to_string()), ..Pick::default() }, usize::MAX) {
            if let Some(passing) = passings.iter_mut().find(|passing| passing.sink == letter.sink) {
                passing.state = PassingState::DeadLettered;
                passing.reason = Some(format!("{}: {}", letter.code, letter.reason));
            }
        }
        passings
    }
}

impl Story {
    fn new(record: &Record, reading: &Reading, sinks: Vec<Passing>, commands: Vec<Consequence>) -> Story {
        Story {
            id: record.head.id.to_string(),
            seq: record.head.seq,
            class: Class::of_record(record.head.flags.critical),
            source: reading.source.name(),
            topic: reading.topic.as_str().to_owned(),
            client: reading.client.as_str().to_owned(),
            principal: reading.principal.as_str().to_owned(),
            taken_ms: record.head.stamp_ms,
            sinks,
            commands,
        }
    }
}

/// A sink has a second cursor while it catches up; the record is before or behind one of the two.
fn by_sink(passages: Vec<Passage>) -> Vec<Passing> {
    let mut sinks: BTreeMap<String, Option<u64>> = BTreeMap::new();
    for passage in passages {
        if passage.cursor.starts_with(CURSOR_PREFIX) {
            sinks.insert(sink_name(&passage.cursor).to_owned(), passage.stamp_ms);
        }
    }
    let passing = |(sink, at_ms): (String, Option<u64>)| {
        let state = if at_ms.is_some() { PassingState::Settled } else { PassingState::Waiting };
        Passing { sink, state, at_ms, reason: None }
    };
    sinks.into_iter().map(passing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_cursors_of_a_sink_are_one_sink() {
        let passage = |cursor: &str, stamp_ms| Passage { cursor: cursor.to_owned(), stamp_ms };
        let passings = by_sink(vec![
            passage("ingest.file", Some(7)),
            passage("ingest.influx.backlog", None),
            passage("letters.ingest", Some(9)),
        ]);
        let told: Vec<_> = passings.iter().map(|passing| (passing.sink.as_str(), passing.at_ms)).collect();
        assert_eq!(told, [("file", Some(7)), ("influx", None)]);
    }
}
