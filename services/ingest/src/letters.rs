//! The dead letters that are kept, to be shown and replayed: a bounded map in memory over a stream of the journal.
//!
//! A cursor of its own stands before the oldest letter, so no segment with one goes before its time. A letter that would hold old
//! segments for long is copied to the head; the newest so many are kept, the others given up and counted. Holds a lock for as
//! long as it takes to copy letters; reads the journal when it is opened.

use crate::class::Class;
use crate::error::{Declined, LettersError};
use crate::ingest::Ingest;
use crate::letter::{DONE, LETTER, LETTERS, Letter, VERSION, done_id};
use crate::reading::{Body, READINGS, Source};
use crate::replay;
use crate::state::wall_ms;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidegate_kernel_journal::{Counts, Cursor, Entry, Id, Journal, ReadLimit, Record, Tally};

/// Letters kept, and the bytes they may take; of more, the oldest are given up.
pub const LETTERS_MAX: usize = 10_000;
pub const LETTERS_BYTES_MAX: usize = 16 << 20;

/// The journal's cursor that keeps them.
const CURSOR: &str = "letters.ingest";
const READ: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };
/// Records of the journal between a letter and the head after which it is copied: about a segment or two of the largest size.
const CARRY_AFTER_RECORDS: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Letters {
    shelf: Mutex<Shelf>,
}

/// The letters, and the cursor that holds on to them.
#[derive(Debug)]
pub(crate) struct Shelf {
    cursor: Cursor,
    /// By the letter's own id, which rises with time. The number is one at or behind the record's.
    kept: BTreeMap<Id, (u64, Letter)>,
    bytes: usize,
    dropped: u64,
    /// What the cursor has read and not settled: the last number of each batch and how many records it had.
    read: VecDeque<(u64, Counts)>,
}

/// A dead letter for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its own, to show and replay it by.
    pub letter: String,
    pub sink: String,
    /// Why: a code that `docs/errors/` explains, and words.
    pub code: String,
    pub reason: String,
    /// The reading's id, number and time of admission in milliseconds since 1970.
    pub id: String,
    pub seq: u64,
    pub stamp_ms: u64,
    pub critical: bool,
    pub bytes: usize,
    /// Not if it was too long to be kept.
    pub can_be_replayed: bool,
    /// The reading; nothing where it cannot be read or was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// Which letters are meant: all that fit everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pick {
    pub sink: Option<String>,
    /// An error code.
    pub reason: Option<String>,
    /// The letter's own id.
    pub letter: Option<String>,
    /// The reading's id.
    pub id: Option<String>,
}

/// What a replay came to, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    pub dry_run: bool,
    /// Readings on their way again, by sink.
    pub replayed: BTreeMap<String, u64>,
    /// Letters that stay: too long to have been kept whole.
    pub cut: u64,
    /// Letters that stay: there is no sink of this name.
    pub without_sink: BTreeMap<String, u64>,
    /// Letters that stay because the journal took no more.
    pub left: u64,
}

impl Pick {
    fn fits(&self, id: Id, letter: &Letter) -> bool {
        let is = |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|asked| asked == found);
        is(&self.sink, &letter.sink)
            && is(&self.reason, &letter.reason.code)
            && is(&self.letter, &id.to_string())
            && is(&self.id, &letter.id.to_string())
    }
}

impl Letters {
    /// Finds the letters again.
    pub(crate) fn open(journal: &Journal) -> Result<Letters, LettersError> {
        let cursor = journal.cursor(CURSOR, LETTERS)?;
        let mut shelf = Shelf { cursor, kept: BTreeMap::new(), bytes: 0, dropped: 0, read: VecDeque::new() };
        loop {
            let batch = shelf.cursor.read(READ)?;
            if batch.deliveries.is_empty() {
                break;
            }
            batch.deliveries.into_iter().for_each(|delivery| shelf.take(delivery.record));
        }
        // From here on it is read once more, to be settled piece by piece.
        shelf.cursor.rewind();
        Ok(Letters { shelf: Mutex::new(shelf) })
    }

