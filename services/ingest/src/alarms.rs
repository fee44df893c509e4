//! Alarms as a feed: every change is a record on a stream of its own, of class critical; whoever wants them pulls by offset.
//!
//! Holds a lock while the journal copies one record, so that nothing is decided on a state that is changing. What a reader sees may be
//! ahead of the disk by one write; who acknowledges or shelves is answered after the sync. Reads the wall clock for commands.

use crate::once::{self, Appended};
use crate::rules::outputs::alarm_key;
use crate::state::wall_ms;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate_engine_rules::{Alarm, AlarmCounts, AlarmFact, AlarmRefusal, Alarms, Engine, Severity};
use tidegate_kernel_journal::{Entry, Id, Journal, Level, ReadError, ReadLimit, Refusal, Ticket};
use tidegate_kernel_plug::Principal;

/// The stream of all changes to alarms.
pub const ALARMS: u16 = 11;
const VERSION: u8 = 1;
/// Records and bytes of one page of the feed.
const PAGE: ReadLimit = ReadLimit { records: 1000, bytes: 1 << 20 };

/// All alarms and their history.
#[derive(Debug)]
pub struct AlarmFeed {
    journal: Journal,
    shelf_ms_max: u64,
    book: Mutex<Book>,
}

/// The state at one record of the stream.
#[derive(Debug, Default, Clone)]
pub(crate) struct Book {
    pub(crate) alarms: Alarms,
    /// The last record that is in the state.
    pub(crate) through: u64,
    /// Raised and not taken in, for there were too many.
    pub(crate) refused: u64,
}

/// One change as the feed gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmEvent {
    /// Rises from event to event, with gaps.
    pub offset: u64,
    pub id: Id,
    pub fact: AlarmFact,
}

/// Some events in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmPage {
    pub events: Vec<AlarmEvent>,
    /// Ask for what is behind this next.
    pub next: u64,
    /// Something between the offset asked for and the first event may have been given up over quota.
    pub has_gap: bool,
}

/// Why a command to an alarm has no effect, or an effect nobody can be sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AlarmError {
    #[error(transparent)]
    Refused(#[from] AlarmRefusal),
    #[error(transparent)]
    Journal(#[from] Refusal),
    #[error("the journal stopped before the change was synced")]
    Unknown,
}

impl AlarmError {
    pub fn code(&self) -> &'static str {
        match self {
            AlarmError::Refused(refusal) => refusal.code(),
            AlarmError::Journal(refusal) => refusal.code(),
            AlarmError::Unknown => Refusal::Stopped.code(),
        }
    }
}

impl AlarmFeed {
    /// Goes on from a book and what the stream has behind it.
    pub(crate) fn open(journal: Journal, mut book: Book, shelf_ms_max: u64) -> Result<AlarmFeed, ReadError> {
        loop {
            let (records, through) = journal.read(ALARMS, book.through, PAGE)?;
            let facts =
                records.iter().filter_map(|record| AlarmFact::decode(record.head.kind, &record.payload));
            facts.for_each(|fact| book.alarms.apply(&fact));
            if through <= book.through {
                return Ok(AlarmFeed { journal, shelf_ms_max, book: Mutex::new(book) });
            }
            book.through = through;
        }
    }

    /// All alarms that are not normal, by key.
    pub fn list(&self) -> Vec<(String, Alarm)> {
        self.lock().alarms.iter().map(|(key, alarm)| (key.to_owned(), alarm.clone())).collect()
    }

    pub fn find(&self, key: &str) -> Option<Alarm> {
        self.lock().alarms.iter().find(|(known, _)| *known == key).map(|(_, alarm)| alarm.clone())
    }

    /// The offset of the last event there is.
    pub fn head(&self) -> u64 {
        self.lock().through
    }

    pub fn counts(&self) -> AlarmCounts {
        self.lock().alarms.counts()
    }

    /// Synced events behind `offset`. Reads the disk in the calling thread.
    pub fn since(&self, offset: u64) -> Result<AlarmPage, ReadError> {
        let oldest_seq = self.journal.status().oldest_seq;
        let (records, next) = self.journal.read(ALARMS, offset, PAGE)?;
        let event = |record: &tidegate_kernel_journal::Record| {
            let fact = AlarmFact::decode(record.head.kind, &record.payload)?;
            Some(AlarmEvent { offset: record.head.seq, id: record.head.id, fact })
        };
        let events = records.iter().filter_map(event).collect();
        Ok(AlarmPage { events, next, has_gap: offset + 1 < oldest_seq })
    }

