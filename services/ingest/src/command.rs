//! Commands of rules: journaled when they are due, and sent from there through a port, each as soon as its receiver takes it.
//!
//! A cursor of its own moves over them, so a crash loses none; one that was being sent comes again, marked. One that could not be sent
//! in time is given up and counted: what a machine should have done a minute ago may be wrong by now.
//!
//! ```text
//! record, stream 13, kind 1, version 1: topic u16, then UTF-8; rule u16, then UTF-8; payload to the end
//! ```

use crate::state::wall_ms;
use bytes::{Buf, Bytes};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_journal::{Counts, Cursor, Delivery, Id, ReadLimit, Refusal, Tally};
use tokio::time::sleep;

/// The stream of commands.
pub(crate) const COMMANDS: u16 = 13;
pub(crate) const KIND: u16 = 1;
pub(crate) const VERSION: u8 = 1;
pub(crate) const CURSOR: &str = "rules.commands";

const BATCH: ReadLimit = ReadLimit { records: 64, bytes: 256 << 10 };
/// Between two attempts, and between two looks at a journal that is busy.
const RETRY_WAIT: Duration = Duration::from_millis(100);

/// A message a rule wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub id: Id,
    pub topic: TopicName,
    pub payload: Bytes,
    /// The rule it comes from.
    pub rule: Text,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: u64,
    /// It may have been sent before, ahead of a crash.
    pub replay: bool,
}

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// It is tried again until it is too old.
    Later,
    /// It would be refused again; it is counted and given up.
    Never,
}

/// Sending, as it comes back from the port.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// The port to whatever publishes commands.
pub trait CommandOut: Send + Sync + 'static {
    /// Returns when the command is as safe as the other side can make it.
    fn send<'a>(&'a self, command: &'a Command) -> Sending<'a>;
}

/// What became of commands since the start.
#[derive(Debug, Default)]
pub(crate) struct CommandCounts {
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) expired: AtomicU64,
}

/// Sends commands until the journal ends.
pub(crate) struct Commander {
    pub(crate) cursor: Cursor,
    pub(crate) out: Arc<dyn CommandOut>,
    pub(crate) age_ms_max: u64,
    pub(crate) counts: Arc<CommandCounts>,
}

pub(crate) fn encode(topic: &str, rule: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + topic.len() + rule.len() + payload.len());
    for text in [topic, rule] {
        let bytes = u16::try_from(text.len()).expect("names in rules have a few hundred bytes at most");
        out.extend_from_slice(&bytes.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(payload.as_bytes());
    out
}

fn decode(delivery: &Delivery) -> Option<Command> {
    let head = &delivery.record.head;
    if (head.kind, head.version) != (KIND, VERSION) {
        return None;
    }
    let mut rest = delivery.record.payload.clone();
    let topic = TopicName::try_from(take_text(&mut rest)?).ok()?;
    let rule = take_text(&mut rest)?;
    let (id, due_ms, replay) = (head.id, head.id.unix_ms(), delivery.replay);
    Some(Command { id, topic, payload: rest, rule, due_ms, replay })
}

fn take_text(rest: &mut Bytes) -> Option<Text> {
    let bytes = usize::from(rest.try_get_u16_le().ok()?);
    let text = (rest.len() >= bytes).then(|| rest.split_to(bytes))?;
    Text::try_from(text).ok()
}

impl Commander {
    pub(crate) async fn run(mut self) {
        loop {
            let worked = match self.cursor.read(BATCH) {
                Ok(batch) if batch.deliveries.is_empty() => Ok(false),
                Ok(batch) => self.send_all(&batch.deliveries, batch.through).await.map(|()| true),
                Err(error) => {
                    tracing::error!(code = error.code(), "could not read commands: {error}");
                    return;
                }
            };
            match worked {
                Ok(true) => {}
                Ok(false) if self.cursor.available().await.is_ok() => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    async fn send_all(&mut self, deliveries: &[Delivery], through: u64) -> Result<(), Refusal> {
        let mut tally = Tally::default();
        for delivery in deliveries {
            let one = Counts::one(delivery.record.head.flags.critical);
            let (count, field) = match decode(delivery) {
                Some(command) => self.send(&command).await,
                None => Outcome::Refused,
            }
            .place(&self.counts, &mut tally);
            count.fetch_add(1, Ordering::Relaxed);
            *field += one;
        }
        while let Err(refusal) = self.cursor.commit(through, tally) {
            match refusal {
                Refusal::Busy(_) | Refusal::Full => sleep(RETRY_WAIT).await,
                refusal => return Err(refusal),
            }
        }
        Ok(())
    }

    async fn send(&self, command: &Command) -> Outcome {
        loop {
            if wall_ms().saturating_sub(command.due_ms) > self.age_ms_max {
                tracing::warn!(rule = %command.rule, topic = %command.topic, "a command was not sent in time");
                return Outcome::Expired;
            }
            match self.out.send(command).await {
                Ok(()) => return Outcome::Sent,
                Err(NotSent::Never) => return Outcome::Refused,
                Err(NotSent::Later) => sleep(RETRY_WAIT).await,
            }
        }
    }
}

enum Outcome {
    Sent,
    Refused,
    Expired,
}

impl Outcome {
    fn place<'a>(self, counts: &'a CommandCounts, tally: &'a mut Tally) -> (&'a AtomicU64, &'a mut Counts) {
        match self {
            Outcome::Sent => (&counts.sent, &mut tally.delivered),
            Outcome::Refused => (&counts.refused, &mut tally.dead_lettered),
            Outcome::Expired => (&counts.expired, &mut tally.shed),
        }
    }
}
