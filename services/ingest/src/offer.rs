//! The way in: a reading is looked at, then taken into the journal or into memory, absorbed, quarantined or declined.
//!
//! Holds the lock of admission while the journal copies one record, so that the accounts are of one moment, and for a device
//! with a model the lock of its topic meanwhile; nothing here does IO. Reads the wall clock for ids and for when a reading was
//! received.

use crate::admission::Admission;
use crate::class::Class;
use crate::error::Declined;
use crate::gate::{Gate, Seat};
use crate::ingest::{Ingest, Taken};
use crate::layout::{self, KIND, VERSION};
use crate::quarantine::{self, QUARANTINE, Quarantined, UnknownDevices};
use crate::reading::{Body, Points, READINGS, Reading, Source};
use crate::state::wall_ms;
use tidegate_engine_tags::{Interpreted, Plan, Point, TagPoint};
use tidegate_kernel_journal::{Entry, Id, Level, ReadError, ReadLimit, Ticket};

/// A reading, when it came, and the id it must not have come with before.
#[derive(Debug, Clone, Copy)]
struct Offer<'a> {
    reading: &'a Reading,
    received_ms: u64,
    once: Option<Id>,
}

impl Offer<'_> {
    fn id(&self) -> Id {
        self.once.unwrap_or_else(|| Id::v7(self.received_ms))
    }

    fn entry<'p>(&self, stream: u16, id: Id, payload: &'p [u8]) -> Entry<'p> {
        let once = self.once.is_some();
        Entry { stream, kind: KIND, version: VERSION, critical: false, once, id, payload }
    }
}

impl Ingest {
    /// Takes a reading in, or says why not. Returns at once; the ticket tells when it is safe.
    ///
    /// What a device with a model sends is taken as the points its model makes of it. A reading that a rule made
    /// ([`Source::Rule`]) is counted as derived, not as received, and is not counted when it is declined.
    pub fn offer(&self, reading: &Reading) -> Result<Taken, Declined> {
        self.take(&Offer { reading, received_ms: wall_ms(), once: None })
    }

    /// The same under an id the publisher made, a UUIDv7: one that was accepted before is refused with TG-JR-006. Only what goes
    /// into the journal is told apart by its id.
    pub fn offer_once(&self, reading: &Reading, id: Id) -> Result<Taken, Declined> {
        self.take(&Offer { reading, received_ms: wall_ms(), once: Some(id) })
    }

    fn take(&self, offer: &Offer<'_>) -> Result<Taken, Declined> {
        let (gate, reading) = (self.gate.get(), offer.reading);
        let outcome = match (&reading.body, gate.seat(&reading.topic)) {
            (Body::Raw(payload), Some(seat)) => {
                match seat.plan.interpret(payload, reading.source_ms, offer.received_ms) {
                    Ok(made) => self.take_points(offer, &gate, &seat, made),
                    Err(malformed) => Err(Declined::Malformed { code: malformed.code() }),
                }
            }
            (Body::Points(_), Some(_)) => self.keep(offer, gate.classes.of(&reading.topic)),
            (_, None) => self.take_unknown(offer, &gate),
        };
        self.count_declined(reading.source, outcome.as_ref().err());
        outcome
    }

    fn count_declined(&self, source: Source, declined: Option<&Declined>) {
        match declined {
            Some(Declined::Refused { code }) if source != Source::Rule => {
                self.admission().count_refused(code)
            }
            Some(Declined::Malformed { code }) => self.admission().count_malformed(code),
            _ => {}
        }
    }

    /// Of points, only what is news goes on; the reporter is told once that is taken.
    fn take_points(
        &self,
        offer: &Offer<'_>,
        gate: &Gate,
        seat: &Seat,
        mut made: Interpreted,
    ) -> Result<Taken, Declined> {
        let Offer { reading, received_ms, .. } = *offer;
        self.point_faults.add(&made.faults);
        let mut reporter = seat.reporter();
        let class = gate.class_of(&reading.topic, &seat.plan, &made.points);
        seat.keep_news(&reporter, &mut made, received_ms);
        if made.points.is_empty() {
            return self.absorb(reading.source, class);
        }
        let body =
            Body::Points(Points { device: seat.device.clone(), points: named(&seat.plan, &made.points) });
        let taken = self.keep(&Offer { reading: &Reading { body, ..reading.clone() }, ..*offer }, class)?;
        made.points.iter().for_each(|point| reporter.apply(point, received_ms));
        Ok(taken)
    }