    /// Somebody has seen the alarm. Answers the event's offset once it is synced.
    pub async fn acknowledge(&self, key: &str, by: &Principal) -> Result<u64, AlarmError> {
        self.command(|alarms, now| alarms.acknowledge(key, &by.name, now)).await
    }

    /// Somebody puts the alarm aside for a while.
    pub async fn shelve(&self, key: &str, by: &Principal, for_ms: u64) -> Result<u64, AlarmError> {
        let max_ms = self.shelf_ms_max;
        let until = |now: u64| now.saturating_add(for_ms);
        self.command(|alarms, now| alarms.shelve(key, &by.name, until(now), now, max_ms)).await
    }

    /// Somebody takes it back.
    pub async fn unshelve(&self, key: &str, by: &Principal) -> Result<u64, AlarmError> {
        self.command(|alarms, now| alarms.unshelve(key, &by.name, now)).await
    }

    async fn command(
        &self,
        decide: impl FnOnce(&Alarms, u64) -> Result<AlarmFact, AlarmRefusal>,
    ) -> Result<u64, AlarmError> {
        let ticket = {
            let (mut book, now) = (self.lock(), wall_ms());
            let fact = decide(&book.alarms, now)?;
            self.record(&mut book, &fact, Id::v7(now), false)?
        };
        let Some(ticket) = ticket else { return Err(AlarmError::Unknown) };
        ticket.reached(Level::Disk).await.map_err(|_| AlarmError::Unknown)?;
        Ok(ticket.seq())
    }

    /// A rule raises an alarm; the id tells whether it did so before. Whether that changed anything.
    pub(crate) fn raise(
        &self,
        key: &str,
        alarm: (Severity, &str),
        at: u64,
        id: Id,
        replay: bool,
    ) -> Result<bool, Refusal> {
        let mut book = self.lock();
        match book.alarms.raise(key, alarm.0, alarm.1, at) {
            Ok(Some(fact)) => Ok(self.record(&mut book, &fact, id, replay)?.is_some()),
            Ok(None) => Ok(false),
            Err(refusal) => {
                book.refused += 1;
                tracing::error!(code = refusal.code(), key, "{refusal}");
                Ok(false)
            }
        }
    }

    /// A rule clears an alarm.
    pub(crate) fn clear(&self, key: &str, at: u64, id: Id, replay: bool) -> Result<bool, Refusal> {
        let mut book = self.lock();
        match book.alarms.clear(key, at) {
            Some(fact) => Ok(self.record(&mut book, &fact, id, replay)?.is_some()),
            None => Ok(false),
        }
    }

    /// Active alarms that no condition of `engine` stands behind.
    pub(crate) fn orphans(&self, engine: &Engine) -> Vec<String> {
        let mut backed = BTreeSet::new();
        for (number, rule) in (0..).zip(engine.set.rules()) {
            if engine.state.phase(number).is_high() {
                backed.extend((0..rule.outputs.len() as u8).map(|output| alarm_key(rule, output)));
            }
        }
        let book = self.lock();
        let orphans = book.alarms.iter().filter(|(key, alarm)| alarm.active && !backed.contains(*key));
        orphans.map(|(key, _)| key.to_owned()).collect()
    }

    /// Brings back what has been on its shelf for long enough.
    pub(crate) fn expire(&self, now: u64) -> Result<(), Refusal> {
        let mut book = self.lock();
        for fact in book.alarms.expire(now) {
            self.record(&mut book, &fact, Id::v7(now), false)?;
        }
        Ok(())
    }

    /// When the next one comes off its shelf.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.lock().alarms.next_expiry()
    }

    pub(crate) fn refused(&self) -> u64 {
        self.lock().refused
    }

    pub(crate) fn book(&self) -> Book {
        self.lock().clone()
    }

    /// Appends the fact and makes it so; nothing for one that the journal has already, whose effect is in the book.
    fn record(
        &self,
        book: &mut Book,
        fact: &AlarmFact,
        id: Id,
        replay: bool,
    ) -> Result<Option<Ticket>, Refusal> {
        let payload = fact.encode();
        let entry = Entry {
            stream: ALARMS,
            kind: fact.kind(),
            version: VERSION,
            critical: true,
            once: true,
            id,
            payload: &payload,
            ..Entry::default()
        };
        match once::append(&self.journal, entry, replay)? {
            Appended::New(ticket) => {
                book.alarms.apply(fact);
                book.through = ticket.seq();
                Ok(Some(ticket))
            }
            Appended::Known => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
