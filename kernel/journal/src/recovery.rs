//! Opening a journal: what is there is read, an unfinished batch cut back, damage refused; then writing goes on in a new segment.
//!
//! Every batch but the last was synced before the next was written. The last one may be in the cache only, marked clean after a
//! failed sync, so it is written again in the new segment and synced before that gets its number. Until then nothing is changed.

use crate::batch::{self, Batches, FoundBatch};
use crate::caretaker::{NEXT, SPARE};
use crate::clock::{Clock, Stamps};
use crate::committer::begin_segment;
use crate::control::{CONTROL, Control, Fact};
use crate::disk::{Disk, DiskFile, SECTOR_BYTES, read_full};
use crate::error::OpenError;
use crate::options::Options;
use crate::planted;
use crate::record::Head;
use crate::segment::{self, Header, SEGMENT_HEADER_BYTES};
use crate::state::{Bell, Segment, Shared, State, Supply, Tallies};
use crate::watermark::Watermark;
use crate::window::Window;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A segment file as it lies on the disk.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) header: Header,
    pub(crate) file_bytes: u64,
    /// Both copies of the header are whole.
    pub(crate) header_whole: bool,
}

impl Listed {
    pub(crate) fn name(&self) -> String {
        segment::file_name(self.header.number)
    }
}

/// The segments of a journal in order, with their headers checked against each other.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<Listed>, OpenError> {
    let files = disk.list().map_err(|error| io_error("the journal's folder", error))?;
    let mut numbered: Vec<_> = files
        .into_iter()
        .filter_map(|(name, bytes)| Some((segment::number_of(&name)?, name, bytes)))
        .collect();
    numbered.sort_unstable();
    let mut listed: Vec<Listed> = Vec::new();
    for (number, name, file_bytes) in numbered {
        let (header, header_whole) = header_of(disk, &name)?;
        let follows = listed.last().is_none_or(|before| follows(&before.header, &header));
        if header.number != number || !follows {
            return Err(corrupt(
                &name,
                0,
                "its header belongs to another place in the journal, or a segment is missing",
            ));
        }
        listed.push(Listed { header, file_bytes, header_whole });
    }
    match listed.last() {
        Some(tail) if tail.file_bytes != tail.header.bytes => Err(corrupt(
            &tail.name(),
            tail.file_bytes,
            "the file is shorter or longer than its header says: copied only half?",
        )),
        _ => Ok(listed),
    }
}

fn header_of(disk: &dyn Disk, name: &str) -> Result<(Header, bool), OpenError> {
    let mut both = [0; SEGMENT_HEADER_BYTES as usize];
    let read = disk.open(name).and_then(|file| read_full(&*file, &mut both, 0));
    let filled = read.map_err(|error| io_error(name, error))?;
    Header::decode(&both[..filled]).ok_or_else(|| corrupt(name, 0, "neither copy of its header is whole"))
}

fn follows(before: &Header, header: &Header) -> bool {
    before.journal == header.journal
        && before.number + 1 == header.number
        && before.first_seq <= header.first_seq
        && before.first_batch <= header.first_batch
}

pub(crate) fn corrupt(file: &str, offset: u64, what: &'static str) -> OpenError {
    OpenError::Corrupt { file: file.to_owned(), offset, what }
}

pub(crate) fn io_error(path: &str, source: io::Error) -> OpenError {
    OpenError::Io { path: PathBuf::from(path), source }
}

/// What the records read at opening add up to.
#[derive(Debug)]
struct Recovered {
    control: Control,
    head_seq: u64,
    next_batch: u64,
    last_stamp_ms: u64,
    /// The last whole batch, to be written again.
    last: Option<FoundBatch>,
    /// Where whole batches end in the last segment.
    end: u64,
    cut_bytes: u64,
    /// The segment that told where everything stands, counted from the oldest.
    told_by: usize,
}

pub(crate) fn open(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    options: Options,
    bell: Arc<Bell>,
) -> Result<Shared, OpenError> {
    let listed = list(&*disk)?;
    let mut recovered = recover(&*disk, &listed)?;
    let window = remember(&*disk, &listed, &recovered, &options)?;
    let journal = listed.last().map_or_else(|| journal_mark(&*disk), |last| last.header.journal);
    if planted::reuses_a_sequence_number() {
        recovered.head_seq = recovered.head_seq.saturating_sub(1);
    }
    let mut segments: VecDeque<Segment> =
        listed.iter().map(|listed| Segment::new(&listed.header, None)).collect();
    if let Some(last) = segments.back_mut() {
        last.end = recovered.end;
    }
    let mut shared = Shared {
        disk,
        clock,
        options,
        journal,
        written: Watermark::starting_at(recovered.head_seq),
        synced: Watermark::starting_at(recovered.head_seq),
        bell,
        cut_bytes: recovered.cut_bytes,
        state: Mutex::new(State {
            pending_since: None,
            pending: Vec::new(),
            batch: recovered.next_batch,
            head_seq: recovered.head_seq,
            in_flight: vec![VecDeque::new(); recovered.control.cursors.len()],
            control: recovered.control,
            window,
            stamps: Stamps::after(recovered.last_stamp_ms),
            segments,
            supply: Supply::Wanted,
            leaving: None,
            has_spare: false,
            read_only: None,
            stopped: None,
            closing: false,
            tallies: Tallies::default(),
        }),
    };
    let began = begin(&mut shared, recovered.last, listed.last());
    began.map_err(|error| io_error("the journal's new segment", error))?;
    Ok(shared)
}

