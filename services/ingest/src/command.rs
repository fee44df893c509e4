//! Commands of rules: journaled when they are due, and sent from there through a port, each as soon as its receiver takes it.
//!
//! A cursor of its own moves over them, one at a time. What became of one is written in the batch that moves the cursor, and whoever
//! sends it can write in that batch what it has to: so a crash neither loses a command nor sends it twice. One that could not be sent in
//! time is given up: what a machine should have done a minute ago may be wrong by now.
//!
//! ```text
//! stream 13, kind 1   version 1: topic u16, then UTF-8; rule u16, then UTF-8; payload to the end
//!                     version 2: cause 16 bytes, the reading's id or zeros for the passing of time; then as in 1
//! stream 18, kind 1   version 1: command 16 bytes; outcome u8; code to the end
//! ```

use crate::state::wall_ms;
use bytes::{Buf, Bytes};
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_journal::{
    Account, Counts, Cursor, Delivery, Entry, Id, ReadLimit, Record, Refusal, Tally, Ticket,
};
use tidegate_kernel_plug::waiting_on;
use tokio::time::sleep;

/// The stream of commands.
pub(crate) const COMMANDS: u16 = 13;
/// The stream of what became of them.
pub(crate) const OUTCOMES: u16 = 18;
pub(crate) const KIND: u16 = 1;
pub(crate) const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;
const OUTCOME_VERSION: u8 = 1;
pub(crate) const CURSOR: &str = "rules.commands";

/// Each is settled for itself.
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };
/// Between two attempts, and between two looks at a journal that is busy.
const RETRY_WAIT: Duration = Duration::from_millis(100);
const ID_BYTES: usize = 16;

/// A message a rule wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub id: Id,
    /// The reading it follows from; nil for the passing of time, and in what was written before causes were.
    pub cause: Id,
    pub topic: TopicName,
    pub payload: Bytes,
    /// The rule it comes from.
    pub rule: Text,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: u64,
    /// Not to be carried out later than this, by the limit that is configured when it is sent.
    pub expires_ms: u64,
}

impl Command {
    /// Seconds until it expires, those begun counted, and one at least.
    pub fn left_s(&self) -> u32 {
        let left_s = self.expires_ms.saturating_sub(wall_ms()).div_ceil(1000).max(1);
        u32::try_from(left_s).unwrap_or(u32::MAX)
    }
}

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// It is tried again until it is too old.
    Later,
    /// Nobody listens to its topic; it is counted and given up.
    Unheard,
    /// It would be refused again; it is counted and given up.
    Never { code: &'static str },
    /// Whether it was sent is not known, for the journal has stopped.
    Unknown,
}

/// Sending, as it comes back from the port.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// Writes that the command was sent, in one batch with what its sender has to write.
pub type Settle<'a> = &'a mut (dyn FnMut(&[Entry<'_>]) -> Result<Ticket, Refusal> + Send);

/// The port to whatever publishes commands.
pub trait CommandOut: Send + Sync + 'static {
    /// Sends, and calls `settle` once when the command is as good as sent; with an error, not at all. Nobody should be sent it before
    /// what `settle` wrote is safe.
    fn send<'a>(&'a self, command: &'a Command, settle: Settle<'a>) -> Sending<'a>;
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Handed to whoever listens to its topic.
    Published,
    /// Nobody listened.
    Unheard,
    /// It could not be sent in time.
    Expired,
    Refused,
    /// It is tried still.
    Waiting,
}

/// Where the commands are. `decided = published + unheard + expired + refused + waiting`, and `difference` is left less right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CommandAccount {
    pub decided: u64,
    pub published: u64,
    pub unheard: u64,
    pub expired: u64,
    pub refused: u64,
    pub waiting: u64,
    pub difference: i64,
}

/// Sends commands until the journal ends.
pub(crate) struct Commander {
    pub(crate) cursor: Cursor,
    pub(crate) out: Arc<dyn CommandOut>,
    pub(crate) age_ms_max: u64,
}

