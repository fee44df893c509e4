//! The way in: a reading is looked at, then taken into the journal or into memory, absorbed, quarantined or declined.
//!
//! Holds the lock of admission while the journal copies one record, so that the accounts are of one moment; nothing here does
//! IO. Reads the wall clock for ids and for when a reading was received.

use crate::admission::Admission;
use crate::class::Class;
use crate::error::Declined;
use crate::ingest::{Ingest, Taken};
use crate::layout::{self, KIND, VERSION};
use crate::quarantine::{self, QUARANTINE, Quarantined, UnknownDevices};
use crate::reading::{READINGS, Reading, Source};
use crate::state::wall_ms;
use tidegate_kernel_journal::{Entry, Id, Level, ReadError, ReadLimit};

/// Where a reading goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Keep(Class),
    Quarantine,
    Refuse(&'static str),
}

impl Ingest {
    /// Takes a reading in, or says why not. Returns at once; the ticket tells when it is safe.
    ///
    /// One that a rule made ([`Source::Rule`]) is counted as derived, not as received, and is not counted when it is declined.
    pub fn offer(&self, reading: &Reading) -> Result<Taken, Declined> {
        let received_ms = wall_ms();
        let outcome = match self.way_of(reading) {
            Way::Keep(Class::Telemetry) => self.keep_in_memory(reading, received_ms),
            Way::Keep(class) => self.keep(reading, class, received_ms),
            Way::Quarantine => self.quarantine(reading, received_ms),
            Way::Refuse(code) => Err(Declined::Refused { code }),
        };
        if let Err(Declined::Refused { code }) = &outcome
            && reading.source != Source::Rule
        {
            self.admission().count_refused(code);
        }
        outcome
    }

    fn way_of(&self, reading: &Reading) -> Way {
        match self.config.unknown_devices {
            UnknownDevices::Quarantine if self.is_unknown(reading) => Way::Quarantine,
            UnknownDevices::Refuse if self.is_unknown(reading) => Way::Refuse(Declined::UNKNOWN_DEVICE_CODE),
            _ => Way::Keep(self.classes.of(&reading.topic)),
        }
    }

    fn is_unknown(&self, reading: &Reading) -> bool {
        let admitted = self.config.unknown_admitted.iter().any(|filter| filter.matches(&reading.topic));
        reading.source != Source::Rule && !admitted
    }

    fn keep(&self, reading: &Reading, class: Class, received_ms: u64) -> Result<Taken, Declined> {
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

    /// There is nothing to wait for.
    fn taken_at_once(&self) -> Taken {
        Taken { id: Id::NIL, ticket: self.journal.settled_ticket(), level: Level::Memory }
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

fn entry(stream: u16, id: Id, payload: &[u8]) -> Entry<'_> {
    Entry { stream, kind: KIND, version: VERSION, critical: false, once: false, id, payload }
}
