//! The port behind the broker: who takes in what devices publish, and how the broker learns that it is safe.
//!
//! Declared here because the broker needs it; whoever puts a node together joins it to what keeps readings. Calls are
//! synchronous and short: an intake queues, it never waits for a disk or a network.

use bytes::Bytes;
use tidegate_codec_mqtt::{MessageProperties, Properties, QoS, Text, TopicName};
use tidegate_kernel_journal::{Entry, Level, Ticket, Unknown};

/// One application message as a client sent it. Its parts share the connection's read buffer, so what outlives the call
/// is better copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The client identifier, made up by the broker where the client left it empty.
    pub client: Text,
    /// Whom the credentials said it is from; empty for nobody in particular.
    pub principal: Text,
    pub topic: TopicName,
    pub payload: Bytes,
    pub qos: QoS,
    /// The client says it may have sent this before [MQTT-3.3.1-1].
    pub dup: bool,
    pub retain: bool,
    /// Of MQTT 5; with an earlier level there are none.
    pub properties: Properties<MessageProperties>,
}

/// Who takes in what devices publish.
pub trait Intake: Send + Sync + 'static {
    /// Takes a publication, and appends the broker's own records with it: after a crash all of it is there, or nothing. `Busy`:
    /// nothing was taken or counted, offer it again when there is room. Declined in whatever way, nothing was appended.
    fn offer(&self, publication: &Publication, own: &[Entry<'_>]) -> Result<Receipt, Declined>;

    /// The broker gives a publication up that was only ever declined as busy, or may not be taken; it is counted as
    /// refused. `reason` is a code that `docs/errors/` explains.
    fn give_up(&self, publication: &Publication, reason: &'static str);

    /// A packet that could not be read as a publication at all.
    fn malformed(&self, code: &'static str);
}

/// Why an intake did not take a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declined {
    /// Not now: nothing was counted, and the broker offers it again.
    Busy,
    /// Never: counted by the intake, and acknowledged to nobody.
    Refused { code: &'static str },
    /// It is no reading and will not become one; counted by the intake. Subscribers get it all the same, and its
    /// publisher is told that it was taken: the pipeline not wanting it is not the broker's refusal.
    NoReading { code: &'static str },
}

/// When a publication may be acknowledged.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub ticket: Ticket,
    pub level: Level,
}

impl Receipt {
    /// Resolves when the publication is as safe as it was promised to be. May be dropped and asked again.
    pub async fn safe(&self) -> Result<(), Unknown> {
        self.ticket.reached(self.level).await
    }
}
