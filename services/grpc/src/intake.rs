//! The port behind the listener: who takes readings in, together with the note that says how far their stream is.
//!
//! Declared here because the listener needs it; whoever puts a node together joins it to what keeps readings. Calls are
//! synchronous and short: an intake queues, it never waits for a disk or a network.

use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_journal::{Entry, Level, Ticket, Unknown};
use tidegate_kernel_plug::Principal;

/// Whose readings they are.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    pub principal: &'a Principal,
    /// The client's name for its stream; empty where it has none.
    pub stream: &'a str,
}

/// One reading as a client sent it. The payload shares the message's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub sequence: u64,
    pub topic: TopicName,
    pub payload: prost::bytes::Bytes,
    pub content_type: Text,
    /// By the device's clock, in milliseconds since 1970.
    pub source_ms: Option<u64>,
}

/// Who takes readings in.
pub trait Intake: Send + Sync + 'static {
    /// Takes readings and the note: after a crash all that was taken is there, or nothing. `Busy`: nothing was taken or counted,
    /// offer it again when there is room.
    fn offer(&self, sender: Sender<'_>, offers: &[Offer], note: Option<Entry<'_>>)
    -> Result<Taken, Declined>;

    /// A reading that was received and will not be offered; `reason` is a code that `docs/errors/` explains.
    fn refuse(&self, reason: &'static str);

    /// A message that could not be read at all.
    fn malformed(&self, code: &'static str);
}

/// What was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub receipt: Receipt,
    /// Readings among the offers that were refused, and counted so by the intake.
    pub refused: Vec<Refused>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the offers.
    pub at: usize,
    pub code: &'static str,
}

/// Why an intake took nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// Not now: nothing was counted.
    Busy,
    /// Each of the readings was counted as refused; a later attempt may succeed.
    Refused { code: &'static str },
}

/// When readings may be acknowledged.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub ticket: Ticket,
    pub level: Level,
}

impl Receipt {
    /// Resolves when everything before it and itself is as safe as was promised. May be dropped and asked again.
    pub async fn safe(&self) -> Result<(), Unknown> {
        self.ticket.reached(self.level).await
    }
}
