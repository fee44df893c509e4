//! The way in: a reading is looked at, then taken into the journal or into memory, absorbed, quarantined or declined.
//!
//! Looking takes nothing; taking is for one reading or for several that stand or fall together, with a note of whoever offers
//! them: after a crash all of that is in the journal, or none. Holds the lock of admission while the journal copies the records,
//! so that the accounts are of one moment; nothing here does IO. Reads the wall clock for ids and for when a reading was received.

use crate::admission::Admission;
use crate::class::Class;
use crate::error::Declined;
use crate::gate::{Gate, Seat, Told};
use crate::ingest::{Ingest, Taken};
use crate::layout::{self, KIND, Said, VERSION};
use crate::planted;
use crate::quarantine::{self, QUARANTINE, Quarantined, UnknownDevices};
use crate::reading::{Body, Points, READINGS, Reading, Source};
use crate::shelf;
use crate::state::wall_ms;
use std::sync::Arc;
use tidegate_engine_tags::{Interpreted, Plan, Point, TagPoint};
use tidegate_kernel_journal::{Entry, Id, Level, ReadError, ReadLimit, Ticket};

/// A reading, when it came, and the id it must not have come with before.
#[derive(Debug, Clone, Copy)]
struct Offer<'a> {
    reading: &'a Reading,
    received_ms: u64,
    once: Option<Id>,
    /// What whoever offers it has to write with it.
    notes: &'a [Entry<'a>],
}

/// What a reading came to when it was looked at.
struct Look {
    id: Id,
    once: bool,
    source: Source,
    class: Class,
    place: Place,
    news: Option<News>,
}

/// Where it goes.
enum Place {
    Journal(Vec<u8>),
    Quarantine(Vec<u8>),
    Memory(Box<Reading>),
    /// Nothing in it was news.
    Nowhere,
}

/// What the reporter of its tags is told once it is taken.
struct News {
    seat: Arc<Seat>,
    points: Vec<TagPoint>,
    received_ms: u64,
}

/// Readings that were taken together.
#[derive(Debug, Clone)]
pub struct Together {
    /// Of the note, or of the last reading where there is none.
    pub ticket: Ticket,
    /// The highest that any of them asks for.
    pub level: Level,
    /// Those that were not taken, by their place and with the code they are counted under.
    pub refused: Vec<(usize, &'static str)>,
}

impl Ingest {
    /// Takes a reading in, or says why not. Returns at once; the ticket tells when it is safe.
    ///
    /// What a device with a model sends is taken as the points its model makes of it. A reading that a rule made
    /// ([`Source::Rule`]) is counted as derived, not as received, and is not counted when it is declined.
    pub fn offer(&self, reading: &Reading) -> Result<Taken, Declined> {
        self.offer_with(reading, &[])
    }

