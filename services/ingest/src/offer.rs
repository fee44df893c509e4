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

impl Ingest {
    /// Takes a reading in, or says why not. Returns at once; the ticket tells when it is safe.
    ///
    /// What a device with a model sends is taken as the points its model makes of it. A reading that a rule made
    /// ([`Source::Rule`]) is counted as derived, not as received, and is not counted when it is declined.
    pub fn offer(&self, reading: &Reading) -> Result<Taken, Declined> {
        let (gate, received_ms) = (self.gate.get(), wall_ms());
        let seat = gate.seat(&reading.topic);
        let outcome = match (&reading.body, seat) {
            (Body::Raw(payload), Some(seat)) => {
                let made = seat.plan.interpret(payload, reading.source_ms, received_ms);
                match made {
                    Ok(made) => self.offer_points(reading, &gate, &seat, made, received_ms),
                    Err(malformed) => Err(Declined::Malformed { code: malformed.code() }),
                }
            }
            (Body::Points(_), Some(_)) => self.keep(reading, gate.classes.of(&reading.topic), received_ms),
            (_, None) => self.offer_unknown(reading, &gate, received_ms),
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
    fn offer_points(
        &self,
        reading: &Reading,
        gate: &Gate,
        seat: &Seat,
        mut made: Interpreted,
        received_ms: u64,
    ) -> Result<Taken, Declined> {
        self.point_faults.add(&made.faults);
        let mut reporter = seat.reporter();
        let class = gate.class_of(&reading.topic, &seat.plan, &made.points);
        seat.keep_news(&reporter, &mut made, received_ms);
        if made.points.is_empty() {
            return self.absorb(reading.source, class);
        }
        let body =
            Body::Points(Points { device: seat.device.clone(), points: named(&seat.plan, &made.points) });
        let taken = self.keep(&Reading { body, ..reading.clone() }, class, received_ms)?;
        made.points.iter().for_each(|point| reporter.apply(point, received_ms));
        Ok(taken)
    }

    fn offer_unknown(&self, reading: &Reading, gate: &Gate, received_ms: u64) -> Result<Taken, Declined> {
        match gate.of_unknown(reading) {
            UnknownDevices::Admit => self.keep(reading, gate.classes.of(&reading.topic), received_ms),
            UnknownDevices::Quarantine => self.quarantine(reading, received_ms),
            UnknownDevices::Refuse => Err(Declined::UNKNOWN_DEVICE),
        }
    }

    fn keep(&self, reading: &Reading, class: Class, received_ms: u64) -> Result<Taken, Declined> {
        match class {
            Class::Telemetry => self.keep_in_memory(reading, received_ms),
            class => self.keep_in_journal(reading, class, received_ms),
        }
    }

    fn keep_in_journal(&self, reading: &Reading, class: Class, received_ms: u64) -> Result<Taken, Declined> {
        let payload = layout::encode(reading).map_err(|_| Declined::UNWRITABLE)?;
        let id = Id::v7(received_ms);
        let entry = Entry { critical: class.is_critical(), ..entry(READINGS, id, &payload) };
        let mut admission = self.admission();
        let ticket = self.admit(&mut admission, &[entry])?;
        admission.count_journaled(reading.source, class, ticket.seq());
        Ok(Taken { id, ticket, level: class.level() })
    }

    fn keep_in_memory(&self, reading: &Reading, received_ms: u64) -> Result<Taken, Declined> {
        let mut admission = self.admission();
        self.hold_promise(&mut admission)?;
        admission.count_kept(reading.source, Class::Telemetry);
        // Under the lock, so that the accounts never see a reading that is counted and not yet there.
        self.telemetry.put(reading.clone(), received_ms);
        Ok(self.taken_at_once())
    }

    fn absorb(&self, source: Source, class: Class) -> Result<Taken, Declined> {
        let mut admission = self.admission();
        self.hold_promise(&mut admission)?;
        admission.count_absorbed(source, class);
        Ok(self.taken_at_once())
    }

    fn quarantine(&self, reading: &Reading, received_ms: u64) -> Result<Taken, Declined> {
        let payload = layout::encode(reading).map_err(|_| Declined::UNWRITABLE)?;
        let mut admission = self.admission();
        self.check_quota(&admission, payload.len())?;
        let id = Id::v7(received_ms);
        let ticket = self.admit(&mut admission, &[entry(QUARANTINE, id, &payload)])?;
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

fn entry(stream: u16, id: Id, payload: &[u8]) -> Entry<'_> {
    Entry { stream, kind: KIND, version: VERSION, critical: false, once: false, id, payload }
}
