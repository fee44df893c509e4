//! What a session sends to its client, and what it does with the client's acknowledgements.

use tidegate_codec_mqtt::{Ack, Kind, Packet, PacketId, ReasonCode};
use tidegate_kernel_journal::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::fact::Fact;
use crate::outstanding::{Answer, Safe};
use crate::reason::{Cause, CloseReason, Ending};
use crate::router::Kept;
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
        let sent = self.berth.send(&mut self.outlet, Instant::now(), WRITE_BYTES, &mut self.wire.output);
        for (count, qos) in sent.by_qos.iter().zip(&self.hub.counters.sent) {
            qos.add(*count);
        }
        self.hub.counters.packets_sent(Kind::Publish, sent.by_qos.iter().sum());
        self.hub.counters.shed(Shed::Expired, sent.expired);
        self.hub.counters.shed(Shed::PacketTooLarge, sent.too_large);
        sent.dropped.iter().for_each(|id| self.done(*id));
        (self.has_mail, self.waits_for) = (sent.more, sent.waits_for);
    }

    /// PUBACK. One for a message that was never sent ends the connection.
    pub(super) fn acknowledged(&mut self, ack: &Ack) -> Result<(), Ending> {
        if !self.berth.acknowledge(ack.id) {
            return Err(CloseReason::Unexpected.into());
        }
        self.done(ack.id);
        self.has_mail = true;
        Ok(())
    }

    fn done(&self, id: PacketId) {
        self.hub.router.remark(&self.berth, || Fact::Done { berth: self.berth.number, id });
    }

    /// PUBREC. For a message that is not known any more the client is let go on [MQTT-4.3.3-2]; one it does not want is done.
    ///
    /// PUBREL goes out when that is written down: after a crash a message that the client has must not be sent again.
    pub(super) fn receipted(&mut self, ack: &Ack) -> Result<(), Ending> {
        if ack.reason.is_failure() {
            self.completed(ack);
            return Ok(());
        }
        let known = self.berth.release(ack.id);
        let fact = || Fact::Released { berth: self.berth.number, id: ack.id };
        let kept = if known { self.note(fact)? } else { None };
        self.answer_once_kept(Packet::Pubrel(self.ack_of(ack, known)), kept);
        Ok(())
    }

    /// PUBCOMP.
    pub(super) fn completed(&mut self, ack: &Ack) {
        if self.berth.complete(ack.id) {
            self.done(ack.id);
        }
        self.has_mail = true;
    }

    fn note(&self, fact: impl FnOnce() -> Fact) -> Result<Kept, Ending> {
        let refused =
            |refusal: Refusal| Ending::caused(CloseReason::OutcomeUnknown, Cause::Code(refusal.code()));
        self.hub.router.note(&self.berth, fact).map_err(refused)
    }

    /// Sends an answer when its record is safe; at once where there is none.
    pub(super) fn answer_once_kept(&mut self, answer: Packet, kept: Kept) {
        if kept.is_none() {
            return self.answer(&answer);
        }
        self.outstanding.push(Answer::Other(answer), Safe { receipt: None, kept });
    }

    /// PUBREL: the client will not send this publication again [MQTT-4.3.3-2].
    ///
    /// PUBCOMP goes out when that is written down: the identifier is the client's to use again from then on.
    pub(super) fn released(&mut self, ack: &Ack) -> Result<(), Ending> {
        let known = self.berth.forget(ack.id);
        self.receiving = self.receiving.saturating_sub(1);
        let fact = || Fact::Forgotten { berth: self.berth.number, id: ack.id };
        let kept = if known { self.note(fact)? } else { None };
        self.answer_once_kept(Packet::Pubcomp(self.ack_of(ack, known)), kept);
        Ok(())
    }

    /// MQTT 3.1.1 cannot say that an identifier is not known.
    fn ack_of(&self, ack: &Ack, known: bool) -> Ack {
        match known || !self.is_v5() {
            true => Ack::new(ack.id),
            false => Ack::with_reason(ack.id, ReasonCode::PacketIdentifierNotFound),
        }
    }
}