    /// The same with records of whoever offers it, which stand or fall with the reading: after a crash all of it is in the journal, or
    /// nothing. Where the reading itself does not go into the journal, they do; where it is declined, they do not.
    pub fn offer_with(&self, reading: &Reading, notes: &[Entry<'_>]) -> Result<Taken, Declined> {
        self.contain(|| self.take(&Offer { reading, received_ms: wall_ms(), once: None, notes }))
    }

    /// The same under an id the publisher made, a UUIDv7: one that was accepted before is refused with TG-JR-006. Only what goes
    /// into the journal is told apart by its id.
    pub fn offer_once(&self, reading: &Reading, id: Id) -> Result<Taken, Declined> {
        self.contain(|| self.take(&Offer { reading, received_ms: wall_ms(), once: Some(id), notes: &[] }))
    }

    /// Takes readings together with the note, or says why none of them; each may still be declined for itself. All that goes into
    /// the journal must fit into one batch of it: 64 records with 128 KiB do, or one of the largest.
    pub fn offer_all(&self, readings: &[Reading], note: Option<Entry<'_>>) -> Result<Together, Declined> {
        self.contain(|| self.take_all(readings, note))
    }

    fn take_all(&self, readings: &[Reading], note: Option<Entry<'_>>) -> Result<Together, Declined> {
        let (gate, received_ms) = (self.gate.get(), wall_ms());
        let (mut looks, mut declined) = (Vec::with_capacity(readings.len()), Vec::new());
        for (at, reading) in readings.iter().enumerate() {
            match self.look(&Offer { reading, received_ms, once: None, notes: &[] }, &gate) {
                Ok(look) => looks.push(look),
                Err(why) => declined.push((at, reading.source, why)),
            }
        }
        let mut admission = self.admission();
        let settled = self.settle(&mut admission, looks, declined.len(), note.as_slice());
        match settled {
            Ok(_) => declined.iter().for_each(|(_, source, why)| admission.count_declined_of(*source, *why)),
            Err(why) => readings.iter().for_each(|reading| admission.count_declined_of(reading.source, why)),
        }
        drop(admission);
        let (ticket, level) = settled?;
        let refused = declined.iter().filter_map(|(at, _, why)| Some((*at, why.code()?))).collect();
        Ok(Together { ticket, level, refused })
    }

    fn take(&self, offer: &Offer<'_>) -> Result<Taken, Declined> {
        let (source, gate) = (offer.reading.source, self.gate.get());
        let look = match gate.seat(&offer.reading.topic) {
            Some(seat) if offer.reading.is_for_model() => {
                let mut told = seat.told();
                match self.read(offer, &gate, &seat, &mut told) {
                    Ok(Class::Telemetry) if offer.notes.is_empty() && !told.made.points.is_empty() => {
                        return self.take_live(offer, &seat, &mut told);
                    }
                    Ok(class) => offer.look_at_points(&seat, class, &told.made),
                    Err(why) => Err(why),
                }
            }
            seat => self.look_without(offer, &gate, seat.is_some()),
        };
        match look {
            Ok(look) => self.take_look(offer, look),
            // What rules make was never received.
            Err(why) if source == Source::Rule => Err(why),
            Err(why) => self.decline(why).and(Err(why)),
        }
    }

    fn take_look(&self, offer: &Offer<'_>, look: Look) -> Result<Taken, Declined> {
        let id = if look.entry().is_some() { look.id } else { Id::NIL };
        let mut admission = self.admission();
        planted::taking(&offer.reading.topic);
        let settled = self.settle(&mut admission, vec![look], 0, offer.notes);
        let settled = settled.inspect_err(|why| admission.count_declined_of(offer.reading.source, *why));
        settled.map(|(ticket, level)| Taken { id, ticket, level })
    }

    /// The short way: what goes into memory alone is moved there from where it was made.
    fn take_live(&self, offer: &Offer<'_>, seat: &Seat, told: &mut Told) -> Result<Taken, Declined> {
        let Offer { reading, received_ms, .. } = *offer;
        let mut admission = self.admission();
        self.hold_promise(&mut admission, 1)
            .inspect_err(|why| admission.count_declined_of(reading.source, *why))?;
        admission.count_kept(reading.source, Class::Telemetry);
        // Under the lock, so that the accounts never see a reading that is counted and not yet there.
        let (device, plan, made) = (&seat.device, &*seat.plan, &told.made.points[..]);
        self.telemetry.put_points(&shelf::News { reading, device, plan, made, received_ms }, &mut told.place);
        self.inbox.hear_points((device, plan), &mut told.wanted, made, received_ms);
        drop(admission);
        told.tell(&seat.plan, received_ms);
        Ok(Taken { id: Id::NIL, ticket: self.nothing_to_wait_for(), level: Level::Memory })
    }

    /// What is to become of a reading. Takes and counts nothing.
    fn look(&self, offer: &Offer<'_>, gate: &Gate) -> Result<Look, Declined> {
        match gate.seat(&offer.reading.topic) {
            Some(seat) if offer.reading.is_for_model() => {
                let mut told = seat.told();
                let class = self.read(offer, gate, &seat, &mut told)?;
                offer.look_at_points(&seat, class, &told.made)
            }
            seat => self.look_without(offer, gate, seat.is_some()),
        }
    }

    /// Lets the device's model make points of what came and leaves those that are news; their class.
    fn read(&self, offer: &Offer<'_>, gate: &Gate, seat: &Seat, told: &mut Told) -> Result<Class, Declined> {
        let Offer { reading, received_ms, .. } = *offer;
        let (plan, made) = (&seat.plan, &mut told.made);
        let made = match &reading.body {
            Body::Raw(payload) => plan.interpret_into(payload, reading.source_ms, received_ms, made),
            Body::Points(points) => plan.shape_into(&points.points, received_ms, made),
        };
        made.map_err(|malformed| Declined::Malformed { code: malformed.code() })?;
        self.point_faults.add(&told.made.faults);
        let class = gate.class_of(&reading.topic, &seat.plan, &told.made.points);
        told.keep_news(&seat.plan, received_ms);
        Ok(class)
    }

    /// A reading that its device's model is not asked about.
    fn look_without(&self, offer: &Offer<'_>, gate: &Gate, is_known: bool) -> Result<Look, Declined> {
        if is_known {
            return offer.keep(offer.reading, gate.classes.of(&offer.reading.topic));
        }
        self.look_at_unknown(offer, gate)
    }

    fn look_at_unknown(&self, offer: &Offer<'_>, gate: &Gate) -> Result<Look, Declined> {
        match gate.of_unknown(offer.reading) {
            UnknownDevices::Admit => offer.keep(offer.reading, gate.classes.of(&offer.reading.topic)),
            UnknownDevices::Quarantine => self.look_at_quarantine(offer),
            UnknownDevices::Refuse => Err(Declined::UNKNOWN_DEVICE),
        }
    }

    fn look_at_quarantine(&self, offer: &Offer<'_>) -> Result<Look, Declined> {
        let payload = layout::encode(offer.reading).map_err(|_| Declined::UNWRITABLE)?;
        let after = self.admission().held().bytes + payload.len() as u64;
        if after > self.config.quarantine_bytes_max {
            return Err(Declined::QUARANTINE_FULL);
        }
        Ok(offer.look(Class::Process, Place::Quarantine(payload)))
    }

    /// Takes all of it, or nothing, if beside it so many that were declined can be counted.
    fn settle(
        &self,
        admission: &mut Admission,
        looks: Vec<Look>,
        declined: usize,
        notes: &[Entry<'_>],
    ) -> Result<(Ticket, Level), Declined> {
        let level = looks.iter().map(Look::level).max().unwrap_or(Level::Memory);
        let entries: Vec<_> = looks.iter().filter_map(Look::entry).chain(notes.iter().copied()).collect();
        let ticket = self.admit(admission, (looks.len() + declined) as u64, &entries)?;
        drop(entries);
        for look in looks {
            self.count_taken(admission, |admission| self.count(admission, look, ticket.seq()));
        }
        Ok((ticket, level))
    }

    fn count(&self, admission: &mut Admission, look: Look, seq: u64) {
        planted::counting();
        let Look { source, class, .. } = look;
        match look.place {
            Place::Journal(_) => admission.count_journaled(source, class, seq),
            Place::Quarantine(payload) => admission.count_quarantined(seq, payload.len()),
            Place::Nowhere => admission.count_absorbed(source, class),
            Place::Memory(reading) => {
                admission.count_kept(source, class);
                // Under the lock, so that the accounts never see a reading that is counted and not yet there.
                self.inbox.hear(&reading, look.id.unix_ms());
                self.telemetry.put(*reading, look.id.unix_ms());
            }
        }
        if let Some(news) = look.news {
            news.seat.tell(&news.points, news.received_ms);
        }
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

impl Offer<'_> {
    /// Of points, only what is news goes on.
    fn look_at_points(&self, seat: &Arc<Seat>, class: Class, made: &Interpreted) -> Result<Look, Declined> {
        if made.points.is_empty() {
            return Ok(self.look(class, Place::Nowhere));
        }
        let place = if class == Class::Telemetry {
            let points = Points { device: seat.device.clone(), points: named(&seat.plan, &made.points) };
            Place::Memory(Box::new(self.reading.saying(Body::Points(points))))
        } else {
            let said = made.points.iter().map(|point| said(&seat.plan, point));
            let payload = layout::encode_points(self.reading, &seat.device, said);
            Place::Journal(payload.map_err(|_| Declined::UNWRITABLE)?)
        };
        Ok(Look { news: self.news(seat, made), ..self.look(class, place) })
    }

    /// What is held against what comes next.
    fn news(&self, seat: &Arc<Seat>, made: &Interpreted) -> Option<News> {
        let sifted = made.points.iter().filter(|point| seat.plan.tag(point.tag).is_sifted());
        let points: Vec<_> = sifted.cloned().collect();
        let (seat, received_ms) = (seat.clone(), self.received_ms);
        (!points.is_empty()).then_some(News { seat, points, received_ms })
    }

    fn keep(&self, reading: &Reading, class: Class) -> Result<Look, Declined> {
        if class == Class::Telemetry {
            return Ok(self.look(class, Place::Memory(Box::new(reading.clone()))));
        }
        let payload = layout::encode(reading).map_err(|_| Declined::UNWRITABLE)?;
        Ok(self.look(class, Place::Journal(payload)))
    }

    fn look(&self, class: Class, place: Place) -> Look {
        let id = self.once.unwrap_or_else(|| Id::v7(self.received_ms));
        Look { id, once: self.once.is_some(), source: self.reading.source, class, place, news: None }
    }
}

impl Look {
    fn entry(&self) -> Option<Entry<'_>> {
        let entry = |stream, critical: bool, payload| {
            let Look { id, once, source, .. } = *self;
            // The plant asks again in time, whatever became of what it read.
            let patient = source == Source::Driver && !critical;
            Entry { stream, kind: KIND, version: VERSION, critical, once, patient, id, payload }
        };
        match &self.place {
            Place::Journal(payload) => Some(entry(READINGS, self.class.is_critical(), payload)),
            Place::Quarantine(payload) => Some(entry(QUARANTINE, false, payload)),
            Place::Memory(_) | Place::Nowhere => None,
        }
    }

    /// What its publisher waits for.
    fn level(&self) -> Level {
        match self.place {
            Place::Journal(_) => self.class.level(),
            Place::Quarantine(_) => Level::Os,
            Place::Memory(_) | Place::Nowhere => Level::Memory,
        }
    }
}

fn said<'a>(plan: &'a Plan, point: &'a TagPoint) -> Said<'a> {
    let TagPoint { tag, value, quality, source_ms } = point;
    Said { tag: &plan.tag(*tag).name, value, quality: *quality, source_ms: *source_ms }
}

/// With names instead of numbers, so that the record can be understood without the model.
pub(crate) fn named(plan: &Plan, points: &[TagPoint]) -> Vec<Point> {
    let named = |point: &TagPoint| Point {
        tag: plan.tag(point.tag).name.clone(),
        value: point.value.clone(),
        quality: point.quality,
        source_ms: point.source_ms,
    };
    points.iter().map(named).collect()
}
