//! The gRPC listener's ports: on the pipeline, where a reading of a batch is a reading, and on TLS.

use crate::intake::Readings;
use crate::tls::Tls;
use tidegate_codec_mqtt::Text;
use tidegate_kernel_journal::Entry;
use tidegate_service_grpc::{
    Declined, Handshake, Intake, Offer, Receipt, Refused, Sender, Shaking, Taken, Wire,
};
use tidegate_service_ingest::{self as ingest, Reading, Source};
use tokio::net::TcpStream;

impl Handshake for Tls {
    fn shake(&self, stream: TcpStream) -> Shaking<'_> {
        Box::pin(async {
            self.accept_http2(stream).await.map(|stream| -> Box<dyn Wire> { Box::new(stream) })
        })
    }
}

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
