//! The handle on a journal: appending, waiting for a level of durability, reading back.
//!
//! Takes the state's lock for the time it takes to copy a record; never does IO under it. Makes no thread of its own: the
//! data folder starts the committer and the caretaker, or a test takes their turns by hand.

use crate::account::{Account, Counts, Tally};
use crate::batch::COMMIT_BYTES;
use crate::clock::Clock;
use crate::control::{Bound, CursorState, Fact};
use crate::cursor::{Cursor, ReadLimit};
use crate::disk::Disk;
use crate::error::{OpenError, ReadError, Refusal};
use crate::options::{Options, Retention};
use crate::pace::GATHERED_BYTES_MAX;
use crate::passage::{self, Passage};
use crate::read::{self, Place};
use crate::record::{self, Record};
use crate::recovery;
use crate::snapshot;
use crate::state::{Bell, NAME_BYTES_MAX, REGISTER_BYTES_MAX, REGISTERS_MAX, Shared, State, Tallies};
use crate::threads::Threads;
use crate::watermark::{Unknown, Waiting, Watermark};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};
use std::time::Instant;
use tidegate_kernel_id::Id;

/// The largest payload of one record.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 10;

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
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry<'a> {
    /// 1 and up; stream 0 is the journal's own.
    pub stream: u16,
    pub kind: u16,
    pub version: u8,
    /// Never shed: refused when there is no room.
    pub critical: bool,
    /// Refuse the id a second time, as far back as the window reaches.
    pub once: bool,
    /// Nobody waits for it: it may lie in memory for up to [`DOZE`](crate::DOZE), so that it is synced together with what comes meanwhile. Whoever
    /// does wait, on its ticket, ends that.
    pub patient: bool,
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
        match self.awaited(level) {
            Some(mark) => mark.reached(self.seq).await,
            None => Ok(()),
        }
    }

    /// The same for who asks often, and stays until there is an answer: asking again costs one load. A dropped [`Waiting`] may
    /// wake its task once more.
    pub fn poll_reached(
        &self,
        level: Level,
        waiting: &mut Waiting,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Unknown>> {
        self.awaited(level).map_or(Poll::Ready(Ok(())), |mark| mark.poll_reached(self.seq, waiting, context))
    }

    /// Whether the record is as safe as `level` says by now.
    pub fn has_reached(&self, level: Level) -> bool {
        self.mark(level).is_none_or(|mark| mark.value() >= self.seq)
    }

    /// Blocks this thread until the record is as safe as `level` says.
    pub fn wait(&self, level: Level) -> Result<(), Unknown> {
        self.awaited(level).map_or(Ok(()), |mark| mark.wait(self.seq))
    }

    /// The same mark for who waits for it, which wakes the committer as long as there is something to wait for.
    fn awaited(&self, level: Level) -> Option<&Watermark> {
        self.mark(level).inspect(|mark| {
            if mark.value() < self.seq {
                self.shared.bell.ring();
            }
        })
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
    /// The first record still there.
    pub oldest_seq: u64,
    /// When the oldest segment was begun.
    pub oldest_ms: u64,
    pub pending_bytes: usize,
    pub log_bytes: u64,
    pub segments: usize,
    pub tallies: Tallies,
    /// Bytes of an unfinished tail that recovery cut back.
    pub cut_bytes: u64,
    /// Why nothing is written any more.
    pub stopped: Option<String>,
    /// Why appends are refused for now.
    pub read_only: Option<String>,
    /// Whether the committer runs at a raised priority, where the machine allows it.
    pub committer_raised: bool,
    pub window_ids: usize,
    pub window_age_ms: u64,
    /// By how much the wall clock jumped forward; whatever expires by stamp stands still until this is accepted.
    pub clock_jump_ms: Option<u64>,
    pub counts: Vec<(u16, Counts)>,
    pub accounts: Vec<Account>,
    pub retention: Retention,
}

/// A log. Cheap to clone; clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
}

