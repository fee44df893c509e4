//! Everything a journal knows while it runs, behind one lock that is never held over IO.

use crate::account::{self, Account, Counts, Tally};
use crate::batch::COMMIT_BYTES;
use crate::clock::{Clock, Stamps};
use crate::control::{CONTROL, Control, CursorState, Fact};
use crate::disk::{Disk, DiskFile};
use crate::durations::Durations;
use crate::error::Refusal;
use crate::journal::Entry;
use crate::options::Options;
use crate::record::{self, Flags, Head};
use crate::segment::{Header, SEGMENT_HEADER_BYTES, capacity};
use crate::watermark::Watermark;
use crate::window::{Verdict, Window};
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Instant;
use tidegate_kernel_id::Id;

/// One entry of a segment's sparse index for so many bytes of records.
const INDEX_STEP_BYTES: u64 = 64 << 10;

/// A journal, shared by its handles, the committer and the caretaker.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// Tells the segments of this journal from those of another.
    pub(crate) journal: u64,
    pub(crate) state: Mutex<State>,
    pub(crate) written: Watermark,
    pub(crate) synced: Watermark,
    pub(crate) bell: Arc<Bell>,
    /// Bytes of an unfinished tail that recovery cut back.
    pub(crate) cut_bytes: u64,
}

/// Wakes the committer. Ringing costs nothing while it is awake.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    pub(crate) asleep: AtomicBool,
    /// It wakes by itself before long: what nobody waits for need not ring.
    pub(crate) dozes: AtomicBool,
    pub(crate) committer: OnceLock<Thread>,
    pub(crate) caretaker: OnceLock<Thread>,
    /// Whether the committer runs at a raised priority.
    pub(crate) raised: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct State {
    /// The records of the open batch, not handed to the committer yet.
    pub(crate) pending: Vec<u8>,
    /// When the first of these was appended.
    pub(crate) pending_since: Option<Instant>,
    /// The number of the open batch.
    pub(crate) batch: u64,
    /// The number of the last record appended.
    pub(crate) head_seq: u64,
    pub(crate) control: Control,
    pub(crate) window: Window,
    pub(crate) stamps: Stamps,
    /// Oldest first; the last one is written to.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) supply: Supply,
    /// The oldest segment is on its way out: once this number is synced its file may go.
    pub(crate) leaving: Option<u64>,
    pub(crate) has_spare: bool,
    /// Why appends are refused, although the disk works.
    pub(crate) read_only: Option<String>,
    /// Why nothing is written any more.
    pub(crate) stopped: Option<String>,
    pub(crate) closing: bool,
    /// Per cursor id: batches its consumer has read and not settled, the last number of each and how many it holds.
    pub(crate) in_flight: Vec<VecDeque<(u64, Counts)>>,
    pub(crate) tallies: Tallies,
}

/// What happened since the journal was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tallies {
    pub batches: u64,
    pub synced_bytes: u64,
    pub segments_made: u64,
    pub segments_recycled: u64,
    pub segments_removed: u64,
    /// Segments dropped over quota, with whatever some cursor had not passed.
    pub segments_shed: u64,
    /// Critical records copied to the head out of those.
    pub records_carried: u64,
    /// From the first append of a batch to its write: the longest that anybody in it waited for level `os`.
    pub until_written: Durations,
    /// The same to its sync, for level `disk`.
    pub until_synced: Durations,
    /// The sync alone.
    pub sync: Durations,
}

/// One file of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) first_seq: u64,
    pub(crate) stamp_ms: u64,
    pub(crate) salt: u32,
    pub(crate) bytes: u64,
    /// Behind the last batch handed to the disk.
    pub(crate) end: u64,
    pub(crate) index: Vec<Mark>,
    /// Open only while it is written to.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
}

/// Where a record starts: the first of a batch, or the one a reader goes on with. None before it is younger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) seq: u64,
    pub(crate) stamp_ms: u64,
    pub(crate) offset: u64,
}

impl Segment {
    /// A segment without any batch yet.
    pub(crate) fn new(header: &Header, file: Option<Arc<dyn DiskFile>>) -> Segment {
        Segment {
            number: header.number,
            first_seq: header.first_seq,
            stamp_ms: header.stamp_ms,
            salt: header.salt,
            bytes: header.bytes,
            end: SEGMENT_HEADER_BYTES,
            index: Vec::new(),
            file,
        }
    }

