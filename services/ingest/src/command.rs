//! Commands of rules: journaled when they are due, and sent from there through a port, each as soon as its receiver takes it.
//!
//! A cursor of its own moves over them, one at a time. What became of one is written in the batch that moves the cursor, and whoever
//! sends it can write in that batch what it has to: so a crash neither loses a command nor sends it twice. One that could not be sent in
//! time is given up: what a machine should have done a minute ago may be wrong by now. Whoever carries commands out by their id, once,
//! may begin some that are behind others: one that takes long holds up those alone that have to come behind it.
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_journal::{
    Account, Counts, Cursor, Delivery, Entry, Id, Journal, ReadLimit, Record, Refusal, Tally, Ticket,
};
use tidegate_kernel_plug::waiting_on;
use tokio::sync::mpsc::{Sender, channel};
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
/// Commands behind the one that is seen to which may be begun.
const AHEAD_MAX: usize = 16;
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

    /// Whether it is too old to be carried out.
    pub fn is_over(&self) -> bool {
        wall_ms() > self.expires_ms
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

    /// One that is perhaps behind others, and need not wait for them: where it can be begun now it is, and `send` waits for what came
    /// of it. Whether it was begun.
    fn begin(&self, _command: &Command) -> bool {
        false
    }
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
    journal: Journal,
    /// Held for a read or a commit.
    cursor: Mutex<Cursor>,
    out: Arc<dyn CommandOut>,
    age_ms_max: u64,
}

/// One that was read.
struct Due {
    delivery: Delivery,
    through: u64,
    command: Option<Command>,
    is_begun: bool,
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
    pub(crate) fn new(
        journal: Journal,
        cursor: Cursor,
        out: Arc<dyn CommandOut>,
        age_ms_max: u64,
    ) -> Commander {
        Commander { journal, cursor: Mutex::new(cursor), out, age_ms_max }
    }

    pub(crate) async fn run(self) {
        let (read, mut due) = channel(AHEAD_MAX);
        let seeing = async {
            while let Some(due) = due.recv().await {
                if self.see_to(due).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.look_ahead(&read) => {}
            () = seeing => {}
        }
    }

    /// Reads commands as they come, as far as there is room, and has those begun that need not wait.
    async fn look_ahead(&self, read: &Sender<Due>) {
        loop {
            let batch = match self.cursor().read(ONE) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(code = error.code(), "could not read commands: {error}");
                    return;
                }
            };
            let through = batch.through;
            let ended = match batch.deliveries.into_iter().next() {
                Some(delivery) => read.send(self.due(delivery, through)).await.is_err(),
                None => waiting_on("a command", self.journal.synced().reached(through + 1)).await.is_err(),
            };
            if ended {
                return;
            }
        }
    }

    fn due(&self, delivery: Delivery, through: u64) -> Due {
        let expires = |command: Command| {
            let expires_ms = command.due_ms.saturating_add(self.age_ms_max);
            Command { expires_ms, ..command }
        };
        let command = of_record(&delivery.record).map(expires);
        let is_begun = command.as_ref().is_some_and(|command| !command.is_over() && self.out.begin(command));
        Due { delivery, through, command, is_begun }
    }

    fn cursor(&self) -> MutexGuard<'_, Cursor> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries until it is sent, given up or too old. One that was begun has an end, which is waited for.
    async fn see_to(&self, due: Due) -> Result<(), Refusal> {
        let Due { delivery, through, command, mut is_begun } = due;
        let head = &delivery.record.head;
        let settling = Settling { through, id: head.id, one: Counts::one(head.flags.critical) };
        let Some(command) = command else {
            return self.give_up(&settling, CommandState::Refused, "TG-RU-018").await;
        };
        loop {
            if !is_begun && command.is_over() {
                tracing::warn!(rule = %command.rule, topic = %command.topic, "a command was not sent in time");
                return self.give_up(&settling, CommandState::Expired, "").await;
            }
            is_begun = false;
            let mut settle =
                |more: &[Entry<'_>]| settling.write(&mut self.cursor(), CommandState::Published, "", more);
            match self.out.send(&command, &mut settle).await {
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

    async fn give_up(&self, settling: &Settling, state: CommandState, code: &str) -> Result<(), Refusal> {
        loop {
            let given_up = settling.write(&mut self.cursor(), state, code, &[]);
            match given_up {
                Ok(_) => return Ok(()),
                Err(Refusal::Busy(_) | Refusal::Full) => sleep(RETRY_WAIT).await,
                Err(refusal) => return Err(refusal),
            }
        }
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