    fn take_unknown(&self, offer: &Offer<'_>, gate: &Gate) -> Result<Taken, Declined> {
        match gate.of_unknown(offer.reading) {
            UnknownDevices::Admit => self.keep(offer, gate.classes.of(&offer.reading.topic)),
            UnknownDevices::Quarantine => self.quarantine(offer),
            UnknownDevices::Refuse => Err(Declined::UNKNOWN_DEVICE),
        }
    }

    fn keep(&self, offer: &Offer<'_>, class: Class) -> Result<Taken, Declined> {
        match class {
            Class::Telemetry => self.keep_in_memory(offer),
            class => self.keep_in_journal(offer, class),
        }
    }

    fn keep_in_journal(&self, offer: &Offer<'_>, class: Class) -> Result<Taken, Declined> {
        let payload = layout::encode(offer.reading).map_err(|_| Declined::UNWRITABLE)?;
        let id = offer.id();
        let entry = Entry { critical: class.is_critical(), ..offer.entry(READINGS, id, &payload) };
        let mut admission = self.admission();
        let ticket = self.admit(&mut admission, &[entry])?;
        admission.count_journaled(offer.reading.source, class, ticket.seq());
        Ok(Taken { id, ticket, level: class.level() })
    }

    fn keep_in_memory(&self, offer: &Offer<'_>) -> Result<Taken, Declined> {
        let mut admission = self.admission();
        self.hold_promise(&mut admission)?;
        admission.count_kept(offer.reading.source, Class::Telemetry);
        // Under the lock, so that the accounts never see a reading that is counted and not yet there.
        self.telemetry.put(offer.reading.clone(), offer.received_ms);
        Ok(self.taken_at_once())
    }

    fn absorb(&self, source: Source, class: Class) -> Result<Taken, Declined> {
        let mut admission = self.admission();
        self.hold_promise(&mut admission)?;
        admission.count_absorbed(source, class);
        Ok(self.taken_at_once())
    }

    fn quarantine(&self, offer: &Offer<'_>) -> Result<Taken, Declined> {
        let payload = layout::encode(offer.reading).map_err(|_| Declined::UNWRITABLE)?;
        let mut admission = self.admission();
        self.check_quota(&admission, payload.len())?;
        let id = offer.id();
        let ticket = self.admit(&mut admission, &[offer.entry(QUARANTINE, id, &payload)])?;
        admission.count_quarantined(ticket.seq(), payload.len());
        Ok(Taken { id, ticket, level: Level::Os })
    }

    fn check_quota(&self, admission: &Admission, bytes: usize) -> Result<(), Declined> {
        let after = admission.held().bytes + bytes as u64;
        if after > self.config.quarantine_bytes_max { Err(Declined::QUARANTINE_FULL) } else { Ok(()) }
    }

    fn taken_at_once(&self) -> Taken {
        Taken { id: Id::NIL, ticket: self.nothing_to_wait_for(), level: Level::Memory }
    }

    /// A ticket that has reached every level: for what is done with and not in the journal.
    pub fn nothing_to_wait_for(&self) -> Ticket {
        self.journal.settled_ticket()
    }

    /// Readings in quarantine, oldest first, and the record to go on after. Reads the disk.
    pub fn quarantined(&self, after_seq: u64, many: usize) -> Result<(Vec<Quarantined>, u64), ReadError> {
        let held = self.admission().held();
        if held.readings == 0 {
            return Ok((Vec::new(), after_seq));
        }
        let limit = ReadLimit { records: many.min(1024), bytes: 1 << 20 };
        let (records, through) = self.journal.read(QUARANTINE, after_seq.max(held.from_seq), limit)?;
        Ok((records.iter().filter_map(quarantine::of_record).collect(), through))
    }

    /// Lets go of everything in quarantine, which makes room for more; how many readings that were.
    pub fn release_quarantine(&self) -> u64 {
        self.admission().release_quarantine()
    }
}

/// With names instead of numbers, so that the record can be understood without the model.
fn named(plan: &Plan, points: &[TagPoint]) -> Vec<Point> {
    let named = |point: &TagPoint| Point {
        tag: plan.tag(point.tag).name.clone(),
        value: point.value.clone(),
        quality: point.quality,
        source_ms: point.source_ms,
    };
    points.iter().map(named).collect()
}
