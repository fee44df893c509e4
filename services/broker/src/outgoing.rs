//! What a session sends to its client, and what it does with the client's acknowledgements.

use tidegate_codec_mqtt::{Ack, Kind, Packet};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::reason::{CloseReason, Ending};
use crate::session::Session;
use crate::shed::Shed;

/// So much is put into one write: large enough that its system call costs little, small enough for a socket's buffer.
const WRITE_BYTES: usize = 32 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Writes what is queued for the client into the output buffer, as far as its window and one write go.
    pub(super) fn send_out(&mut self) {
        if !self.has_mail || self.draining.is_some() {
            return;
        }
        let (level, out) = (self.encoder.level(), &mut self.wire.output);
        let sent = self.berth.send(level, Instant::now(), WRITE_BYTES, out);
        for (count, qos) in sent.by_qos.iter().zip(&self.hub.counters.sent) {
            qos.add(*count);
        }
        self.hub.counters.packets_sent(Kind::Publish, sent.by_qos.iter().sum());
        self.hub.counters.shed(Shed::Expired, sent.expired);
        (self.has_mail, self.waits_for) = (sent.more, sent.waits_for);
    }

    /// PUBACK. One for a message that was never sent ends the connection.
    pub(super) fn acknowledged(&mut self, ack: &Ack) -> Result<(), Ending> {
        self.berth.acknowledge(ack.id).ok_or(CloseReason::Unexpected)?;
        self.has_mail = true;
        Ok(())
    }

    /// PUBREC. For a message that is not known any more the client is let go on [MQTT-4.3.3-2].
    pub(super) fn receipted(&mut self, ack: &Ack) -> Result<(), Ending> {
        self.berth.release(ack.id);
        self.answer(&Packet::Pubrel(Ack::new(ack.id)));
        Ok(())
    }

    pub(super) fn completed(&mut self, ack: &Ack) {
        self.berth.complete(ack.id);
        self.has_mail = true;
    }

    /// PUBREL: the client will not send this publication again [MQTT-4.3.3-2].
    pub(super) fn released(&mut self, ack: &Ack) -> Result<(), Ending> {
        self.berth.forget(ack.id);
        self.answer(&Packet::Pubcomp(Ack::new(ack.id)));
        Ok(())
    }
}
