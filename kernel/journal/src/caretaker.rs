//! The caretaker: one thread that keeps the next segment ready and lets old ones go, so that the committer never has to.
//!
//! A segment goes in two steps: what it takes with it is put on record, and once that is synced the file is recycled or removed.
//! So a crash in between finds either the segment, or the account of it. Zero-writing a segment ahead of its use is what makes a
//! sync cheap: the file system has nothing but data to write.

use crate::account::Counts;
use crate::carried;
use crate::control::{Control, CursorState, Fact};
use crate::error::Refusal;
use crate::journal::{Entry, Journal};
use crate::options::Retention;
use crate::record::{self, HEADER_BYTES, Head, Record};
use crate::segment::{self, Records, SEGMENT_HEADER_BYTES};
use crate::state::{Bell, Segment, Shared, State, Supply};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The file of the next segment, before it has a number.
pub(crate) const NEXT: &str = "next.ready";
/// A small file for the journal's own records when the disk is full.
pub(crate) const SPARE: &str = "spare.ready";

/// What a record of the window's new place takes.
const WINDOW_FACT_BYTES: usize = 72;

/// How often to look although nobody rang: a cursor moved on, or someone made room on the disk.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Starts the thread. It ends when every journal is closed or stopped.
pub(crate) fn start(journals: Vec<Journal>, bell: Arc<Bell>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("caretaker".to_owned()).spawn(move || {
        bell.caretaker.set(thread::current()).expect("one caretaker per bell");
        while journals.iter().any(|journal| is_running(&journal.shared)) {
            if !journals.iter().any(|journal| is_running(&journal.shared) && tend(&journal.shared)) {
                thread::park_timeout(LOOK_EVERY);
            }
        }
    })
}

fn is_running(shared: &Shared) -> bool {
    let state = shared.lock();
    state.stopped.is_none() && !state.closing
}

/// Does the next thing there is to do. Whether there was one; trouble with a file is kept in the state and tried again later.
pub(crate) fn tend(shared: &Shared) -> bool {
    let done = match next_task(shared) {
        Task::Nothing => return false,
        Task::WaitForSync => {
            shared.bell.ring();
            return false;
        }
        Task::LetGo => let_go(shared),
        Task::Shed => shed(shared),
        Task::RunShort(why) => Err(io::Error::other(why)),
        Task::Create(bytes) => create(shared, bytes),
        Task::CreateSpare => create_spare(shared),
    };
    match done {
        Ok(()) => true,
        Err(error) => {
            run_short(shared, &error.to_string());
            false
        }
    }
}

/// There is no next segment: only the journal's own records are taken now, and they go to the spare.
fn run_short(shared: &Shared, why: &str) {
    let failed = shared.lock().supply.fail(why);
    if failed {
        // Without a spare it stays failed, and is tried again.
        let _ = take_the_spare(shared, why);
    }
}

enum Task {
    Nothing,
    /// The oldest segment may go once something is synced.
    WaitForSync,
    LetGo,
    Shed,
    /// The quota is used up by what must not go.
    RunShort(String),
    Create(u64),
    CreateSpare,
}

fn next_task(shared: &Shared) -> Task {
    let synced = shared.synced.value();
    let mut state = shared.lock();
    if matches!(state.supply, Supply::Taken) {
        return Task::Nothing;
    }
    match state.leaving {
        Some(after) if synced >= after => return Task::LetGo,
        Some(_) => return Task::WaitForSync,
        None => {}
    }
    let last_seq = state.last_seq_of(0);
    if state.oldest_is_superfluous(shared) && state.leave(last_seq, shared).is_ok() {
        return Task::WaitForSync;
    }
    if matches!(state.supply, Supply::Ready { .. }) {
        return state.ready_task(shared);
    }
    let bytes = state.next_bytes(shared);
    match shared.options.retention {
        Retention::Drain { bytes_max, .. } if state.log_bytes() + bytes > bytes_max => {
            state.make_room(shared)
        }
        _ => Task::Create(bytes),
    }
}

impl State {
    fn ready_task(&mut self, shared: &Shared) -> Task {
        if self.read_only.is_some() {
            self.read_only = None;
            self.note_mode(true, "", &shared.options);
        }
        if self.has_spare { Task::Nothing } else { Task::CreateSpare }
    }

    fn next_bytes(&self, shared: &Shared) -> u64 {
        let bytes = shared.options.segment_bytes_of(self.tallies.segments_made as usize);
        match shared.options.retention {
            Retention::Keep => bytes,
            // At least eight segments fit the quota, or dropping one would drop much of it.
            Retention::Drain { bytes_max, .. } => {
                bytes.min(bytes_max / 8).max(shared.options.segment_bytes[0])
            }
        }
    }