    /// Held while a cursor is committed with its letters, so that nobody sees one that is counted and not yet kept.
    pub(crate) fn hold(&self) -> MutexGuard<'_, Shelf> {
        self.shelf()
    }

    /// Kept now, and given up since the start.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let shelf = self.shelf();
        (shelf.kept.len() as u64, shelf.dropped)
    }

    /// Moves the cursor on to the oldest letter, and copies letters that hold too much behind them.
    pub(crate) fn carry(&self, journal: &Journal) {
        let mut shelf = self.shelf();
        let head_seq = journal.status().head_seq;
        let oldest = shelf.kept.values().map(|(seq, _)| *seq).min().unwrap_or(head_seq);
        if head_seq.saturating_sub(oldest) > CARRY_AFTER_RECORDS && !shelf.copy(journal) {
            return;
        }
        shelf.move_on();
    }

    fn picked(&self, pick: &Pick) -> Vec<(Id, Letter)> {
        let shelf = self.shelf();
        let fitting = shelf.kept.iter().filter(|(id, (_, letter))| pick.fits(**id, letter));
        fitting.map(|(id, (_, letter))| (*id, letter.clone())).collect()
    }

    fn done(&self, id: Id) {
        self.shelf().remove(id);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn take(&mut self, record: Record) {
        match (record.head.kind, record.head.version) {
            (LETTER, VERSION) => {
                if let Some(letter) = Letter::decode(record.payload) {
                    self.add(record.head.id, record.head.seq, letter);
                }
            }
            (DONE, VERSION) => done_id(record.payload).into_iter().for_each(|id| self.remove(id)),
            _ => {}
        }
    }

    /// A letter that was appended, at or before record `seq`.
    pub(crate) fn add(&mut self, id: Id, seq: u64, letter: Letter) {
        self.bytes += letter.bytes();
        if let Some((_, same)) = self.kept.insert(id, (seq, letter)) {
            self.bytes -= same.bytes();
        }
        while self.kept.len() > LETTERS_MAX || self.bytes > LETTERS_BYTES_MAX {
            let oldest = *self.kept.keys().next().expect("there are too many");
            self.remove(oldest);
            self.dropped += 1;
        }
    }

    fn remove(&mut self, id: Id) {
        if let Some((_, letter)) = self.kept.remove(&id) {
            self.bytes -= letter.bytes();
        }
    }

    /// Appends every letter once more; whether the journal took them all.
    fn copy(&mut self, journal: &Journal) -> bool {
        for (id, (seq, letter)) in &mut self.kept {
            match journal.append(Letter::entry(*id, &letter.encode())) {
                Ok(ticket) => *seq = ticket.seq(),
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads what came, and settles what lies before the oldest letter that is kept.
    fn move_on(&mut self) {
        while let Ok(batch) = self.cursor.read(READ) {
            if batch.deliveries.is_empty() {
                break;
            }
            let heads = batch.deliveries.iter().map(|delivery| delivery.record.head);
            let counts =
                heads.clone().fold(Counts::default(), |sum, head| sum + Counts::one(head.flags.critical));
            for head in heads.filter(|head| head.kind == LETTER) {
                self.kept.entry(head.id).and_modify(|(seq, _)| *seq = head.seq);
            }
            self.read.push_back((batch.through, counts));
        }
        let oldest = self.kept.values().map(|(seq, _)| *seq).min().unwrap_or(u64::MAX);
        while let Some((through, counts)) =
            self.read.front().copied().filter(|(through, _)| *through < oldest)
        {
            // Which way they left is of no interest to anybody, only that they did.
            let tally = Tally { delivered: counts, ..Tally::default() };
            if self.cursor.commit(through, tally).is_err() {
                break;
            }
            self.read.pop_front();
        }
    }
}

impl Ingest {
    /// How many dead letters are kept.
    pub fn dead_letters_kept(&self) -> u64 {
        self.letters.counts().0
    }

    /// The letters that are meant, oldest first, without their payloads; at most `many`.
    pub fn dead_letters(&self, pick: &Pick, many: usize) -> Vec<DeadLetter> {
        let picked = self.letters.picked(pick).into_iter();
        picked.take(many).map(|(id, letter)| DeadLetter::of(id, &letter, false)).collect()
    }

    /// One letter with what can be told of its reading.
    pub fn dead_letter(&self, letter: &str) -> Option<DeadLetter> {
        let pick = Pick { letter: Some(letter.to_owned()), ..Pick::default() };
        self.letters.picked(&pick).first().map(|(id, letter)| DeadLetter::of(*id, letter, true))
    }

    /// Puts readings on their way to the sink that refused them once more, or, on a dry run, only says which. They count as new
    /// and are marked as replay.
    pub fn replay(&self, pick: &Pick, dry_run: bool) -> Replayed {
        let mut outcome = Replayed { dry_run, ..Replayed::default() };
        for (id, letter) in self.letters.picked(pick) {
            let has_sink = self.sinks().iter().any(|outlet| *outlet.state.name == *letter.sink);
            let counted = match () {
                () if letter.cut => &mut outcome.cut,
                () if !has_sink => outcome.without_sink.entry(letter.sink.clone()).or_default(),
                () if dry_run || self.replay_one(id, &letter).is_ok() => {
                    outcome.replayed.entry(letter.sink.clone()).or_default()
                }
                () => &mut outcome.left,
            };
            *counted += 1;
        }
        outcome
    }

    /// The reading comes in again and the letter is done with, in one batch.
    fn replay_one(&self, id: Id, letter: &Letter) -> Result<(), Declined> {
        let payload = replay::encode(letter);
        let reading = Entry {
            stream: READINGS,
            kind: replay::KIND,
            version: replay::VERSION,
            critical: letter.critical,
            id: letter.id,
            payload: &payload,
            ..Entry::default()
        };
        let done = Entry {
            stream: LETTERS,
            kind: DONE,
            version: VERSION,
            id: Id::v7(wall_ms()),
            payload: &id.0,
            ..Entry::default()
        };
        let mut admission = self.admission();
        let ticket = self.admit(&mut admission, 1, &[reading, done])?;
        admission.count_journaled(Source::Replay, Class::of_record(reading.critical), ticket.seq());
        self.letters.done(id);
        Ok(())
    }
}

impl DeadLetter {
    fn of(id: Id, letter: &Letter, in_full: bool) -> DeadLetter {
        let told = if in_full { letter.reading() } else { None };
        DeadLetter {
            letter: id.to_string(),
            sink: letter.sink.clone(),
            code: letter.reason.code.clone(),
            reason: letter.reason.text.clone(),
            id: letter.id.to_string(),
            seq: letter.seq,
            stamp_ms: letter.stamp_ms,
            critical: letter.critical,
            bytes: letter.payload.len(),
            can_be_replayed: !letter.cut,
            topic: told.as_ref().map(|reading| reading.topic.as_str().to_owned()),
            payload: told.map(|reading| match &reading.body {
                Body::Raw(payload) => String::from_utf8_lossy(payload).into_owned(),
                Body::Points(points) => format!("{points:?}"),
            }),
        }
    }
}
