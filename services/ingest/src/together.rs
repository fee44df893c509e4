//! Readings that stand or fall together, with a note of whoever offers them: after a crash all of it is in the journal, or none.
//!
//! That is what lets a protocol with sequence numbers say exactly how far a client is.

use crate::error::Declined;
use crate::ingest::Ingest;
use crate::layout::{self, KIND, VERSION};
use crate::reading::{READINGS, Reading};
use crate::state::wall_ms;
use tidegate_kernel_journal::{Entry, Id, Level, Ticket};

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

/// A reading as it will stand in the journal.
struct Written {
    payload: Vec<u8>,
    critical: bool,
    id: Id,
}

impl Ingest {
    /// Takes readings into the journal together with the note, or says why none of them. Returns at once. All of them must fit
    /// into one batch of the journal: 64 of them with 128 KiB do, or one of the largest.
    pub fn offer_all(&self, readings: &[Reading], note: Option<Entry<'_>>) -> Result<Together, Declined> {
        let (mut written, mut refused) = (Vec::with_capacity(readings.len()), Vec::new());
        let (classes, mut level) = (self.classes.get(), Level::Memory);
        for (at, reading) in readings.iter().enumerate() {
            let class = classes.of(&reading.topic);
            match layout::encode(reading) {
                Ok(payload) => {
                    level = level.max(class.level());
                    written.push(Written { payload, critical: class.is_critical(), id: Id::v7(wall_ms()) });
                }
                Err(_) => refused.push((at, Declined::UNWRITABLE_CODE)),
            }
        }
        let entries: Vec<_> = written.iter().map(Written::entry).chain(note).collect();
        let mut admission = self.admission();
        let taken = self.admit(&mut admission, &entries);
        match &taken {
            Ok(_) => {
                written.iter().for_each(|_| admission.count_accepted());
                refused.iter().for_each(|(_, code)| admission.count_refused(code));
            }
            Err(Declined::Busy) => {}
            Err(Declined::Refused { code }) => readings.iter().for_each(|_| admission.count_refused(code)),
        }
        Ok(Together { ticket: taken?, level, refused })
    }
}

impl Written {
    fn entry(&self) -> Entry<'_> {
        Entry {
            stream: READINGS,
            kind: KIND,
            version: VERSION,
            critical: self.critical,
            once: false,
            id: self.id,
            payload: &self.payload,
        }
    }
}
