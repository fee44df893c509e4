//! The handle on a journal: appending, waiting for a level of durability, reading back.
//!
//! Takes the state's lock for the time it takes to copy a record; never does IO under it. The wall clock is read here, once
//! per append, and made to never run backwards.

use crate::account::{self, Account, Counts, Tally};
use crate::committer;
use crate::control::{CONTROL, Control, CursorState, Fact};
use crate::cursor::{Cursor, ReadLimit};
use crate::error::{OpenError, ReadError, Refusal};
use crate::id::Id;
use crate::log::{self, Log};
use crate::record::{self, Flags, Head, Record};
use crate::watermark::{Unknown, Watermark};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that may wait for the committer; beyond it an append is refused as busy.
pub(crate) const PENDING_BYTES_MAX: usize = 8 << 20;
/// The largest payload of one record.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 512 << 10;
/// Cursors a journal keeps.
pub(crate) const CURSORS_MAX: usize = 64;

/// How safe a record must be before its append counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Queued; written with the next batch.
    Memory,
    /// Written: survives the end of the process.
    Os,
    /// Synced: survives a power cut.
    Disk,
}

/// What to append.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// 1 and up; stream 0 is the journal's own.
    pub stream: u16,
    pub kind: u16,
    pub version: u8,
    pub critical: bool,
    pub id: Id,
    pub payload: &'a [u8],
}

/// An append that was taken; ask it how safe the record is by now.
#[derive(Debug, Clone)]
pub struct Ticket {
    seq: u64,
    shared: Arc<Shared>,
}

impl Ticket {
    /// The record's number in its journal; of several, the last one's.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Resolves when the record is as safe as `level` says.
    pub async fn reached(&self, level: Level) -> Result<(), Unknown> {
        match self.mark(level) {
            Some(mark) => mark.reached(self.seq).await,
            None => Ok(()),
        }
    }

    /// Blocks this thread until the record is as safe as `level` says.
    pub fn wait(&self, level: Level) -> Result<(), Unknown> {
        self.mark(level).map_or(Ok(()), |mark| mark.wait(self.seq))
    }

    fn mark(&self, level: Level) -> Option<&Watermark> {
        match level {
            Level::Memory => None,
            Level::Os => Some(&self.shared.written),
            Level::Disk => Some(&self.shared.synced),
        }
    }
}

/// A journal's state in numbers, for metrics and for people.
#[derive(Debug, Clone)]
pub struct Status {
    pub head_seq: u64,
    pub written_seq: u64,
    pub synced_seq: u64,
    pub pending_bytes: usize,
    pub log_bytes: u64,
    pub batches: u64,
    pub stopped: Option<String>,
    /// Bytes of an unfinished tail that recovery cut back.
    pub cut_bytes: u64,
    pub counts: Vec<(u16, Counts)>,
    pub accounts: Vec<Account>,
}

