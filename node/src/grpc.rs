//! The gRPC listener's port on the pipeline: a reading of a batch is a reading.

use crate::intake::Readings;
use tidegate_codec_mqtt::Text;
use tidegate_kernel_journal::Entry;
use tidegate_service_grpc::{Declined, Intake, Offer, Receipt, Refused, Sender, Taken};
use tidegate_service_ingest::{self as ingest, Reading, Source};

impl Intake for Readings {
    fn offer(
        &self,
        sender: Sender<'_>,
        offers: &[Offer],
        note: Option<Entry<'_>>,
    ) -> Result<Taken, Declined> {
        let readings: Vec<_> = offers.iter().map(|offer| reading(sender, offer)).collect();
        match self.0.offer_all(&readings, note) {
            Ok(taken) => Ok(Taken {
                receipt: Receipt { ticket: taken.ticket, level: taken.level },
                refused: taken.refused.into_iter().map(|(at, code)| Refused { at, code }).collect(),
            }),
            Err(ingest::Declined::Busy) => Err(Declined::Busy),
            Err(ingest::Declined::Refused { code } | ingest::Declined::Malformed { code }) => {
                Err(Declined::Refused { code })
            }
        }
    }

    fn refuse(&self, reason: &'static str) {
        self.0.give_up(reason);
    }

    fn malformed(&self, code: &'static str) {
        self.0.malformed(code);
    }
}

fn reading(sender: Sender<'_>, offer: &Offer) -> Reading {
    let principal = if sender.principal.is_anonymous() { "" } else { &sender.principal.name };
    Reading {
        client: text(sender.stream),
        principal: text(principal),
        content_type: offer.content_type.clone(),
        source_ms: offer.source_ms,
        ..Reading::raw(Source::Grpc, offer.topic.clone(), offer.payload.clone())
    }
}

/// Names are checked where they come from, and are no longer than MQTT text may be.
fn text(name: &str) -> Text {
    Text::new(name).unwrap_or_default()
}