/// Eight bytes that no other journal has.
fn journal_mark(disk: &dyn Disk) -> u64 {
    u64::from(disk.salt()) << 32 | u64::from(disk.salt())
}

/// Reads the last segment that holds a whole batch, and whatever is behind it.
fn recover(disk: &dyn Disk, listed: &[Listed]) -> Result<Recovered, OpenError> {
    let mut recovered = Recovered {
        control: Control::default(),
        head_seq: 0,
        next_batch: 1,
        last_stamp_ms: 0,
        last: None,
        end: SEGMENT_HEADER_BYTES,
        cut_bytes: 0,
        told_by: listed.len().saturating_sub(1),
    };
    let Some((tail, before)) = listed.split_last() else { return Ok(recovered) };
    recovered.read(disk, tail, None)?;
    if recovered.last.is_none()
        && let Some(before) = before.last()
    {
        let (end, cut_bytes) = (recovered.end, recovered.cut_bytes);
        recovered.read(disk, before, Some(&tail.header))?;
        // All of it was synced before the tail was begun.
        recovered.last = None;
        recovered.told_by -= 1;
        (recovered.end, recovered.cut_bytes) = (end, cut_bytes);
    }
    Ok(recovered)
}

impl Recovered {
    fn read(&mut self, disk: &dyn Disk, listed: &Listed, next: Option<&Header>) -> Result<(), OpenError> {
        let name = listed.name();
        let read = |error| io_error(&name, error);
        let file = disk.open(&name).map_err(read)?;
        let mut batches = Batches::of(&*file, &listed.header, listed.file_bytes);
        let until = next.map_or(u64::MAX, |next| next.first_batch);
        while batches.next_batch() < until
            && let Some(found) = batches.next().map_err(read)?
        {
            self.apply(&found);
            self.last = Some(found);
        }
        self.last_stamp_ms = self.last_stamp_ms.max(listed.header.stamp_ms);
        self.head_seq = batches.last_seq();
        self.next_batch = batches.next_batch();
        self.end = batches.end();
        let short = next.is_some_and(|next| batches.next_batch() != next.first_batch);
        if short || (next.is_none() && batches.is_damaged().map_err(read)?) {
            return Err(corrupt(
                &name,
                batches.end(),
                "a batch is damaged, and there are later ones behind it",
            ));
        }
        if next.is_none() {
            self.cut_bytes = batches.first_bad().map_err(read)?.0 - batches.end();
        }
        Ok(())
    }

    fn apply(&mut self, found: &FoundBatch) {
        for (framed, raw) in &found.records {
            let head = &framed.head;
            self.last_stamp_ms = self.last_stamp_ms.max(head.stamp_ms);
            if head.stream != CONTROL {
                *self.control.counts.entry(head.stream).or_default() += crate::account::counts_as(head);
            } else if let Some(fact) = Fact::decode(head.kind, framed.payload(raw)) {
                self.control.apply(fact);
            }
        }
    }
}

/// The ids of the window, read again from where the last checkpoint says they begin.
fn remember(
    disk: &dyn Disk,
    listed: &[Listed],
    recovered: &Recovered,
    options: &Options,
) -> Result<Window, OpenError> {
    let Fact::Window { oldest_seq, floor_ms } = recovered.control.window else {
        unreachable!("the window's place only ever holds a window")
    };
    let mut window = Window::new(options.window, floor_ms);
    let holder = |seq| listed.partition_point(|part| part.header.first_seq <= seq).saturating_sub(1);
    let first = oldest_seq.map_or(recovered.told_by, holder);
    for (at, part) in listed.iter().enumerate().skip(first) {
        let until = listed.get(at + 1).map_or(recovered.next_batch, |next| next.header.first_batch);
        let name = part.name();
        let read = |error| io_error(&name, error);
        let file = disk.open(&name).map_err(read)?;
        let mut batches = Batches::of(&*file, &part.header, part.file_bytes);
        while batches.next_batch() < until
            && let Some(found) = batches.next().map_err(read)?
        {
            found.records.iter().for_each(|(framed, _)| remember_one(&mut window, &framed.head));
            let bytes = batches.end() - found.offset;
            window.advance(bytes, recovered.last_stamp_ms);
        }
    }
    Ok(window)
}

