//! What a session does with the packets it has read: publications go to the intake and to their subscribers, the rest is
//! answered.
//!
//! Waits for nothing. Stops as soon as there is no room, so that what cannot be taken stays in the socket.

use std::time::Duration;

use tidegate_codec_mqtt::{Ack, DecodeError, Disconnect, Kind, Packet, PacketId, Publish, QoS, ReasonCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::intake::Publication;
use crate::offering::{Offered, Source};
use crate::outstanding::{Answer, Safe};
use crate::reason::{Cause, CloseReason, Ending};
use crate::session::Session;
use crate::tree::levels;

/// How soon a busy intake is asked again: at first, and at most after doubling.
const RETRY_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(64);

/// A publication the journal was too busy for.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) publication: Publication,
    id: Option<PacketId>,
    delay: Duration,
    pub(super) retry_at: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Takes in what was read, as far as there is room.
    pub(super) fn take_in(&mut self) -> Result<(), Ending> {
        let mut progress = self.offer_held()?;
        while self.has_room()
            && let Some(packet) = self.next_packet()?
        {
            progress = true;
            self.handle(packet)?;
        }
        self.wire.keep_rest();
        self.note_pace(progress);
        Ok(())
    }

    /// Tells the subscribers of what was taken in, each once a turn.
    pub(super) fn ring(&mut self) {
        self.rings.drain(..).for_each(|berth| berth.ring());
    }

    fn has_room(&mut self) -> bool {
        if let Some(until) = self.throttled_until {
            if Instant::now() < until {
                return false;
            }
            self.throttled_until = None;
        }
        self.held.is_none() && self.outstanding.len() < self.hub.config.unacknowledged_max
    }

    fn note_pace(&mut self, progress: bool) {
        let (was_held, room) = (self.pace.is_held(), self.has_room());
        if !progress && room != was_held {
            // As it was before: most turns that follow an acknowledgement end here, without asking the time.
            return;
        }
        if let Some(time) = self.pace.note(progress, room, Instant::now()) {
            self.hub.counters.held(time);
        }
        if self.pace.is_held() && !was_held {
            self.hub.counters.holds.add(1);
        }
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Ending> {
        self.decoder.decode(&mut self.wire.input).map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: DecodeError) -> Ending {
        if self.wire.input.first().is_some_and(|byte| byte >> 4 == Kind::Publish as u8) {
            self.hub.intake.malformed(error.code());
        }
        Ending::caused(CloseReason::Malformed, Cause::Packet(error))
    }

    fn handle(&mut self, packet: Packet) -> Result<(), Ending> {
        if let Packet::Publish(publish) = packet {
            return self.publish(publish);
        }
        self.hub.counters.packet_in(packet.kind());
        match packet {
            Packet::Pingreq => self.answer(&Packet::Pingresp),
            Packet::Subscribe(asked) => self.subscribe(&asked),
            Packet::Unsubscribe(asked) => self.unsubscribe(&asked),
            Packet::Disconnect(goodbye) => return Err(self.part(&goodbye)),
            Packet::Puback(ack) => return self.acknowledged(&ack),
            Packet::Pubrec(ack) => return self.receipted(&ack),
            Packet::Pubcomp(ack) => self.completed(&ack),
            Packet::Pubrel(ack) => return self.released(&ack),
            _ => return Err(CloseReason::Unexpected.into()),
        }
        Ok(())
    }

    /// The client says goodbye: its will is dropped [MQTT-3.14.4-3], unless it wants it said.
    fn part(&mut self, goodbye: &Disconnect) -> Ending {
        if goodbye.reason != ReasonCode::DisconnectWithWill {
            self.will = None;
        }
        if let Some(expiry_s) = goodbye.properties.session_expiry_s {
            if self.expiry.is_zero() && expiry_s > 0 {
                // [MQTT-3.14.2-2]: a session that was to end here cannot be kept after all.
                return CloseReason::Unexpected.into();
            }
            let expiry = Duration::from_secs(expiry_s.into());
            self.expiry = expiry.min(self.hub.config.session_expiry_max());
        }
        CloseReason::Disconnected.into()
    }

    fn publish(&mut self, publish: Publish) -> Result<(), Ending> {
        let Publish { topic, payload, delivery, retain, properties, .. } = publish;
        let (qos, dup) = (delivery.qos(), delivery.is_dup());
        let (client, principal) = (self.client.clone(), self.principal.clone());
        self.hub.counters.publication(qos, dup);
        if let Some(id) = delivery.id()
            && self.count_receiving(qos, id)?
        {
            return Ok(());
        }
        let publication = Publication { client, principal, topic, payload, qos, dup, retain, properties };
        if let Some(reason) = self.refusal(&publication) {
            return self.deny(&publication, delivery.id(), reason);
        }
        self.throttle(&publication);
        self.offer(publication, delivery.id(), RETRY_MIN)
    }

    /// Holds a client to what it may have under way; whether this one was taken before.
    fn count_receiving(&mut self, qos: QoS, id: PacketId) -> Result<bool, Ending> {
        self.receiving += 1;
        if self.is_v5() && self.receiving > self.hub.config.receive_max.into() {
            return Err(CloseReason::ReceiveExceeded.into());
        }
        Ok(qos == QoS::ExactlyOnce && self.is_repeated(id)?)
    }

    /// A QoS 2 publication that was taken before is answered like the first time [MQTT-4.3.3-10].
    fn is_repeated(&mut self, id: PacketId) -> Result<bool, Ending> {
        if let Some(safe) = self.berth.has_received(id) {
            self.outstanding.push(Answer::Other(Packet::Pubrec(Ack::new(id))), safe);
            return Ok(true);
        }
        if self.berth.received() >= self.hub.config.receive_max.into() {
            return Err(CloseReason::ReceiveExceeded.into());
        }
        Ok(false)
    }

    fn refusal(&self, publication: &Publication) -> Option<CloseReason> {
        let topic = publication.topic.as_bytes();
        if !self.hub.may_publish(&self.permissions, topic) {
            return Some(CloseReason::Denied);
        }
        (levels(topic) > self.hub.config.topic_levels_max).then_some(CloseReason::TopicRefused)
    }

    /// What is not allowed is counted as refused.
    fn deny(
        &mut self,
        publication: &Publication,
        id: Option<PacketId>,
        reason: CloseReason,
    ) -> Result<(), Ending> {
        self.hub.counters.denied.add(1);
        self.hub.intake.give_up(publication, reason.label());
        let told = reason.farewell().unwrap_or(ReasonCode::UnspecifiedError);
        self.say_no(publication.qos, id, told).map_err(|()| reason.into())
    }

    /// Tells an MQTT 5 client that a publication was not taken. MQTT 3.1.1 has no negative acknowledgement:
    /// [MQTT-3.3.5-2] leaves the answer or the end of the connection.
    fn say_no(&mut self, qos: QoS, id: Option<PacketId>, reason: ReasonCode) -> Result<(), ()> {
        if !self.is_v5() {
            return Err(());
        }
        if let Some(id) = id {
            let ack = Ack::with_reason(id, reason);
            let answer = if qos == QoS::ExactlyOnce { Packet::Pubrec(ack) } else { Packet::Puback(ack) };
            self.receiving = self.receiving.saturating_sub(1);
            self.outstanding.push(Answer::Other(answer), Safe::default());
            self.acknowledge();
        }
        Ok(())
    }

    fn throttle(&mut self, publication: &Publication) {
        let Some(stay) = &self.stay else { return };
        let now = Instant::now();
        let wait = stay.draw(publication.topic.as_bytes().len() + publication.payload.len(), now);
        if !wait.is_zero() {
            self.throttled_until = Some(now + wait);
        }
    }

    fn offer(
        &mut self,
        publication: Publication,
        id: Option<PacketId>,
        delay: Duration,
    ) -> Result<(), Ending> {
        let twice_is_wrong = publication.qos == QoS::ExactlyOnce && self.berth.is_durable();
        let received = id.filter(|_| twice_is_wrong);
        let source = Source { berth: self.berth.number, received, put_off: false };
        match (self.hub.offer(&publication, source, &mut self.rings), id) {
            (Offered::Taken(safe), Some(id)) => self.owe(publication.qos, id, safe),
            (Offered::Busy, id) => {
                self.held = Some(Held { publication, id, delay, retry_at: Instant::now() + delay });
            }
            (Offered::Refused { code }, Some(id)) => {
                let ending = |()| Ending::caused(CloseReason::Refused, Cause::Code(code));
                return self.say_no(publication.qos, Some(id), ReasonCode::QuotaExceeded).map_err(ending);
            }
            (Offered::Taken(_) | Offered::Refused { .. }, None) => {}
        }
        Ok(())
    }

    fn owe(&mut self, qos: QoS, id: PacketId, safe: Safe) {
        self.hub.counters.taken.add(1);
        if qos == QoS::ExactlyOnce {
            self.berth.receive(id, safe.clone());
            self.outstanding.push(Answer::Pubrec(id), safe);
        } else {
            self.outstanding.push(Answer::Puback(id), safe);
        }
    }

    /// Offers the held publication again, if there is one and it is time to; whether it is out of the way now.
    fn offer_held(&mut self) -> Result<bool, Ending> {
        match self.held.take_if(|held| held.retry_at <= Instant::now()) {
            Some(Held { publication, id, delay, .. }) => {
                self.offer(publication, id, (delay * 2).min(RETRY_MAX))?;
                Ok(self.held.is_none())
            }
            None => Ok(false),
        }
    }

    /// Offers the last will until it is taken, refused, or `until`.
    pub(super) async fn offer_will(&mut self, until: Instant) {
        let Some(publication) = self.last_words() else { return };
        self.hub.counters.wills.add(1);
        // Without an identifier nothing ends here: there is nobody left to tell.
        let _ = self.offer(publication, None, RETRY_MIN);
        while let Some(held) = &self.held
            && Instant::now() < until
        {
            tokio::time::sleep_until(held.retry_at.min(until)).await;
            let _ = self.offer_held();
        }
    }
}
