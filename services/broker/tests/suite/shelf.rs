//! An intake that appends to a real journal, or declines as it is told, and remembers what it was asked.

use std::sync::Mutex;

use tidegate_kernel_journal::{Entry, Id, Journal, Level, ReadLimit};
use tidegate_service_broker::{Declined, Intake, Publication, Receipt};

pub(crate) const STREAM: u16 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Take,
    Busy,
    Refuse,
    Panic,
}

pub(crate) struct Shelf {
    pub(crate) journal: Journal,
    level: Level,
    mood: Mutex<Mood>,
    notes: Mutex<Notes>,
}

/// Payloads stand for publications; a test gives each its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) taken: Vec<Publication>,
    pub(crate) given_up: Vec<(String, &'static str)>,
    pub(crate) malformed: Vec<&'static str>,
    pub(crate) offers: u64,
}

impl Shelf {
    pub(crate) fn new(journal: Journal, level: Level) -> Self {
        Self { journal, level, mood: Mutex::new(Mood::Take), notes: Mutex::default() }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn notes(&self) -> Notes {
        self.notes.lock().unwrap().clone()
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.notes.lock().unwrap().taken.iter().map(payload).collect()
    }

    /// What is synced in the journal, in order.
    pub(crate) fn synced(&self) -> Vec<String> {
        let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        let (records, _) = self.journal.read(STREAM, 0, limit).unwrap();
        records.iter().map(|record| String::from_utf8(record.payload.to_vec()).unwrap()).collect()
    }
}

impl Intake for Shelf {
    fn offer(&self, publication: &Publication, own: &[Entry<'_>]) -> Result<Receipt, Declined> {
        let mood = *self.mood.lock().unwrap();
        self.notes.lock().unwrap().offers += 1;
        match mood {
            Mood::Take => {}
            Mood::Busy => return Err(Declined::Busy),
            Mood::Refuse => return Err(Declined::Refused { code: "TG-IN-999" }),
            Mood::Panic => panic!("an intake that panics"),
        }
        let entry = Entry {
            stream: STREAM,
            kind: 1,
            version: 1,
            critical: false,
            id: Id::v7(1),
            payload: &publication.payload,
            ..Entry::default()
        };
        let appended = self.journal.append_all(&[&[entry], own].concat());
        let ticket = appended.map_err(|refusal| Declined::Refused { code: refusal.code() })?;
        self.notes.lock().unwrap().taken.push(publication.clone());
        Ok(Receipt { ticket, level: self.level })
    }

    fn give_up(&self, publication: &Publication, reason: &'static str) {
        let mood = *self.mood.lock().unwrap();
        assert_ne!(mood, Mood::Panic, "an intake that panics again");
        self.notes.lock().unwrap().given_up.push((payload(publication), reason));
    }

    fn malformed(&self, code: &'static str) {
        self.notes.lock().unwrap().malformed.push(code);
    }
}

fn payload(publication: &Publication) -> String {
    String::from_utf8(publication.payload.to_vec()).unwrap()
}
