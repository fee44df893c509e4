//! The last sequence of every stream, and how it survives: each chunk of readings is appended together with a note of its
//! stream, so the journal has both or neither. A snapshot of all positions is written now and then, and a cursor on the notes
//! keeps the segments since.
//!
//! Holds one lock while a chunk is offered, so that of two calls of one stream only one can think a reading new. Reads and
//! writes the disk at opening and in [`Positions::checkpoint`], which a blocking thread runs.

use crate::error::GrpcError;
use crate::intake::Receipt;
use crate::state::{Key, NOTE_KIND, NOTE_VERSION, Note, decode_snapshot, encode_snapshot};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tidegate_kernel_journal::{Counts, Cursor, Entry, Id, Journal, Level, ReadLimit, Tally, Ticket};

/// The journal stream of the notes.
pub const POSITIONS: u16 = 48;
/// The name of the cursor on it, and of the snapshots.
const NAME: &str = "grpc.positions";
const READ: ReadLimit = ReadLimit { records: 4096, bytes: 1 << 20 };

#[derive(Debug)]
pub(crate) struct Positions {
    journal: Journal,
    streams_max: usize,
    known: Mutex<Known>,
    cursor: Mutex<Cursor>,
}

#[derive(Debug, Default)]
struct Known {
    streams: BTreeMap<Key, Position>,
    /// Rises with every use of a stream, so that the one silent for longest can be told.
    uses: u64,
    forgotten: u64,
    /// Notes since the last snapshot, and the last one's ticket.
    notes: u64,
    last: Option<Ticket>,
}

/// Where one stream is.
#[derive(Debug, Default)]
pub(crate) struct Position {
    pub(crate) through: u64,
    used_at: u64,
    /// Of the last note; nothing if that is from an earlier life.
    ticket: Option<Ticket>,
}

impl Position {
    /// What to wait for before telling anybody how far the stream is.
    pub(crate) fn receipt(&self) -> Option<Receipt> {
        self.ticket.clone().map(|ticket| Receipt { ticket, level: Level::Disk })
    }
}

/// A position in use; nobody else can move it meanwhile.
pub(crate) struct Held<'a> {
    known: MutexGuard<'a, Known>,
    key: &'a Key,
}

impl Held<'_> {
    pub(crate) fn position(&self) -> &Position {
        &self.known.streams[self.key]
    }

    /// The note that goes into the journal with readings up to `through`.
    pub(crate) fn note(&self, through: u64) -> Vec<u8> {
        let mut payload = Vec::with_capacity(64);
        Note { key: self.key.clone(), through }.encode(&mut payload);
        payload
    }

    /// Readings up to `through` were dealt with, and a note of it was appended if there is a ticket.
    pub(crate) fn advance(&mut self, through: u64, noted: Option<Ticket>) {
        let position =
            self.known.streams.get_mut(self.key).expect("it was put there when it was taken hold of");
        position.through = position.through.max(through);
        let Some(ticket) = noted else { return };
        position.ticket = Some(ticket.clone());
        self.known.notes += 1;
        self.known.last = Some(ticket);
    }
}

impl Positions {
    /// Goes on where snapshot and journal say. Reads the disk.
    pub(crate) fn open(journal: Journal, streams_max: usize) -> Result<Positions, GrpcError> {
        let mut known = Known::default();
        if let Some((_, bytes)) = journal.snapshot(NAME).map_err(GrpcError::Snapshot)? {
            let notes = decode_snapshot(&bytes).ok_or(GrpcError::Later)?;
            notes.into_iter().for_each(|note| known.learn(note, streams_max));
        }
        let mut cursor = journal.cursor(NAME, POSITIONS).map_err(GrpcError::Cursor)?;
        let (through, many) = known.replay(&mut cursor, streams_max)?;
        let bytes = known.snapshot();
        let positions =
            Positions { journal, streams_max, known: Mutex::new(known), cursor: Mutex::new(cursor) };
        if many > 0 && positions.write(through, many, &bytes).is_err() {
            tracing::warn!("could not write where the streams are beside the journal; tried again later");
        }
        Ok(positions)
    }

