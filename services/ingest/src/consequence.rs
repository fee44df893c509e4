//! What followed from a reading: the commands of rules, and what became of them. Told out of the journal alone.
//!
//! Reads the disk, for as long as the log behind the reading is long; not at all where no rule ever commanded anything.

use crate::command::{self, COMMANDS, Command, CommandState, OUTCOMES};
use crate::ingest::{self, Ingest};
use serde::Serialize;
use std::collections::BTreeMap;
use tidegate_kernel_journal::{Id, ReadError, ReadLimit, Record};

/// Commands told of one reading.
const TOLD_MAX: usize = 64;
const READ: ReadLimit = ReadLimit { records: 256, bytes: 1 << 20 };

/// A command and what became of it. What `GET /api/v1/story/ID` answers for the id of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consequence {
    pub id: String,
    /// The rule that decided it.
    pub rule: String,
    pub topic: String,
    pub payload: String,
    /// The reading it follows from; nothing where it was the passing of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When it was due and when it was settled, in milliseconds since 1970.
    pub due_ms: u64,
    pub state: CommandState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Ingest {
    /// The commands that follow from the reading in record `seq`.
    pub(crate) fn consequences(&self, cause: Id, seq: u64) -> Result<Vec<Consequence>, ReadError> {
        let mut found = Vec::new();
        self.scan(COMMANDS, seq, |record| {
            let command = command::of_record(record).filter(|command| command.cause == cause);
            found.extend(command.map(|command| (record.head.seq, command)));
            found.len() < TOLD_MAX
        })?;
        let Some((first, _)) = found.first() else { return Ok(Vec::new()) };
        let outcomes = self.outcomes(*first, found.iter().map(|(_, command)| command.id).collect())?;
        Ok(found.into_iter().map(|(_, command)| Consequence::new(command, &outcomes)).collect())
    }

    /// The command in this record.
    pub(crate) fn consequence(&self, record: &Record) -> Result<Option<Consequence>, ReadError> {
        let Some(command) = command::of_record(record) else { return Ok(None) };
        let outcomes = self.outcomes(record.head.seq, vec![command.id])?;
        Ok(Some(Consequence::new(command, &outcomes)))
    }

    /// What became of these commands, the first of which is record `seq`.
    fn outcomes(&self, seq: u64, mut of: Vec<Id>) -> Result<Outcomes, ReadError> {
        let mut outcomes = Outcomes::new();
        self.scan(OUTCOMES, seq, |record| {
            if let Some((id, state, code)) = command::outcome_of_record(record)
                && let Some(at) = of.iter().position(|wanted| *wanted == id)
            {
                of.swap_remove(at);
                outcomes.insert(id, (state, record.head.stamp_ms, code));
            }
            !of.is_empty()
        })?;
        Ok(outcomes)
    }

    /// Shows every record of a stream behind `after`, until it has seen enough.
    fn scan(
        &self,
        stream: u16,
        mut after: u64,
        mut wants_more: impl FnMut(&Record) -> bool,
    ) -> Result<(), ReadError> {
        if ingest::counts(&self.journal.status(), stream).total() == 0 {
            return Ok(());
        }
        loop {
            let (records, through) = self.journal.read(stream, after, READ)?;
            let has_enough = !records.iter().all(&mut wants_more);
            if has_enough || records.is_empty() || through <= after {
                return Ok(());
            }
            after = through;
        }
    }
}

type Outcomes = BTreeMap<Id, (CommandState, u64, String)>;

impl Consequence {
    fn new(command: Command, outcomes: &Outcomes) -> Consequence {
        let outcome = outcomes.get(&command.id);
        let code = outcome.map(|(_, _, code)| code.clone()).filter(|code| !code.is_empty());
        Consequence {
            id: command.id.to_string(),
            rule: command.rule.to_string(),
            topic: command.topic.to_string(),
            payload: String::from_utf8_lossy(&command.payload).into_owned(),
            cause: (!command.cause.is_nil()).then(|| command.cause.to_string()),
            due_ms: command.due_ms,
            state: outcome.map_or(CommandState::Waiting, |(state, ..)| *state),
            at_ms: outcome.map(|(_, at_ms, _)| *at_ms),
            code,
        }
    }
}
