//! The broker's state on disk: facts in a stream of the journal, and a snapshot of what they add up to now and then.
//!
//! A fact is appended and applied to the image under one lock, so the image is the state at the last fact's number whenever it
//! is looked at. A cursor keeps the facts that no snapshot covers from being given up. Writing a snapshot reads and writes the
//! disk in the calling thread; everything else only queues. See ADR-0003.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BufMut, Bytes};
use tidegate_kernel_journal::{
    Counts, Cursor, Entry, Id, Journal, Level, ReadLimit, Record, Refusal, Tally, Ticket,
};

use crate::error::BrokerError;
use crate::fact::{Fact, VERSION};
use crate::hub::wall_ms;
use crate::image::Image;

/// The broker's stream in the journal `queues`.
pub(crate) const STREAM: u16 = 17;
const NAME: &str = "broker";
/// Facts are read so many at a time.
const READ: ReadLimit = ReadLimit { records: 4096, bytes: 4 << 20 };
/// A snapshot is due after so many facts,
const FACTS_MAX: u64 = 50_000;
/// or so many bytes of anything in the journal, so that the facts behind the last one are never the journal's oldest.
const LOG_BYTES_MAX: u64 = 128 << 20;

#[derive(Debug)]
pub(crate) struct Ledger {
    journal: Journal,
    state: Mutex<State>,
    /// Held while a snapshot is written.
    cursor: Mutex<Cursor>,
}

#[derive(Debug)]
struct State {
    image: Image,
    /// The number of the last fact.
    last_seq: u64,
    /// Facts that the cursor has not passed.
    since: u64,
    /// What the journal had synced when the last snapshot was written.
    synced_bytes: u64,
}

impl Ledger {
    /// Reads what is there: the last snapshot and the facts behind it. Blocks on the disk.
    pub(crate) fn open(journal: Journal) -> Result<Self, BrokerError> {
        let cursor = journal.cursor(NAME, STREAM).map_err(BrokerError::Cursor)?;
        let found = journal.snapshot(NAME).map_err(BrokerError::Snapshot)?;
        let (taken_at, bytes) = found.unwrap_or_default();
        let mut image = Image::default();
        restore(&mut image, Bytes::from(bytes))?;
        // After a recovery all of it is; a journal that stops will say so to the first append.
        let _ = journal.synced().wait(journal.status().head_seq);
        let (last_seq, since) = replay(&journal, &mut image, cursor.position(), taken_at)?;
        let synced_bytes = journal.status().tallies.synced_bytes;
        let state = State { image, last_seq, since, synced_bytes };
        Ok(Self { journal, state: Mutex::new(state), cursor: Mutex::new(cursor) })
    }