fn remember_one(window: &mut Window, head: &Head) {
    if head.flags.once && window.find(head.id).is_none() {
        window.remember(head.id, head.seq, head.stamp_ms);
    }
}

/// Makes the segment this process writes to: the last batch once more, a checkpoint, and only then its number.
fn begin(shared: &mut Shared, last: Option<FoundBatch>, tail: Option<&Listed>) -> io::Result<()> {
    let mut header = first_header(shared, last.as_ref(), tail);
    let records = first_batches(shared, last, header.salt);
    let needed = SEGMENT_HEADER_BYTES + records.len() as u64;
    header.bytes = shared.options.segment_bytes_of(0).max(needed.next_multiple_of(SECTOR_BYTES as u64));
    let (file, name) = first_file(shared, header.bytes)?;
    file.write_at(&records, SEGMENT_HEADER_BYTES)?;
    begin_segment(shared, &*file, &header, name)?;
    if let Some(tail) = tail {
        drop_superseded(shared, tail, &header)?;
    }
    let state = shared.state.get_mut().expect("nobody else has the state yet");
    state.has_spare = name == NEXT && state.has_spare;
    let mut segment = Segment::new(&header, Some(file));
    segment.end += records.len() as u64;
    if let Some(before) = state.segments.back_mut() {
        before.bytes = before.bytes.min(before.end);
    }
    state.segments.push_back(segment);
    state.tallies.segments_made = 1;
    Ok(())
}

/// A zero-written file, or on a full disk the spare.
fn first_file(shared: &mut Shared, bytes: u64) -> io::Result<(Arc<dyn DiskFile>, &'static str)> {
    let spare_is_there = shared.disk.list()?.iter().any(|(name, length)| name == SPARE && *length == bytes);
    shared.state.get_mut().expect("nobody else has the state yet").has_spare = spare_is_there;
    match shared.disk.create(NEXT, bytes) {
        Ok(file) => Ok((file, NEXT)),
        Err(error) if error.kind() == io::ErrorKind::StorageFull && spare_is_there => {
            Ok((shared.disk.open(SPARE)?, SPARE))
        }
        Err(error) => Err(error),
    }
}

/// Its length is not known yet.
fn first_header(shared: &mut Shared, last: Option<&FoundBatch>, tail: Option<&Listed>) -> Header {
    let wall_ms = shared.clock.wall_ms();
    let state = shared.state.get_mut().expect("nobody else has the state yet");
    let first = last.and_then(|last| last.records.iter().find(|(framed, _)| !framed.head.flags.restated));
    Header {
        salt: shared.disk.salt(),
        number: tail.map_or(1, |tail| tail.header.number + 1),
        first_seq: first.map_or(state.head_seq + 1, |(framed, _)| framed.head.seq),
        first_batch: last.map_or(state.batch, |last| last.batch),
        bytes: 0,
        stamp_ms: state.stamps.next(wall_ms),
        journal: shared.journal,
    }
}

/// The last batch as it was, and behind it one that states everything.
fn first_batches(shared: &mut Shared, last: Option<FoundBatch>, salt: u32) -> Vec<u8> {
    let state = shared.state.get_mut().expect("nobody else has the state yet");
    let mut records = Vec::new();
    if let Some(last) = last {
        let stamp_ms = last.records.last().map_or(0, |(framed, _)| framed.head.stamp_ms);
        let facts = last.records.iter().filter(|(framed, _)| !framed.head.flags.restated);
        let mut copy: Vec<u8> = facts.flat_map(|(_, raw)| raw.iter().copied()).collect();
        batch::finish(&mut copy, last.batch, last.last_seq, stamp_ms, salt);
        records = copy;
    }
    state.restate();
    let mut checkpoint = std::mem::take(&mut state.pending);
    batch::finish(&mut checkpoint, state.batch, state.head_seq, state.stamps.next(0), salt);
    state.batch += 1;
    records.extend(checkpoint);
    records
}

/// Takes the batch that was written again, and any unfinished one, off the end of the segment before.
fn drop_superseded(shared: &Shared, tail: &Listed, header: &Header) -> io::Result<()> {
    let file = shared.disk.open(&tail.name())?;
    let mut batches = Batches::of(&*file, &tail.header, tail.file_bytes);
    while batches.next_batch() < header.first_batch && batches.next()?.is_some() {}
    file.truncate(batches.end())
}