    /// The same records lie elsewhere in it now.
    pub(crate) fn rewritten(&mut self, header: &Header) {
        (self.salt, self.bytes, self.end) = (header.salt, header.bytes, header.bytes);
        self.index.clear();
    }

    /// What a reader needs of it. The index of a long segment is 24 KiB, too much to copy for each read.
    pub(crate) fn without_index(&self) -> Segment {
        Segment { index: Vec::new(), file: self.file.clone(), ..*self }
    }

    /// Where its records end at the latest; to the byte where it is written to.
    pub(crate) fn records_end(&self) -> u64 {
        if self.file.is_some() { self.end } else { self.bytes }
    }

    pub(crate) fn left(&self) -> u64 {
        self.bytes - self.end
    }

    pub(crate) fn note(&mut self, mark: Mark) {
        if self.index.last().is_none_or(|last| mark.offset >= last.offset + INDEX_STEP_BYTES) {
            self.index.push(mark);
        }
    }

    /// The last place known before a record that `is_behind` says the wanted one is not before.
    pub(crate) fn offset_before(&self, is_before: impl Fn(&Mark) -> bool) -> u64 {
        let behind = self.index.partition_point(is_before);
        behind.checked_sub(1).map_or(SEGMENT_HEADER_BYTES, |at| self.index[at].offset)
    }
}

/// The next segment's file.
#[derive(Debug, Clone)]
pub(crate) enum Supply {
    Wanted,
    Ready {
        file: Arc<dyn DiskFile>,
        bytes: u64,
    },
    /// The spare, for the journal's own records only: the disk is full.
    Spare {
        file: Arc<dyn DiskFile>,
        bytes: u64,
        why: String,
    },
    /// The committer is giving it its number: until that is done its file goes by its old name, which must not be used again.
    Taken,
    Failed(String),
}