/// A log and its committer. Cheap to clone; [`Journal::close`] on any of them closes it for all.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
    committer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) file: File,
    pub(crate) state: Mutex<State>,
    pub(crate) work: Condvar,
    pub(crate) written: Watermark,
    pub(crate) synced: Watermark,
    cut_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Encoded records not handed to the committer yet, the last of them `head_seq`.
    pub(crate) pending: Vec<u8>,
    pub(crate) head_seq: u64,
    pub(crate) control: Control,
    pub(crate) closing: bool,
    pub(crate) stopped: Option<String>,
    pub(crate) end: u64,
    pub(crate) batches: u64,
    pub(crate) index: Vec<(u64, u64)>,
    /// Per cursor id: what its consumer has read beyond the committed position.
    pub(crate) in_flight: Vec<Counts>,
    last_stamp_ms: u64,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Journal, OpenError> {
        let log = Log::open(path)?;
        let state = State {
            pending: Vec::new(),
            head_seq: log.head_seq,
            in_flight: vec![Counts::default(); log.control.cursors.len()],
            control: log.control,
            closing: false,
            stopped: None,
            end: log.end,
            batches: 0,
            index: log.index,
            last_stamp_ms: log.last_stamp_ms,
        };
        let shared = Arc::new(Shared {
            file: log.file,
            state: Mutex::new(state),
            work: Condvar::new(),
            written: Watermark::starting_at(log.head_seq),
            synced: Watermark::starting_at(log.head_seq),
            cut_bytes: log.cut_bytes,
        });
        let committer = committer::start(shared.clone())
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Journal { shared, committer: Arc::new(Mutex::new(Some(committer))) })
    }

    /// Queues one record. Returns at once; the ticket tells when it is safe.
    pub fn append(&self, entry: Entry<'_>) -> Result<Ticket, Refusal> {
        self.append_all(&[entry])
    }

    /// Queues records that stand or fall together: all of them are found after a crash, or none.
    pub fn append_all(&self, entries: &[Entry<'_>]) -> Result<Ticket, Refusal> {
        if let Some(entry) = entries.iter().find(|entry| entry.payload.len() > PAYLOAD_BYTES_MAX) {
            return Err(Refusal::TooLarge(entry.payload.len()));
        }
        let now_ms = wall_ms();
        let mut state = self.shared.lock();
        state.admit()?;
        for entry in entries {
            let head = state.next_head(entry, now_ms);
            *state.control.counts.entry(entry.stream).or_default() += account::counts_as(&head);
            record::encode(&mut state.pending, &head, entry.payload);
        }
        Ok(self.shared.hand_over(state))
    }

    /// The cursor of this name, at its durable position; made at the present end of the stream's history if there is none.
    pub fn cursor(&self, name: &str, stream: u16) -> Result<Cursor, Refusal> {
        let mut state = self.shared.lock();
        let known = state.control.cursors.iter().find(|cursor| cursor.name == name).cloned();
        let cursor = known.map_or_else(|| state.new_cursor(name, stream), Ok)?;
        let replay_through = state.head_seq;
        self.shared.hand_over(state);
        Ok(Cursor::new(self.clone(), cursor, replay_through))
    }

    /// Keeps a small named value with the journal; the last one set is found again after a restart.
    pub fn set_register(&self, name: &str, value: &[u8]) -> Result<Ticket, Refusal> {
        self.shared.append_fact(Fact::Register { name: name.to_owned(), value: value.to_vec() })
    }

    pub fn register(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.lock().control.registers.get(name).cloned()
    }

    /// Synced records of one stream with numbers above `after`, and the last number looked at.
    pub fn read(&self, stream: u16, after: u64, limit: ReadLimit) -> Result<(Vec<Record>, u64), ReadError> {
        let through = self.shared.synced.value();
        if after >= through {
            return Ok((Vec::new(), after));
        }
        let offset = self.shared.offset_before(after + 1);
        log::read(&self.shared.file, offset, after + 1..=through, limit, |head| head.stream == stream)
    }

    /// The mark below which records are synced, and so visible to readers.
    pub fn synced(&self) -> &Watermark {
        &self.shared.synced
    }

    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            head_seq: state.head_seq,
            written_seq: self.shared.written.value(),
            synced_seq: self.shared.synced.value(),
            pending_bytes: state.pending.len(),
            log_bytes: state.end,
            batches: state.batches,
            stopped: state.stopped.clone(),
            cut_bytes: self.shared.cut_bytes,
            counts: state.control.counts.iter().map(|(stream, counts)| (*stream, *counts)).collect(),
            accounts: state.control.cursors.iter().map(|cursor| state.account(cursor)).collect(),
        }
    }

    /// Writes and syncs what is queued, then ends the committer. Later appends are refused.
    pub fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committer) = committer {
            committer.join().expect("the committer does not panic");
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(self: &Arc<Shared>, state: MutexGuard<'_, State>) -> Ticket {
        let seq = state.head_seq;
        drop(state);
        self.work.notify_one();
        Ticket { seq, shared: self.clone() }
    }

    /// Queues a control record and applies it at once.
    pub(crate) fn append_fact(self: &Arc<Shared>, fact: Fact) -> Result<Ticket, Refusal> {
        let mut state = self.lock();
        state.admit()?;
        state.append_fact(fact);
        Ok(self.hand_over(state))
    }

    /// Settles what a consumer did with the records up to `through`.
    pub(crate) fn settle(
        self: &Arc<Shared>,
        id: u8,
        through: u64,
        tally: Tally,
        left: Counts,
    ) -> Result<Ticket, Refusal> {
        let mut state = self.lock();
        state.admit()?;
        let mut cursor = state.control.cursors[usize::from(id)].clone();
        cursor.position = cursor.position.max(through);
        cursor.tally += tally;
        state.in_flight[usize::from(id)] = left;
        state.append_fact(Fact::Cursor(cursor));
        Ok(self.hand_over(state))
    }

    fn offset_before(&self, seq: u64) -> u64 {
        let state = self.lock();
        let behind = state.index.partition_point(|(at, _)| *at <= seq);
        behind.checked_sub(1).map_or(0, |at| state.index[at].1)
    }
}

impl State {
    fn admit(&self) -> Result<(), Refusal> {
        match self.pending.len() {
            _ if self.stopped.is_some() || self.closing => Err(Refusal::Stopped),
            waiting if waiting >= PENDING_BYTES_MAX => Err(Refusal::Busy(waiting)),
            _ => Ok(()),
        }
    }

    fn next_head(&mut self, entry: &Entry<'_>, now_ms: u64) -> Head {
        self.head_seq += 1;
        self.last_stamp_ms = self.last_stamp_ms.max(now_ms);
        Head {
            stream: entry.stream,
            kind: entry.kind,
            version: entry.version,
            flags: Flags { critical: entry.critical, ..Flags::default() },
            seq: self.head_seq,
            stamp_ms: self.last_stamp_ms,
            batch: 0,
            id: entry.id,
        }
    }

    fn new_cursor(&mut self, name: &str, stream: u16) -> Result<CursorState, Refusal> {
        self.admit()?;
        let known = self.control.cursors.len();
        if known >= CURSORS_MAX {
            return Err(Refusal::TooManyCursors(known));
        }
        let cursor = CursorState {
            id: known as u8,
            stream,
            position: self.head_seq,
            opened_at: self.control.counts.get(&stream).copied().unwrap_or_default(),
            tally: Tally::default(),
            name: name.to_owned(),
        };
        self.in_flight.push(Counts::default());
        self.append_fact(Fact::Cursor(cursor.clone()));
        Ok(cursor)
    }

    fn append_fact(&mut self, fact: Fact) {
        let payload = fact.encode();
        let entry = Entry {
            stream: CONTROL,
            kind: fact.kind(),
            version: 1,
            critical: true,
            id: Id::NIL,
            payload: &payload,
        };
        let head = self.next_head(&entry, wall_ms());
        record::encode(&mut self.pending, &head, &payload);
        self.control.apply(fact);
    }

    fn account(&self, cursor: &CursorState) -> Account {
        let appended = self.control.counts.get(&cursor.stream).copied().unwrap_or_default();
        let routed = appended - cursor.opened_at;
        let in_flight = self.in_flight[usize::from(cursor.id)];
        Account {
            cursor: cursor.name.clone(),
            stream: cursor.stream,
            position: cursor.position,
            routed,
            tally: cursor.tally,
            in_flight,
            lag: routed - cursor.tally.settled() - in_flight,
        }
    }
}

/// Milliseconds since 1970 by the wall clock; zero before it.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