    /// Whether every cursor has passed the oldest segment and nothing asks to keep it.
    fn oldest_is_superfluous(&self, shared: &Shared) -> bool {
        let Retention::Drain { keep_bytes, .. } = shared.options.retention else { return false };
        self.oldest_is_drained() && (self.drained_bytes() > keep_bytes || self.is_short_of_room(shared))
    }

    /// Puts the oldest segment on its way out. The ids in it are forgotten first, on record.
    fn leave(&mut self, last_seq: u64, shared: &Shared) -> Result<(), Refusal> {
        let holds_ids = |oldest: Option<u64>| oldest.is_some_and(|oldest| oldest <= last_seq);
        let on_record =
            matches!(self.control.window, Fact::Window { oldest_seq, .. } if holds_ids(oldest_seq));
        if on_record || holds_ids(self.window.oldest_seq()) {
            self.admit(WINDOW_FACT_BYTES, true, &shared.options)?;
            self.window.forget_through(last_seq);
            let fact =
                Fact::Window { oldest_seq: self.window.oldest_seq(), floor_ms: self.window.floor_ms() };
            self.append_fact(fact);
        }
        self.leaving = Some(self.head_seq);
        Ok(())
    }

    fn oldest_is_drained(&self) -> bool {
        self.segments.len() > 1 && self.lowest_position() >= self.last_seq_of(0)
    }

    fn is_short_of_room(&self, shared: &Shared) -> bool {
        let Retention::Drain { bytes_max, .. } = shared.options.retention else { return false };
        match self.supply {
            Supply::Ready { .. } | Supply::Taken => false,
            Supply::Wanted => self.log_bytes() + self.next_bytes(shared) > bytes_max,
            Supply::Spare { .. } | Supply::Failed(_) => true,
        }
    }

    /// Up to where no cursor needs anything. One that has settled all of its stream needs nothing, wherever it stands.
    fn lowest_position(&self) -> u64 {
        let waiting = self.control.cursors.values().filter(|cursor| {
            let account = self.control.account(cursor, Counts::default());
            account.lag.total() > 0
        });
        waiting.map(|cursor| cursor.position).min().unwrap_or(u64::MAX)
    }

    fn drained_bytes(&self) -> u64 {
        let lowest = self.lowest_position();
        let drained = (0..self.segments.len() - 1).take_while(|at| self.last_seq_of(*at) <= lowest);
        drained.map(|at| self.segments[at].bytes).sum()
    }

    fn make_room(&self, shared: &Shared) -> Task {
        if self.segments.len() > 1 && !self.oldest_is_drained() {
            return Task::Shed;
        }
        Task::RunShort(format!("the quota is used up: {:?}", shared.options.retention))
    }
}

impl Supply {
    /// Whether there is nothing the committer has taken, or may take at any moment.
    fn fail(&mut self, why: &str) -> bool {
        let nothing = matches!(self, Supply::Wanted | Supply::Failed(_));
        if nothing {
            *self = Supply::Failed(why.to_owned());
        }
        nothing
    }
}

