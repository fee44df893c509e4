//! What a session does with the packets it has read: publications go to the intake, the rest is answered.
//!
//! Waits for nothing. Stops as soon as there is no room, so that what cannot be taken stays in the socket.

use std::time::Duration;

use tidegate_codec_mqtt::{
    DecodeError, Delivery, Kind, Packet, PacketId, Publish, Suback, SubscribeOutcome, Unsuback,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::intake::{Declined, Publication};
use crate::reason::{Cause, CloseReason, Ending};
use crate::session::Session;

/// How soon a busy intake is asked again: at first, and at most after doubling.
const RETRY_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(64);

/// A publication the intake was too busy for.
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
        self.note_pace(progress);
        Ok(())
    }

    fn has_room(&self) -> bool {
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
            Packet::Subscribe(asked) => {
                let outcomes = vec![SubscribeOutcome::FAILED; asked.subscriptions.len()];
                self.answer(&Packet::Suback(Suback::new(asked.id, outcomes)));
            }
            Packet::Unsubscribe(asked) => self.answer(&Packet::Unsuback(Unsuback::new(asked.id))),
            Packet::Disconnect(_) => {
                // [MQTT-3.14.4-3]
                self.will = None;
                return Err(CloseReason::Disconnected.into());
            }
            // The second half of a QoS 2 delivery, whose first half nobody here took.
            Packet::Pubrel(_) => return Err(CloseReason::QosUnsupported.into()),
            _ => return Err(CloseReason::Unexpected.into()),
        }
        Ok(())
    }

    fn publish(&mut self, publish: Publish) -> Result<(), Ending> {
        let Publish { topic, payload, delivery, retain, .. } = publish;
        let (qos, dup, client) = (delivery.qos(), delivery.is_dup(), self.client.clone());
        self.hub.counters.publication(qos, dup);
        let publication = Publication { client, topic, payload, qos, dup, retain };
        if let Delivery::ExactlyOnce { .. } = delivery {
            self.hub.intake.give_up(&publication, CloseReason::QosUnsupported.label());
            return Err(CloseReason::QosUnsupported.into());
        }
        self.offer(publication, delivery.id(), RETRY_MIN)
    }

    fn offer(
        &mut self,
        publication: Publication,
        id: Option<PacketId>,
        delay: Duration,
    ) -> Result<(), Ending> {
        match (self.hub.intake.offer(&publication), id) {
            (Ok(receipt), Some(id)) => {
                self.hub.counters.taken.add(1);
                self.outstanding.push(id, receipt);
            }
            (Err(Declined::Busy), id) => {
                self.held = Some(Held { publication, id, delay, retry_at: Instant::now() + delay });
            }
            // MQTT 3.1.1 has no negative acknowledgement: [MQTT-3.3.5-2] leaves the answer or the end of the connection.
            (Err(Declined::Refused { code }), Some(_)) => {
                return Err(Ending::caused(CloseReason::Refused, Cause::Intake(code)));
            }
            (Ok(_) | Err(Declined::Refused { .. }), None) => {}
        }
        Ok(())
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
        let Some(will) = self.will.take() else { return };
        self.hub.counters.wills.add(1);
        let (client, qos, retain) = (self.client.clone(), will.qos, will.retain);
        let publication =
            Publication { client, topic: will.topic, payload: will.payload, qos, dup: false, retain };
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