    pub(crate) fn hold<'a>(&'a self, key: &'a Key) -> Held<'a> {
        let mut known = self.lock();
        known.touch(key, self.streams_max);
        Held { known, key }
    }

    pub(crate) fn streams(&self) -> u64 {
        self.lock().streams.len() as u64
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    /// Writes the snapshot if there were notes since the last one. Blocks until they are synced, so that nothing is in it that a
    /// crash could take back.
    pub(crate) fn checkpoint(&self) -> io::Result<()> {
        let (last, many, bytes) = {
            let mut known = self.lock();
            let Some(last) = known.last.take() else { return Ok(()) };
            (last, std::mem::take(&mut known.notes), known.snapshot())
        };
        let synced = last.wait(Level::Disk).map_err(io::Error::other);
        let written = synced.and_then(|()| self.write(last.seq(), many, &bytes));
        if written.is_err() {
            let mut known = self.lock();
            known.notes += many;
            known.last.get_or_insert(last);
        }
        written
    }

    fn write(&self, through: u64, many: u64, bytes: &[u8]) -> io::Result<()> {
        self.journal.write_snapshot(NAME, through, bytes)?;
        let delivered = Counts { critical: many, process: 0 };
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        cursor.commit(through, Tally { delivered, ..Tally::default() }).map_err(io::Error::other)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to append beside the readings. Never shed: a position that is lost is a stream that doubles.
pub(crate) fn note_entry(payload: &[u8]) -> Entry<'_> {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Entry {
        stream: POSITIONS,
        kind: NOTE_KIND,
        version: NOTE_VERSION,
        critical: true,
        id: Id::v7(wall.as_millis() as u64),
        payload,
        ..Entry::default()
    }
}

impl Known {
    fn learn(&mut self, note: Note, streams_max: usize) {
        self.touch(&note.key, streams_max);
        let position = self.streams.get_mut(&note.key).expect("just touched");
        position.through = position.through.max(note.through);
    }

    /// Marks a stream as used, and lets go of the one silent for longest where there are too many.
    fn touch(&mut self, key: &Key, streams_max: usize) {
        self.uses += 1;
        if let Some(position) = self.streams.get_mut(key) {
            position.used_at = self.uses;
            return;
        }
        if self.streams.len() >= streams_max {
            let silent = self.streams.iter().min_by_key(|(_, position)| position.used_at);
            let silent = silent.map(|(key, _)| key.clone()).expect("there is at least one, as the limit is");
            self.streams.remove(&silent);
            self.forgotten += 1;
        }
        self.streams.insert(key.clone(), Position { used_at: self.uses, ..Position::default() });
    }

    /// Reads the notes since the last snapshot: up to where, and how many.
    fn replay(&mut self, cursor: &mut Cursor, streams_max: usize) -> Result<(u64, u64), GrpcError> {
        let (mut through, mut many) = (cursor.position(), 0);
        loop {
            let batch = cursor.read(READ)?;
            if batch.deliveries.is_empty() {
                return Ok((through, many));
            }
            for delivery in &batch.deliveries {
                let head = &delivery.record.head;
                let known = (head.kind, head.version) == (NOTE_KIND, NOTE_VERSION);
                let note = known.then(|| Note::decode(&mut &delivery.record.payload[..])).flatten();
                self.learn(note.ok_or(GrpcError::Later)?, streams_max);
                many += 1;
            }
            through = batch.through;
        }
    }

    /// The streams, silent ones first, so that reading them back keeps the order.
    fn snapshot(&self) -> Vec<u8> {
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_by_key(|(_, position)| position.used_at);
        let note = |(key, position): (&Key, &Position)| Note { key: key.clone(), through: position.through };
        encode_snapshot(&streams.into_iter().map(note).collect::<Vec<_>>())
    }
}