fn create(shared: &Shared, bytes: u64) -> io::Result<()> {
    match shared.disk.create(NEXT, bytes) {
        Ok(file) => {
            shared.disk.sync_names()?;
            shared.lock().supply = Supply::Ready { file, bytes };
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn take_the_spare(shared: &Shared, why: &str) -> io::Result<()> {
    if !shared.lock().has_spare {
        create_spare(shared)?;
    }
    let file = shared.disk.open(SPARE)?;
    let bytes = spare_bytes(shared);
    let mut state = shared.lock();
    state.supply = Supply::Spare { file, bytes, why: why.to_owned() };
    Ok(())
}

pub(crate) fn spare_bytes(shared: &Shared) -> u64 {
    shared.options.segment_bytes[0]
}

fn create_spare(shared: &Shared) -> io::Result<()> {
    shared.disk.create(SPARE, spare_bytes(shared))?;
    shared.disk.sync_names()?;
    shared.lock().has_spare = true;
    Ok(())
}

/// Recycles or removes the oldest segment, whose leaving is on record and synced.
fn let_go(shared: &Shared) -> io::Result<()> {
    let (segment, recycled) = {
        let mut state = shared.lock();
        state.leaving = None;
        let wanted = state.next_bytes(shared);
        let needed = !matches!(state.supply, Supply::Ready { .. } | Supply::Taken);
        let segment = state.segments.pop_front().expect("a segment that leaves is there");
        (segment.clone(), needed && segment.bytes == wanted)
    };
    let name = segment::file_name(segment.number);
    if !recycled {
        shared.disk.remove(&name)?;
        shared.disk.sync_names()?;
        shared.lock().tallies.segments_removed += 1;
        return Ok(());
    }
    shared.disk.rename(&name, NEXT)?;
    shared.disk.sync_names()?;
    let file = shared.disk.open(NEXT)?;
    let mut state = shared.lock();
    state.supply = Supply::Ready { file, bytes: segment.bytes };
    state.tallies.segments_recycled += 1;
    Ok(())
}

/// Gives the oldest segment up for the cursors that have not passed it: counts what they lose, carries what is critical.
///
/// A cursor that moves on meanwhile makes the count wrong; then nothing is done, and it is counted again.
fn shed(shared: &Shared) -> io::Result<()> {
    let (segment, last_seq, cursors) = {
        let state = shared.lock();
        (state.segments[0].clone(), state.last_seq_of(0), lagging(&state.control, state.last_seq_of(0)))
    };
    let losses = Losses::count(shared, &segment, last_seq, cursors.clone())?;
    let mut state = shared.lock();
    if lagging(&state.control, last_seq) != cursors {
        return Ok(());
    }
    let recorded =
        state.put_on_record(&losses, last_seq, shared).and_then(|()| state.leave(last_seq, shared));
    recorded
        .map_err(|refusal| io::Error::other(format!("the oldest segment cannot be given up: {refusal}")))?;
    state.tallies.segments_shed += 1;
    drop(state);
    shared.bell.ring();
    Ok(())
}

fn lagging(control: &Control, last_seq: u64) -> Vec<CursorState> {
    control.cursors.values().filter(|cursor| cursor.position < last_seq).cloned().collect()
}

/// What goes with a segment.
struct Losses {
    /// The cursors that had not passed it, as they are afterwards.
    cursors: Vec<CursorState>,
    /// Critical records and their payloads with the prefix of a copy.
    carried: Vec<(Head, Vec<u8>)>,
}

impl Losses {
    fn count(
        shared: &Shared,
        segment: &Segment,
        last_seq: u64,
        cursors: Vec<CursorState>,
    ) -> io::Result<Losses> {
        let file = shared.disk.open(&segment::file_name(segment.number))?;
        let mut records = Records::from(&*file, segment.salt, SEGMENT_HEADER_BYTES);
        let mut losses = Losses { cursors, carried: Vec::new() };
        while let Some((framed, raw)) = records.next()? {
            if framed.head.seq > last_seq {
                break;
            }
            if !framed.head.flags.restated {
                losses.add(Record { head: framed.head, payload: raw.slice(HEADER_BYTES..framed.length) });
            }
        }
        losses.cursors.iter_mut().for_each(|cursor| cursor.position = last_seq);
        Ok(losses)
    }

    fn add(&mut self, record: Record) {
        let waiting = self.waiting_for(&record);
        if waiting != 0 && record.head.flags.critical {
            self.carried.push((record.head, carried::wrap(&record, waiting)));
        } else {
            let losing = self.cursors.iter_mut().filter(|cursor| waiting & (1 << cursor.id) != 0);
            losing.for_each(|cursor| cursor.tally.shed += Counts::one(false));
        }
    }

    /// One bit per cursor that has not settled this record.
    fn waiting_for(&self, record: &Record) -> u64 {
        let head = &record.head;
        let lags = |cursor: &&CursorState| {
            // A copy that was carried forward lies behind the end of a cursor that waits for it.
            let is_its = head.flags.carried || head.seq <= cursor.end();
            cursor.stream == head.stream && cursor.position < head.seq && is_its
        };
        let lagging = self.cursors.iter().filter(lags).fold(0, |bits, cursor| bits | 1 << cursor.id);
        lagging & carried::waiting(record)
    }

    fn bytes(&self) -> usize {
        let carried: usize =
            self.carried.iter().map(|(_, payload)| record::padded_bytes(payload.len())).sum();
        carried + self.cursors.iter().map(|cursor| Fact::Cursor(cursor.clone()).padded_bytes()).sum::<usize>()
    }
}

impl State {
    fn put_on_record(&mut self, losses: &Losses, last_seq: u64, shared: &Shared) -> Result<(), Refusal> {
        self.admit(losses.bytes(), true, &shared.options)?;
        let now_ms = shared.clock.wall_ms();
        for (head, payload) in &losses.carried {
            let entry = Entry {
                stream: head.stream,
                kind: head.kind,
                version: head.version,
                critical: true,
                id: head.id,
                payload,
                ..Entry::default()
            };
            self.append(&entry, true, now_ms);
        }
        self.tallies.records_carried += losses.carried.len() as u64;
        for cursor in &losses.cursors {
            self.in_flight[usize::from(cursor.id)].retain(|(last, _)| *last > last_seq);
            self.append_fact(Fact::Cursor(cursor.clone()));
        }
        Ok(())
    }
}