pub(crate) fn encode(cause: Id, topic: &str, rule: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(ID_BYTES + 4 + topic.len() + rule.len() + payload.len());
    out.extend_from_slice(&cause.0);
    for text in [topic, rule] {
        let bytes = u16::try_from(text.len()).expect("names in rules have a few hundred bytes at most");
        out.extend_from_slice(&bytes.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(payload.as_bytes());
    out
}

/// The command in a record, as if it never grew too old; nothing if it is none.
pub(crate) fn of_record(record: &Record) -> Option<Command> {
    let (head, mut rest) = (&record.head, record.payload.clone());
    let cause = match (head.stream, head.kind, head.version) {
        (COMMANDS, KIND, VERSION) => take_id(&mut rest)?,
        (COMMANDS, KIND, FIRST_VERSION) => Id::NIL,
        _ => return None,
    };
    let topic = TopicName::try_from(take_text(&mut rest)?).ok()?;
    let rule = take_text(&mut rest)?;
    let (id, due_ms) = (head.id, head.id.unix_ms());
    Some(Command { id, cause, topic, payload: rest, rule, due_ms, expires_ms: u64::MAX })
}

fn take_id(rest: &mut Bytes) -> Option<Id> {
    let bytes = (rest.len() >= ID_BYTES).then(|| rest.split_to(ID_BYTES))?;
    Some(Id(bytes[..].try_into().expect("so many were taken")))
}

fn take_text(rest: &mut Bytes) -> Option<Text> {
    let bytes = usize::from(rest.try_get_u16_le().ok()?);
    let text = (rest.len() >= bytes).then(|| rest.split_to(bytes))?;
    Text::try_from(text).ok()
}

/// The command an outcome is of, what became of it, and the code of a refusal.
pub(crate) fn outcome_of_record(record: &Record) -> Option<(Id, CommandState, String)> {
    let (head, mut rest) = (&record.head, record.payload.clone());
    if (head.stream, head.kind, head.version) != (OUTCOMES, KIND, OUTCOME_VERSION) {
        return None;
    }
    let command = take_id(&mut rest)?;
    let state = CommandState::of_number(rest.try_get_u8().ok()?)?;
    Some((command, state, String::from_utf8(rest.to_vec()).ok()?))
}

fn encode_outcome(command: Id, state: CommandState, code: &str) -> Vec<u8> {
    let mut out = command.0.to_vec();
    out.push(state as u8 + 1);
    out.extend_from_slice(code.as_bytes());
    out
}

impl CommandState {
    const SETTLED: [CommandState; 4] =
        [CommandState::Published, CommandState::Unheard, CommandState::Expired, CommandState::Refused];

    /// Its number on disk.
    fn of_number(number: u8) -> Option<CommandState> {
        CommandState::SETTLED.into_iter().find(|state| *state as u8 + 1 == number)
    }

    fn tally(self, one: Counts) -> Tally {
        let mut tally = Tally::default();
        let field = match self {
            CommandState::Published => &mut tally.delivered,
            CommandState::Unheard => &mut tally.absorbed,
            CommandState::Refused => &mut tally.dead_lettered,
            CommandState::Expired | CommandState::Waiting => &mut tally.shed,
        };
        *field = one;
        tally
    }
}

impl CommandAccount {
    /// Out of the account of the cursor, where there is one.
    pub(crate) fn of(accounts: &[Account]) -> CommandAccount {
        let Some(of) = accounts.iter().find(|account| account.cursor == CURSOR) else {
            return CommandAccount::default();
        };
        let account = CommandAccount {
            decided: of.routed.total(),
            published: of.tally.delivered.total(),
            unheard: of.tally.absorbed.total(),
            expired: of.tally.shed.total(),
            refused: of.tally.dead_lettered.total(),
            waiting: of.lag.total() + of.in_flight.total(),
            difference: 0,
        };
        CommandAccount { difference: account.decided as i64 - account.ways_out() as i64, ..account }
    }

    fn ways_out(&self) -> u64 {
        self.published + self.unheard + self.expired + self.refused + self.waiting
    }
}

impl Commander {
    pub(crate) async fn run(mut self) {
        loop {
            let worked = match self.cursor.read(ONE) {
                Ok(batch) => match batch.deliveries.first() {
                    Some(delivery) => self.see_to(delivery, batch.through).await.map(|()| true),
                    None => Ok(false),
                },
                Err(error) => {
                    tracing::error!(code = error.code(), "could not read commands: {error}");
                    return;
                }
            };
            match worked {
                Ok(true) => {}
                Ok(false) if waiting_on("a command", self.cursor.available()).await.is_ok() => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Tries until it is sent, given up or too old.
    async fn see_to(&mut self, delivery: &Delivery, through: u64) -> Result<(), Refusal> {
        let record = &delivery.record;
        let settling = Settling { through, id: record.head.id, one: Counts::one(record.head.flags.critical) };
        let Some(mut command) = of_record(record) else {
            return self.give_up(&settling, CommandState::Refused, "TG-RU-018").await;
        };
        command.expires_ms = command.due_ms.saturating_add(self.age_ms_max);
        loop {
            if wall_ms() > command.expires_ms {
                tracing::warn!(rule = %command.rule, topic = %command.topic, "a command was not sent in time");
                return self.give_up(&settling, CommandState::Expired, "").await;
            }
            let (cursor, out) = (&mut self.cursor, &self.out);
            let mut settle = |more: &[Entry<'_>]| settling.write(cursor, CommandState::Published, "", more);
            match out.send(&command, &mut settle).await {
                Ok(()) => return Ok(()),
                Err(NotSent::Later) => sleep(RETRY_WAIT).await,
                Err(NotSent::Unknown) => return Err(Refusal::Stopped),
                Err(NotSent::Unheard) => {
                    tracing::warn!(rule = %command.rule, topic = %command.topic, "nobody listens to a command");
                    return self.give_up(&settling, CommandState::Unheard, "").await;
                }
                Err(NotSent::Never { code }) => {
                    tracing::warn!(code, rule = %command.rule, topic = %command.topic, "a command was refused");
                    return self.give_up(&settling, CommandState::Refused, code).await;
                }
            }
        }
    }

    async fn give_up(&mut self, settling: &Settling, state: CommandState, code: &str) -> Result<(), Refusal> {
        while let Err(refusal) = settling.write(&mut self.cursor, state, code, &[]) {
            match refusal {
                Refusal::Busy(_) | Refusal::Full => sleep(RETRY_WAIT).await,
                refusal => return Err(refusal),
            }
        }
        Ok(())
    }
}

/// One command that is being seen to.
struct Settling {
    through: u64,
    id: Id,
    one: Counts,
}

impl Settling {
    /// Moves the cursor past it and says why, in one batch with what else there is.
    fn write(
        &self,
        cursor: &mut Cursor,
        state: CommandState,
        code: &str,
        more: &[Entry<'_>],
    ) -> Result<Ticket, Refusal> {
        let payload = encode_outcome(self.id, state, code);
        let (kind, version, id) = (KIND, OUTCOME_VERSION, Id::v7(wall_ms()));
        let outcome = Entry { stream: OUTCOMES, kind, version, id, payload: &payload, ..Entry::default() };
        let entries: Vec<_> = std::iter::once(outcome).chain(more.iter().copied()).collect();
        cursor.commit_with(self.through, state.tally(self.one), &entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_journal::Head;

    const COMMAND: Id = Id([7; ID_BYTES]);
    const CAUSE: Id = Id([9; ID_BYTES]);

    fn record(stream: u16, version: u8, payload: Vec<u8>) -> Record {
        let head = Head { stream, kind: KIND, version, id: COMMAND, ..Head::default() };
        Record { head, payload: payload.into() }
    }

    #[test]
    fn a_command_reads_back_with_its_cause_and_one_of_the_first_version_without() {
        let bytes = encode(CAUSE, "line/7/stop", "stop", "1");
        let command = of_record(&record(COMMANDS, VERSION, bytes.clone())).unwrap();
        assert_eq!(
            (command.cause, command.topic.as_str(), command.rule.as_str()),
            (CAUSE, "line/7/stop", "stop")
        );
        assert_eq!((&command.payload[..], command.due_ms), (&b"1"[..], COMMAND.unix_ms()));
        let first = of_record(&record(COMMANDS, FIRST_VERSION, bytes[ID_BYTES..].to_vec())).unwrap();
        assert_eq!(first, Command { cause: Id::NIL, ..command });
        assert_eq!(of_record(&record(COMMANDS, VERSION, bytes[..20].to_vec())), None);
    }

    #[test]
    fn an_outcome_reads_back_and_what_is_none_does_not() {
        for state in CommandState::SETTLED {
            let bytes = encode_outcome(COMMAND, state, "TG-RU-018");
            let found = outcome_of_record(&record(OUTCOMES, OUTCOME_VERSION, bytes));
            assert_eq!(found, Some((COMMAND, state, "TG-RU-018".to_owned())));
        }
        assert_eq!(outcome_of_record(&record(OUTCOMES, OUTCOME_VERSION, vec![0; ID_BYTES + 1])), None);
    }
}