impl Supply {
    fn bytes(&self, own: bool) -> u64 {
        match self {
            Supply::Ready { bytes, .. } => *bytes,
            Supply::Spare { bytes, .. } if own => *bytes,
            _ => 0,
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stop(&self, why: &str) {
        self.lock().stopped.get_or_insert_with(|| why.to_owned());
        self.stop_waiters();
    }

    /// Nothing more will be written: those who wait for it get to know that they will not.
    pub(crate) fn stop_waiters(&self) {
        self.written.stop();
        self.synced.stop();
    }
}

impl State {
    /// Room for records in the open batch: in the segment written to, or else in the next one behind its checkpoint.
    fn room(&self, own: bool, options: &Options) -> u64 {
        let here = self.segments.back().map_or(0, Segment::left);
        let next = capacity(self.supply.bytes(own)).saturating_sub(self.control.checkpoint_bytes() as u64);
        here.max(next).min(options.batch_bytes_max()).saturating_sub(COMMIT_BYTES as u64)
    }

    /// Whether so many bytes may be appended; `own` are the journal's own records, which may use the reserve.
    pub(crate) fn admit(&mut self, bytes: usize, own: bool, options: &Options) -> Result<(), Refusal> {
        if self.stopped.is_some() || self.closing {
            return Err(Refusal::Stopped);
        }
        if self.read_only.is_some() && !own {
            return Err(Refusal::Full);
        }
        let reserve = if own { 0 } else { options.reserve_bytes() };
        if self.pending.len() as u64 + bytes as u64 + reserve <= self.room(own, options) {
            return Ok(());
        }
        match &self.supply {
            Supply::Failed(why) | Supply::Spare { why, .. } => {
                let why = why.clone();
                self.become_read_only(why, options);
                Err(Refusal::Full)
            }
            Supply::Wanted | Supply::Taken | Supply::Ready { .. } => Err(Refusal::Busy(self.pending.len())),
        }
    }

    fn become_read_only(&mut self, why: String, options: &Options) {
        if self.read_only.is_none() {
            self.note_mode(false, &why, options);
            self.read_only = Some(why);
        }
    }

    /// Puts on record that appends are refused, or taken again, if there is room to say so.
    pub(crate) fn note_mode(&mut self, writable: bool, why: &str, options: &Options) {
        let fact = Fact::Mode { writable, why: why.to_owned() };
        let fits = self.pending.len() + fact.padded_bytes() <= self.room(true, options) as usize;
        if fits {
            self.append_fact(fact);
        }
    }

    /// Refuses an id that was accepted before, or may have been.
    pub(crate) fn judge(&self, entry: &Entry<'_>, now_ms: u64) -> Result<(), Refusal> {
        if !entry.once {
            return Ok(());
        }
        match self.window.judge(entry.id, now_ms) {
            Verdict::New => Ok(()),
            Verdict::Known(seq) => Err(Refusal::Known { seq }),
            Verdict::TooOld => Err(Refusal::TooOld),
            Verdict::Ahead => Err(Refusal::Ahead),
        }
    }

    pub(crate) fn append(&mut self, entry: &Entry<'_>, carried: bool, now_ms: u64) {
        let flags = Flags { critical: entry.critical, once: entry.once, carried, ..Flags::default() };
        let head = self.next_head(entry, flags, now_ms);
        record::encode(&mut self.pending, &head, entry.payload);
        self.learn(&head);
    }

    /// What appending a record changes beside the log itself; recovery does the same.
    pub(crate) fn learn(&mut self, head: &Head) {
        *self.control.counts.entry(head.stream).or_default() += account::counts_as(head);
        if head.flags.once {
            self.window.remember(head.id, head.seq, head.stamp_ms);
        }
    }

    fn next_head(&mut self, entry: &Entry<'_>, flags: Flags, now_ms: u64) -> Head {
        self.head_seq += 1;
        Head {
            stream: entry.stream,
            kind: entry.kind,
            version: entry.version,
            flags,
            seq: self.head_seq,
            stamp_ms: self.stamps.next(now_ms),
            batch: self.batch,
            id: entry.id,
        }
    }

    /// Appends a control record and applies it at once. The caller has made sure that it fits.
    pub(crate) fn append_fact(&mut self, fact: Fact) {
        self.head_seq += 1;
        self.put_fact(&fact, false);
        self.control.apply(fact);
    }

    /// States everything once more, so that the segment the open batch goes to can be read without any before it.
    pub(crate) fn restate(&mut self) {
        self.control.window =
            Fact::Window { oldest_seq: self.window.oldest_seq(), floor_ms: self.window.floor_ms() };
        for fact in self.control.checkpoint() {
            self.put_fact(&fact, true);
        }
    }

    fn put_fact(&mut self, fact: &Fact, restated: bool) {
        let head = Head {
            stream: CONTROL,
            kind: fact.kind(),
            version: 1,
            flags: Flags { restated, ..Flags::default() },
            seq: self.head_seq,
            stamp_ms: self.stamps.next(0),
            batch: self.batch,
            id: Id::NIL,
        };
        record::encode(&mut self.pending, &head, &fact.encode());
    }

    pub(crate) fn new_cursor(
        &mut self,
        name: &str,
        stream: u16,
        options: &Options,
    ) -> Result<CursorState, Refusal> {
        let known = self.control.cursors.len();
        if known >= CURSORS_MAX || name.len() > NAME_BYTES_MAX {
            return Err(Refusal::TooManyCursors(known));
        }
        let cursor = CursorState {
            id: known as u8,
            stream,
            position: self.head_seq,
            opened_at: self.control.counts.get(&stream).copied().unwrap_or_default(),
            tally: Tally::default(),
            name: name.to_owned(),
            until: None,
        };
        let fact = Fact::Cursor(cursor.clone());
        // Once as a record, and once more in every checkpoint from here on.
        self.admit(2 * fact.padded_bytes(), true, options)?;
        self.in_flight.push(VecDeque::new());
        self.append_fact(fact);
        Ok(cursor)
    }

    pub(crate) fn accounts(&self) -> Vec<Account> {
        let cursors = self.control.cursors.values();
        cursors.map(|cursor| self.control.account(cursor, self.in_flight_of(cursor.id))).collect()
    }

    fn in_flight_of(&self, cursor: u8) -> Counts {
        self.in_flight[usize::from(cursor)].iter().fold(Counts::default(), |sum, (_, counts)| sum + *counts)
    }

    /// The last number in the segment at this place, as far as records were appended.
    pub(crate) fn last_seq_of(&self, at: usize) -> u64 {
        self.segments.get(at + 1).map_or(self.head_seq, |next| next.first_seq - 1)
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// Cursors a journal keeps.
pub(crate) const CURSORS_MAX: usize = 64;
/// Registers a journal keeps, and the bytes one may hold.
pub(crate) const REGISTERS_MAX: usize = 64;
pub(crate) const REGISTER_BYTES_MAX: usize = 1024;
/// Bytes of the name of a cursor or a register.
pub(crate) const NAME_BYTES_MAX: usize = 64;
