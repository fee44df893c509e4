//! The broker's port on the pipeline: a publication is a reading.

use crate::writing::Panel;
use std::sync::Arc;
use tidegate_kernel_journal::Entry;
use tidegate_service_broker as broker;
use tidegate_service_broker::{Intake, Publication, Receipt};
use tidegate_service_ingest as ingest;
use tidegate_service_ingest::{Ingest, Reading, Source};

/// Hands publications to the pipeline.
#[derive(Debug)]
pub(crate) struct Readings(pub(crate) Arc<Ingest>);

impl Intake for Readings {
    fn offer(&self, publication: &Publication, own: &[Entry<'_>]) -> Result<Receipt, broker::Declined> {
        match self.0.offer_with(&reading(publication), own) {
            Ok(taken) => Ok(Receipt { ticket: taken.ticket, level: taken.level }),
            Err(ingest::Declined::Busy) => Err(broker::Declined::Busy),
            Err(declined @ (ingest::Declined::Refused { code } | ingest::Declined::Malformed { code })) => {
                Err(match declined.is_of_no_reading() {
                    true => broker::Declined::NoReading { code },
                    false => broker::Declined::Refused { code },
                })
            }
        }
    }

    fn give_up(&self, _publication: &Publication, reason: &'static str) {
        self.0.give_up(reason);
    }

    fn malformed(&self, code: &'static str) {
        self.0.malformed(code);
    }
}

/// What comes over MQTT: readings, and commands for devices.
#[derive(Debug)]
pub(crate) struct Publications {
    pub(crate) readings: Readings,
    pub(crate) panel: Arc<Panel>,
}

impl Intake for Publications {
    fn offer(&self, publication: &Publication, own: &[Entry<'_>]) -> Result<Receipt, broker::Declined> {
        match self.panel.holds(publication) {
            true => self.panel.take(publication, own),
            false => self.readings.offer(publication, own),
        }
    }

    fn give_up(&self, publication: &Publication, reason: &'static str) {
        self.readings.give_up(publication, reason);
    }

    fn malformed(&self, code: &'static str) {
        self.readings.malformed(code);
    }
}

/// Where readings are another process's: subscribers get a publication, and it is no reading here.
#[derive(Debug)]
pub(crate) struct Elsewhere;

impl Intake for Elsewhere {
    fn offer(&self, _: &Publication, _: &[Entry<'_>]) -> Result<Receipt, broker::Declined> {
        Err(broker::Declined::NoReading { code: "TG-SV-004" })
    }

    fn give_up(&self, _: &Publication, _: &'static str) {}

    fn malformed(&self, _: &'static str) {}
}

fn reading(publication: &Publication) -> Reading {
    Reading {
        client: publication.client.clone(),
        principal: publication.principal.clone(),
        qos: publication.qos,
        dup: publication.dup,
        retain: publication.retain,
        ..Reading::raw(Source::Mqtt, publication.topic.clone(), publication.payload.clone())
    }
}
