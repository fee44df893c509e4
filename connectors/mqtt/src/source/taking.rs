//! What is done with each packet: a publication is offered to the pipeline, the rest is answered.
//!
//! Stops as soon as there is no room, so that what cannot be taken stays in the socket.

use super::error::Setback;
use super::session::Session;
use super::{Fingerprint, Memory, Receipt};
use bytes::Bytes;
use std::time::Duration;
use tidegate_codec_mqtt::{Delivery, Packet, Publish, Text};
use tidegate_kernel_journal::{Level, Ticket};
use tidegate_service_ingest::{Declined, Reading, Source, Taken};
use tokio::time::Instant;

/// How soon a busy pipeline is asked again: at first, and at most after doubling.
const RETRY_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(64);

/// A publication the pipeline was too busy for.
#[derive(Debug)]
pub(super) struct Held {
    reading: Reading,
    delivery: Delivery,
    delay: Duration,
    pub(super) retry_at: Instant,
}

impl Session<'_> {
    /// Takes in what was read, as far as there is room.
    pub(super) fn take_in(&mut self, memory: &mut Memory) -> Result<(), Setback> {
        if let Some(held) = self.held.take_if(|held| held.retry_at <= Instant::now()) {
            self.offer(held.reading, held.delivery, (held.delay * 2).min(RETRY_MAX), memory)?;
        }
        while self.has_room()
            && let Some(packet) = self.decoder.decode(&mut self.input)?
        {
            self.handle(packet, memory)?;
        }
        Ok(())
    }

    fn handle(&mut self, packet: Packet, memory: &mut Memory) -> Result<(), Setback> {
        match packet {
            Packet::Publish(publish) => self.publication(&publish, memory),
            Packet::Pubrel(ack) => {
                self.released(ack.id, memory);
                Ok(())
            }
            Packet::Suback(suback) => self.subscribed(&suback),
            Packet::Pingresp => Ok(()),
            Packet::Disconnect(disconnect) => Err(Setback::Dismissed(disconnect.reason)),
            _ => Err(Setback::Unexpected),
        }
    }

    fn publication(&mut self, publish: &Publish, memory: &mut Memory) -> Result<(), Setback> {
        let delivery = publish.delivery;
        self.link.counters.publication(delivery.qos() as u8, delivery.is_dup());
        if let Delivery::ExactlyOnce { id, dup: true } = delivery
            && let Some(receipt) = memory.received.get(&id)
        {
            // Its PUBREC was lost, or is on its way.
            if !self.outstanding.holds(id) {
                self.outstanding.push(delivery, receipt.taken.clone());
            }
            return Ok(());
        }
        self.offer(self.reading(publish), delivery, RETRY_MIN, memory)
    }

    fn reading(&self, publish: &Publish) -> Reading {
        let content_type = publish.properties.content_type.as_ref().map(Text::detach);
        let payload = Bytes::copy_from_slice(&publish.payload);
        Reading {
            client: Text::new(self.link.name()).unwrap_or_default(),
            content_type: content_type.unwrap_or_default(),
            qos: publish.delivery.qos(),
            dup: publish.delivery.is_dup(),
            retain: publish.retain,
            ..Reading::raw(Source::External, publish.topic.detach(), payload)
        }
    }

    fn offer(
        &mut self,
        reading: Reading,
        delivery: Delivery,
        delay: Duration,
        memory: &mut Memory,
    ) -> Result<(), Setback> {
        match self.link.ingest.offer(&reading) {
            Ok(Taken { ticket, level, .. }) => self.taken(&reading, delivery, Some((ticket, level)), memory),
            Err(Declined::Busy) => {
                if delay == RETRY_MIN {
                    self.link.counters.hold();
                }
                self.held = Some(Held { reading, delivery, delay, retry_at: Instant::now() + delay });
            }
            Err(Declined::Refused { code }) if may_pass(code) => return Err(Setback::NotTaken { code }),
            // It would be refused again: it is acknowledged, and counted as refused by the pipeline.
            Err(Declined::Refused { .. } | Declined::Malformed { .. }) => {
                self.taken(&reading, delivery, None, memory);
            }
        }
        Ok(())
    }

    /// What comes with an identifier is acknowledged when it is safe. One of QoS 2 is remembered until it is released; an identifier
    /// that comes without DUP is a new publication, whatever it was used for before. One that comes with DUP after its release is
    /// taken as well: an identifier may have been used for something new whose first try was lost, and that must not be.
    fn taken(
        &mut self,
        reading: &Reading,
        delivery: Delivery,
        taken: Option<(Ticket, Level)>,
        memory: &mut Memory,
    ) {
        if let Delivery::ExactlyOnce { id, dup } = delivery {
            let receipt = Receipt { taken: taken.clone(), fingerprint: Fingerprint::of(reading) };
            if memory.receive(id, dup, receipt) {
                self.link.counters.repeat();
            }
        }
        if delivery.id().is_some() {
            self.outstanding.push(delivery, taken);
        }
    }
}

/// Whether a refusal is the state of the node rather than the reading's fault: then the broker had better keep it. Of the journal's
/// refusals only TG-JR-002, too large, is the reading's; TG-IN-002 says that the node is stopping.
fn may_pass(code: &str) -> bool {
    code == "TG-IN-002" || (code.starts_with("TG-JR-") && code != "TG-JR-002")
}