    /// Looks at what was found.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Image) -> R) -> R {
        look(&self.state().image)
    }

    /// Facts that stand or fall together. Returns at once; the ticket tells when they are safe.
    pub(crate) fn note(&self, facts: Vec<Fact>) -> Result<Ticket, Refusal> {
        self.note_with(facts, |own| self.append(own))
    }

    /// Appends what [`Ledger::note_with`] made of facts, and nothing else.
    pub(crate) fn append(&self, own: &[Entry<'_>]) -> Result<Ticket, Refusal> {
        self.journal.append_all(own)
    }

    /// The same in a batch with what somebody else has to write: `append` appends both.
    pub(crate) fn note_with<E>(
        &self,
        facts: Vec<Fact>,
        append: impl FnOnce(&[Entry<'_>]) -> Result<Ticket, E>,
    ) -> Result<Ticket, E> {
        let payloads: Vec<_> = facts.iter().map(payload).collect();
        let now_ms = wall_ms();
        let both = facts.iter().zip(&payloads);
        let entries: Vec<_> = both.map(|(fact, payload)| entry(fact, payload, now_ms)).collect();
        let mut state = self.state();
        let ticket = append(&entries)?;
        state.last_seq = ticket.seq();
        state.since += facts.len() as u64;
        facts.into_iter().for_each(|fact| state.image.apply(fact));
        Ok(ticket)
    }

    /// Whether it is time for a snapshot.
    pub(crate) fn is_due(&self) -> bool {
        let since = self.state().since;
        since >= FACTS_MAX || since > 0 && self.synced_bytes() >= self.state().synced_bytes + LOG_BYTES_MAX
    }

    /// Writes a snapshot and lets the journal give up the facts before it. Blocks on the disk.
    pub(crate) fn snapshot(&self) -> Result<(), SnapshotFailed> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let (facts, seq, since) = {
            let mut state = self.state();
            (state.image.facts(), state.last_seq, state.since)
        };
        self.journal.synced().wait(seq).map_err(|_| SnapshotFailed)?;
        self.journal.write_snapshot(NAME, seq, &snapshot_of(&facts)).map_err(|_| SnapshotFailed)?;
        let delivered = Counts { process: since, critical: 0 };
        cursor.commit(seq, Tally { delivered, ..Tally::default() }).map_err(|_| SnapshotFailed)?;
        let synced_bytes = self.synced_bytes();
        let mut state = self.state();
        state.since -= since;
        state.synced_bytes = synced_bytes;
        Ok(())
    }

    fn synced_bytes(&self) -> u64 {
        self.journal.status().tallies.synced_bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journal or its disk did not take a snapshot; the facts are still there, and the next one is tried later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot of the MQTT sessions could not be written")]
pub(crate) struct SnapshotFailed;

fn payload(fact: &Fact) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    fact.put(&mut bytes);
    bytes
}

fn entry<'a>(fact: &Fact, payload: &'a [u8], now_ms: u64) -> Entry<'a> {
    Entry {
        stream: STREAM,
        kind: fact.kind(),
        version: VERSION,
        critical: false,
        id: Id::v7(now_ms),
        payload,
        ..Entry::default()
    }
}

/// Applies what is newer than the snapshot; gives the last number, and how many facts the cursor has not passed.
fn replay(
    journal: &Journal,
    image: &mut Image,
    position: u64,
    taken_at: u64,
) -> Result<(u64, u64), BrokerError> {
    let (mut after, mut since, mut last_seq) = (position, 0, taken_at);
    loop {
        let (records, through) = journal.read(STREAM, after, READ).map_err(BrokerError::Journal)?;
        for record in records {
            since += 1;
            last_seq = last_seq.max(record.head.seq);
            if record.head.seq > taken_at {
                image.apply(read(record)?);
            }
        }
        if through <= after {
            return Ok((last_seq, since));
        }
        after = through;
    }
}

fn read(record: Record) -> Result<Fact, BrokerError> {
    let (seq, mut payload) = (record.head.seq, record.payload);
    let known = record.head.version == VERSION;
    known.then(|| Fact::read(record.head.kind, &mut payload)).flatten().ok_or(BrokerError::Record { seq })
}

/// Facts one behind the other, each with its kind and length before it.
fn snapshot_of(facts: &[Fact]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for fact in facts {
        let payload = payload(fact);
        bytes.put_u16_le(fact.kind());
        bytes.put_u32_le(payload.len() as u32);
        bytes.put_slice(&payload);
    }
    bytes
}

fn restore(image: &mut Image, mut bytes: Bytes) -> Result<(), BrokerError> {
    if bytes.is_empty() {
        return Ok(());
    }
    if bytes.get_u8() != VERSION {
        return Err(BrokerError::Record { seq: 0 });
    }
    image.begin_snapshot();
    while !bytes.is_empty() {
        image.apply(next(&mut bytes).ok_or(BrokerError::Record { seq: 0 })?);
    }
    image.end_snapshot();
    Ok(())
}

fn next(bytes: &mut Bytes) -> Option<Fact> {
    let kind = bytes.try_get_u16_le().ok()?;
    let length = bytes.try_get_u32_le().ok()? as usize;
    let mut payload = (bytes.len() >= length).then(|| bytes.split_to(length))?;
    Fact::read(kind, &mut payload)
}

/// How safe a fact must be before somebody is told of it: it survives the process.
pub(crate) const SAFE: Level = Level::Os;

/// One that is shared by whoever routes.
pub(crate) type Shared = Option<Arc<Ledger>>;