impl Journal {
    /// Recovers the journal on this disk, or makes one.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: Options,
        bell: Arc<Bell>,
    ) -> Result<Journal, OpenError> {
        let shared = recovery::open(disk, clock, options, bell)?;
        Ok(Journal { shared: Arc::new(shared) })
    }

    /// A journal alone on a disk of the caller's choice, with threads of its own.
    pub fn start(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<(Journal, Threads), OpenError> {
        let bell = Arc::new(Bell::default());
        let journal = Journal::open(disk, clock, options, bell.clone())?;
        let threads = Threads::start(vec![journal.clone()], bell)
            .map_err(|error| recovery::io_error("the journal's threads", error))?;
        Ok((journal, threads))
    }

    /// Writes and syncs what is queued. Later appends are refused.
    pub fn close(&self) {
        let head_seq = {
            let mut state = self.shared.lock();
            state.closing = true;
            state.head_seq
        };
        self.shared.bell.ring();
        // Whether it was written is in the status; there is no other answer to a close.
        let _ = self.shared.synced.wait(head_seq);
        self.shared.stop_waiters();
    }

    /// Queues one record. Returns at once; the ticket tells when it is safe.
    pub fn append(&self, entry: Entry<'_>) -> Result<Ticket, Refusal> {
        self.append_all(&[entry])
    }

    /// Queues records that stand or fall together: all of them are found after a crash, or none.
    pub fn append_all(&self, entries: &[Entry<'_>]) -> Result<Ticket, Refusal> {
        let bytes = self.measure(entries)?;
        let now_ms = self.shared.clock.wall_ms();
        let mut state = self.shared.lock();
        entries.iter().try_for_each(|entry| state.judge(entry, now_ms))?;
        if let Err(refusal) = state.admit(bytes, false, &self.shared.options) {
            self.hand_over(state);
            return Err(refusal);
        }
        for entry in entries {
            state.append(entry, false, now_ms);
        }
        Ok(self.hand_over_patiently(state, entries))
    }

    fn measure(&self, entries: &[Entry<'_>]) -> Result<usize, Refusal> {
        let largest = entries.iter().map(|entry| entry.payload.len()).max().unwrap_or(0);
        let together: usize = entries.iter().map(|entry| record::padded_bytes(entry.payload.len())).sum();
        let needed = (together + COMMIT_BYTES) as u64 + self.shared.options.reserve_bytes();
        match needed {
            _ if largest > PAYLOAD_BYTES_MAX => Err(Refusal::TooLarge(largest)),
            bytes if bytes > self.shared.options.batch_bytes_max() => Err(Refusal::TooLarge(together)),
            _ => Ok(together),
        }
    }

    /// The cursor of this name, at its durable position; one that was never opened starts at the present end.
    pub fn cursor(&self, name: &str, stream: u16) -> Result<Cursor, Refusal> {
        let mut state = self.shared.lock();
        let known = state.control.cursors.values().find(|cursor| cursor.name == name).cloned();
        let cursor = known.map_or_else(|| state.new_cursor(name, stream, &self.shared.options), Ok)?;
        state.in_flight[usize::from(cursor.id)].clear();
        let replay_through = state.head_seq;
        self.hand_over(state);
        Ok(Cursor::new(self.clone(), cursor, replay_through))
    }

    /// A ticket for nothing: every level is reached already. For what is as safe as it will be without a record.
    pub fn settled_ticket(&self) -> Ticket {
        Ticket { seq: 0, shared: self.shared.clone() }
    }

    /// Keeps a small named value with the journal; the last one set is found again after a restart.
    pub fn set_register(&self, name: &str, value: &[u8]) -> Result<Ticket, Refusal> {
        let mut state = self.shared.lock();
        let known = state.control.registers.contains_key(name);
        let many = !known && state.control.registers.len() >= REGISTERS_MAX;
        if many || name.len() > NAME_BYTES_MAX || value.len() > REGISTER_BYTES_MAX {
            return Err(Refusal::TooManyRegisters(state.control.registers.len()));
        }
        let fact = Fact::Register { name: name.to_owned(), value: value.to_vec() };
        // Not out of the reserve: that is for cursors, whose moving on makes room.
        state.admit(2 * fact.padded_bytes(), false, &self.shared.options)?;
        state.append_fact(fact);
        Ok(self.hand_over(state))
    }

    pub fn register(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.lock().control.registers.get(name).cloned()
    }

    /// Settles what a consumer did with one batch. What a dropped segment already counted as shed is not counted again.
    pub(crate) fn settle(
        &self,
        cursor: u8,
        through: u64,
        tally: Tally,
        entries: &[Entry<'_>],
    ) -> Result<Ticket, Refusal> {
        let bytes = self.measure(entries)?;
        let now_ms = self.shared.clock.wall_ms();
        let mut state = self.shared.lock();
        let mut after = state.control.cursors[&cursor].clone();
        let is_news = through > after.position;
        if is_news {
            after.position = through;
            after.tally += tally;
        }
        let fact = Fact::Cursor(after);
        // The reserve is for moving on, not for what is appended with it.
        state.admit(bytes + fact.padded_bytes(), entries.is_empty(), &self.shared.options)?;
        for entry in entries.iter().filter(|_| is_news) {
            state.append(entry, false, now_ms);
        }
        state.in_flight[usize::from(cursor)].retain(|(last, _)| *last > through);
        state.append_fact(fact);
        Ok(self.hand_over_patiently(state, entries))
    }

    /// See [`Cursor::split`]: what became of the cursor, and the one that goes on.
    pub(crate) fn split(&self, cursor: u8, rest: &str) -> Result<(CursorState, CursorState), Refusal> {
        let mut state = self.shared.lock();
        let mut mine = state.control.cursors[&cursor].clone();
        // A new cursor, and both of them once more: all or nothing.
        let fact_bytes = Fact::Cursor(mine.clone()).padded_bytes() + record::padded_bytes(NAME_BYTES_MAX);
        state.admit(4 * fact_bytes, true, &self.shared.options)?;
        let known = state.control.cursors.values().find(|cursor| cursor.name == rest).cloned();
        let live = match known {
            Some(known) => CursorState { name: mine.name.clone(), ..known },
            None => state.new_cursor(rest, mine.stream, &self.shared.options)?,
        };
        let counts = state.control.counts.get(&mine.stream).copied().unwrap_or_default();
        let bound = Bound { seq: state.head_seq, counts };
        let live = CursorState {
            name: std::mem::replace(&mut mine.name, rest.to_owned()),
            position: bound.seq,
            opened_at: counts,
            tally: Tally::default(),
            until: None,
            ..live
        };
        mine.until = Some(bound);
        self.state_cursors(state, [&mine, &live])?;
        Ok((mine, live))
    }

    /// See [`Cursor::join`].
    pub(crate) fn join(&self, live: u8, rest: u8) -> Result<bool, Refusal> {
        let state = self.shared.lock();
        let (mut live, mut rest) =
            (state.control.cursors[&live].clone(), state.control.cursors[&rest].clone());
        let has_rest = state.control.account(&rest, Counts::default()).lag.total() > 0;
        let Some(bound) = rest.until.filter(|_| !has_rest) else { return Ok(false) };
        if rest.opened_at == bound.counts {
            // Nothing was ever its own, or it has been joined before.
            return Ok(true);
        }
        live.tally += std::mem::take(&mut rest.tally);
        live.opened_at = std::mem::replace(&mut rest.opened_at, bound.counts);
        self.state_cursors(state, [&live, &rest])?;
        Ok(true)
    }

    /// Puts two cursors on record in one batch.
    fn state_cursors(
        &self,
        mut state: MutexGuard<'_, State>,
        cursors: [&CursorState; 2],
    ) -> Result<Ticket, Refusal> {
        let facts = cursors.map(|cursor| Fact::Cursor(cursor.clone()));
        let bytes = facts.iter().map(Fact::padded_bytes).sum();
        state.admit(bytes, true, &self.shared.options)?;
        facts.into_iter().for_each(|fact| state.append_fact(fact));
        Ok(self.hand_over(state))
    }

    /// Synced records of one stream with numbers above `after`, and the last number looked at. Starts at the oldest still
    /// there; the limit on bytes holds within one segment.
    pub fn read(&self, stream: u16, after: u64, limit: ReadLimit) -> Result<(Vec<Record>, u64), ReadError> {
        let (mut records, mut through, mut place) = (Vec::new(), after, Place::default());
        while records.len() < limit.records && through < self.shared.synced.value() {
            let rest = ReadLimit { records: limit.records - records.len(), ..limit };
            let (more, looked_at) = read::forward(&self.shared, stream, through, rest, &mut place)?;
            records.extend(more);
            through = looked_at;
        }
        Ok((records, through))
    }

    /// The record with this id: at once if the window knows it, else near the time the id says it was made.
    pub fn find(&self, id: Id) -> Result<Option<Record>, ReadError> {
        read::find(&self.shared, id)
    }

    /// A number at or before the first record that is stamped `stamp_ms` or later; the nearer, the more was read since the start.
    pub fn seq_before(&self, stamp_ms: u64) -> u64 {
        read::seq_before(&self.shared, stamp_ms)
    }

    /// When each cursor of `stream` settled the record `seq`, which must be kept still. Blocks until what was settled by now is synced: it
    /// may lie in memory still.
    pub fn passages(&self, stream: u16, seq: u64) -> Result<Vec<Passage>, ReadError> {
        let last = Ticket { seq: self.shared.lock().head_seq, shared: self.shared.clone() };
        // A journal that has stopped tells what it has.
        let _ = last.wait(Level::Disk);
        passage::of(&self.shared, stream, seq)
    }

    /// Keeps `bytes`, the state at `seq`, beside the log. `seq` must be synced.
    pub fn write_snapshot(&self, name: &str, seq: u64, bytes: &[u8]) -> io::Result<()> {
        if seq > self.shared.synced.value() {
            return Err(io::Error::other("a snapshot of a state that is not durable yet"));
        }
        snapshot::write(&*self.shared.disk, name, seq, bytes)
    }

    /// The newest whole snapshot of this name and the number it was taken at.
    pub fn snapshot(&self, name: &str) -> io::Result<Option<(u64, Vec<u8>)>> {
        snapshot::newest(&*self.shared.disk, name, self.shared.synced.value())
    }

    /// The mark below which records are synced, and so visible to readers.
    pub fn synced(&self) -> &Watermark {
        &self.shared.synced
    }

    /// Lets what expires by stamp go on after the clock jumped.
    pub fn accept_clock_jump(&self) {
        self.shared.lock().stamps.accept_jump();
    }

    pub fn status(&self) -> Status {
        let now_ms = self.shared.clock.wall_ms();
        let state = self.shared.lock();
        Status {
            head_seq: state.head_seq,
            written_seq: self.shared.written.value(),
            synced_seq: self.shared.synced.value(),
            oldest_seq: state.segments.front().map_or(1, |segment| segment.first_seq),
            oldest_ms: state.segments.front().map_or(0, |segment| segment.stamp_ms),
            pending_bytes: state.pending.len(),
            log_bytes: state.log_bytes(),
            segments: state.segments.len(),
            tallies: state.tallies,
            cut_bytes: self.shared.cut_bytes,
            stopped: state.stopped.clone(),
            read_only: state.read_only.clone(),
            committer_raised: self.shared.bell.raised.load(Ordering::Relaxed),
            window_ids: state.window.len(),
            window_age_ms: state.window.age_ms(now_ms),
            clock_jump_ms: state.stamps.jump_ms(),
            counts: state.control.counts.iter().map(|(stream, counts)| (*stream, *counts)).collect(),
            accounts: state.accounts(),
            retention: self.shared.options.retention,
        }
    }

    /// Lets go of the lock and wakes the committer if it sleeps.
    pub(crate) fn hand_over(&self, state: MutexGuard<'_, State>) -> Ticket {
        let ticket = self.let_go(state);
        self.shared.bell.ring();
        ticket
    }

    /// The same, but that it dozes on where all of the entries are patient and it would wake before there is much to write.
    fn hand_over_patiently(&self, state: MutexGuard<'_, State>, entries: &[Entry<'_>]) -> Ticket {
        let may_wait = entries.iter().all(|entry| entry.patient) && state.pending.len() <= GATHERED_BYTES_MAX;
        let ticket = self.let_go(state);
        if !may_wait || !self.shared.bell.dozes.load(Ordering::SeqCst) {
            self.shared.bell.ring();
        }
        ticket
    }

    fn let_go(&self, mut state: MutexGuard<'_, State>) -> Ticket {
        if state.pending_since.is_none() && !state.pending.is_empty() {
            state.pending_since = Some(Instant::now());
        }
        Ticket { seq: state.head_seq, shared: self.shared.clone() }
    }
}

impl Bell {
    /// Whatever was appended before is seen: the committer says that it is asleep before it looks, under the same lock.
    pub(crate) fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(committer) = self.committer.get()
        {
            committer.unpark();
        }
    }

    pub(crate) fn ring_caretaker(&self) {
        if let Some(caretaker) = self.caretaker.get() {
            caretaker.unpark();
        }
    }
}
