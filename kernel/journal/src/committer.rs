//! The committer: one thread that writes and syncs for every journal of the node.
//!
//! Whatever was appended while the last sync ran goes into the next batch together, and what comes in a short pause after it where
//! that pays; see [`crate::pace`]. The first failed write or sync ends writing for good: pages may be lost in the cache although they are
//! marked clean, so writing them again would prove nothing. Only a restart, which copies them to a fresh place, does.

use crate::batch;
use crate::caretaker::{NEXT, SPARE};
use crate::disk::DiskFile;
use crate::journal::Journal;
use crate::pace::{GATHERED_BYTES_MAX, Pace};
use crate::planted;
use crate::record;
use crate::segment::{self, Header, SEGMENT_HEADER_BYTES};
use crate::state::{Bell, Mark, Segment, Shared, State, Supply};
use rustix::process::setpriority_process;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A nice value that puts the committer before ordinary work; it sleeps in the disk most of the time.
const PRIORITY: i32 = -10;

/// Starts the thread. It ends when every journal is closed and has nothing left to write.
pub(crate) fn start(journals: Vec<Journal>, bell: Arc<Bell>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("committer".to_owned()).spawn(move || {
        bell.committer.set(thread::current()).expect("one committer per bell");
        bell.raised.store(setpriority_process(None, PRIORITY).is_ok(), Ordering::Relaxed);
        let _end = End(&journals);
        run(&journals, &bell);
    })
}

/// Whoever waits for the committer learns of its end, also if that is a panic.
struct End<'a>(&'a [Journal]);

impl Drop for End<'_> {
    fn drop(&mut self) {
        for journal in self.0 {
            if thread::panicking() {
                journal.shared.stop("the committer panicked");
            }
            journal.shared.stop_waiters();
        }
    }
}

/// For so long what nobody waits for may lie in memory, where some came just before. While the committer dozes it need not be woken
/// for it, and many such records share a sync. A little more than the 20 ms between two moments at which devices are asked.
pub const DOZE: Duration = Duration::from_millis(25);

fn run(journals: &[Journal], bell: &Bell) {
    let (mut pace, began, mut dozed) = (Pace::default(), Instant::now(), false);
    while journals.iter().any(|journal| !is_done(&journal.shared)) {
        if !dozed {
            gather(journals, bell, &mut pace);
        }
        bell.asleep.store(true, Ordering::SeqCst);
        let records: u64 = journals.iter().map(|journal| turn(&journal.shared)).sum();
        // Whoever finds it dozing leaves it so. It looks once more after it has stopped that, and only then sleeps without an end.
        let dozes = records > 0 || (!dozed && bell.dozes.load(Ordering::SeqCst));
        let changed = bell.dozes.swap(dozes, Ordering::SeqCst) != dozes;
        if records > 0 && !dozed {
            pace.committed(records, began.elapsed());
        }
        dozed = records == 0 && !changed && sleep(journals, bell, dozes);
    }
}

/// Until it is rung for, or a doze is over; whether it was that.
fn sleep(journals: &[Journal], bell: &Bell, dozes: bool) -> bool {
    let is_over = journals.iter().all(|journal| is_done(&journal.shared));
    match dozes {
        _ if is_over || !bell.asleep.load(Ordering::SeqCst) => return false,
        true => thread::park_timeout(DOZE),
        false => thread::park(),
    }
    bell.asleep.load(Ordering::SeqCst)
}

/// Lets records come for as long as the pace says, and tells it whether they did. Nobody need ring meanwhile.
#[expect(clippy::disallowed_methods, reason = "nothing but time is waited for, on a thread of its own")]
fn gather(journals: &[Journal], bell: &Bell, pace: &mut Pace) {
    let half = pace.pause() / 2;
    if half.is_zero() || journals.iter().any(|journal| is_urgent(&journal.shared)) {
        return;
    }
    bell.asleep.store(false, Ordering::SeqCst);
    let appended = || journals.iter().map(|journal| journal.shared.lock().head_seq).sum::<u64>();
    let before = appended();
    thread::sleep(half);
    let between = appended();
    thread::sleep(half);
    pace.gathered(between - before, appended() - between);
}

fn is_urgent(shared: &Shared) -> bool {
    let state = shared.lock();
    state.closing || state.pending.len() > GATHERED_BYTES_MAX
}

fn is_done(shared: &Shared) -> bool {
    let state = shared.lock();
    state.stopped.is_some() || (state.closing && state.pending.is_empty())
}

/// Commits the open batch; how many records it had.
pub(crate) fn turn(shared: &Shared) -> u64 {
    let Some(work) = take(shared) else { return 0 };
    let records = 1 + work.last_seq.saturating_sub(record::u64_at(&work.records, 16));
    if let Err(error) = commit(shared, work) {
        shared.stop(&error.to_string());
    }
    records
}

/// A batch on its way to the disk.
struct Work {
    records: Vec<u8>,
    batch: u64,
    last_seq: u64,
    stamp_ms: u64,
    place: Place,
    since: Instant,
}

enum Place {
    Here {
        file: Arc<dyn DiskFile>,
        offset: u64,
        salt: u32,
    },
    /// A new segment, whose file has no header yet.
    Next {
        file: Arc<dyn DiskFile>,
        header: Header,
        from_spare: bool,
    },
}

fn take(shared: &Shared) -> Option<Work> {
    let (wall_ms, boot_ms) = (shared.clock.wall_ms(), shared.clock.boot_ms());
    let mut state = shared.lock();
    if state.pending.is_empty() || state.stopped.is_some() {
        return None;
    }
    state.stamps.compare(wall_ms, boot_ms);
    let place = state.place(shared);
    let mut records = std::mem::take(&mut state.pending);
    records.reserve(batch::COMMIT_BYTES);
    let since = state.pending_since.take().unwrap_or_else(Instant::now);
    let (batch, last_seq, stamp_ms) = (state.batch, state.head_seq, state.stamps.next(0));
    let work = Work { batch, last_seq, stamp_ms, records, place, since };
    state.batch += 1;
    let bytes = (work.records.len() + batch::COMMIT_BYTES) as u64;
    state.window.advance(bytes, wall_ms);
    let (first_seq, stamp_ms) = (record::u64_at(&work.records, 16), work.stamp_ms);
    let segment = state.segments.back_mut().expect("an open journal has a segment to write to");
    segment.note(Mark { seq: first_seq, stamp_ms, offset: segment.end });
    segment.end += bytes;
    state.tallies.batches += 1;
    Some(work)
}

impl State {
    /// Where the open batch goes: behind the last one, or into the next segment together with a checkpoint.
    fn place(&mut self, shared: &Shared) -> Place {
        let active = self.segments.back().expect("an open journal has a segment to write to");
        let bytes = (self.pending.len() + batch::COMMIT_BYTES) as u64;
        if bytes <= active.left() {
            let file = active.file.clone().expect("the last segment is open");
            return Place::Here { file, offset: active.end, salt: active.salt };
        }
        let first_seq = first_seq_of(&self.pending);
        self.restate();
        let (file, bytes, from_spare) = match std::mem::replace(&mut self.supply, Supply::Taken) {
            Supply::Ready { file, bytes } => (file, bytes, false),
            Supply::Spare { file, bytes, .. } => (file, bytes, true),
            Supply::Wanted | Supply::Taken | Supply::Failed(_) => {
                unreachable!("records are admitted only where there is room for them")
            }
        };
        let header = Header {
            salt: shared.disk.salt(),
            number: active_number(&self.segments) + 1,
            first_seq,
            first_batch: self.batch,
            bytes,
            stamp_ms: self.stamps.next(0),
            journal: shared.journal,
        };
        self.has_spare &= !from_spare;
        self.segments.back_mut().expect("checked above").file = None;
        self.segments.push_back(Segment::new(&header, Some(file.clone())));
        self.tallies.segments_made += 1;
        Place::Next { file, header, from_spare }
    }
}

fn first_seq_of(records: &[u8]) -> u64 {
    record::u64_at(records, 16)
}

fn active_number(segments: &std::collections::VecDeque<Segment>) -> u64 {
    segments.back().map_or(0, |segment| segment.number)
}

fn commit(shared: &Shared, mut work: Work) -> io::Result<()> {
    let (file, offset, salt) = match work.place {
        Place::Here { file, offset, salt } => (file, offset, salt),
        Place::Next { file, header, from_spare } => {
            begin_segment(shared, &*file, &header, if from_spare { SPARE } else { NEXT })?;
            shared.want_another();
            (file, SEGMENT_HEADER_BYTES, header.salt)
        }
    };
    batch::finish(&mut work.records, work.batch, work.last_seq, work.stamp_ms, salt);
    file.write_at(&work.records, offset)?;
    shared.written.raise(work.last_seq);
    let written = Instant::now();
    if planted::acknowledges_before_the_sync() {
        shared.synced.raise(work.last_seq);
    }
    file.sync()?;
    shared.synced.raise(work.last_seq);
    let synced = Instant::now();
    shared.count(work.records.len(), [written - work.since, synced - work.since, synced - written]);
    shared.recycle_buffer(work.records);
    Ok(())
}

/// The header is durable before the file gets its number, and the number before any record.
pub(crate) fn begin_segment(
    shared: &Shared,
    file: &dyn DiskFile,
    header: &Header,
    name: &str,
) -> io::Result<()> {
    file.write_at(&header.encode(), 0)?;
    file.sync()?;
    shared.disk.rename(name, &segment::file_name(header.number))?;
    shared.disk.sync_names()
}

impl Shared {
    /// The file that was taken has its number; its old name is free. One that was created meanwhile stays.
    fn want_another(&self) {
        let mut state = self.lock();
        if matches!(state.supply, Supply::Taken) {
            state.supply = Supply::Wanted;
        }
        drop(state);
        self.bell.ring_caretaker();
    }

    /// One batch is synced: so many bytes, and how long until it was written, until it was synced, and for the sync alone.
    fn count(&self, bytes: usize, [until_written, until_synced, sync]: [Duration; 3]) {
        let tallies = &mut self.lock().tallies;
        tallies.synced_bytes += bytes as u64;
        tallies.until_written.add(until_written);
        tallies.until_synced.add(until_synced);
        tallies.sync.add(sync);
    }

    /// Gives the buffer back to the open batch if that has not started another one.
    fn recycle_buffer(&self, mut records: Vec<u8>) {
        let mut state = self.lock();
        if state.pending.capacity() == 0 {
            records.clear();
            state.pending = records;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caretaker::tend;
    use crate::clock::SystemClock;
    use crate::cursor::ReadLimit;
    use crate::disk::SimDisk;
    use crate::journal::{Entry, Level};
    use crate::options::Options;
    use crate::watermark::Waiting;
    use std::task::{Context, Waker};
    use tidegate_kernel_id::Id;

    fn open(disk: &SimDisk) -> Journal {
        let options = Options { segment_bytes: [4096; 3], ..Options::books() };
        Journal::open(Arc::new(disk.clone()), Arc::new(SystemClock), options, Arc::default()).unwrap()
    }

    fn append(journal: &Journal, payload: u8) {
        journal.append(entry(&[payload; 600])).unwrap();
    }

    fn entry(payload: &[u8]) -> Entry<'_> {
        Entry { stream: 1, kind: 1, id: Id::v7(1), payload, ..Entry::default() }
    }

    #[test]
    fn what_nobody_waits_for_wakes_a_committer_that_sleeps_and_leaves_one_that_dozes() {
        let journal = open(&SimDisk::default());
        let bell = &journal.shared.bell;
        let wakes = |dozes, patient| {
            bell.asleep.store(true, Ordering::SeqCst);
            bell.dozes.store(dozes, Ordering::SeqCst);
            let ticket = journal.append(Entry { patient, ..entry(&[0; 8]) }).unwrap();
            (!bell.asleep.load(Ordering::SeqCst), ticket)
        };
        assert!(wakes(false, true).0 && wakes(false, false).0 && wakes(true, false).0);
        let (woken, ticket) = wakes(true, true);
        assert!(!woken && !ticket.has_reached(Level::Os) && bell.asleep.load(Ordering::SeqCst));
        // Whoever waits after all does wake it.
        let mut context = Context::from_waker(Waker::noop());
        assert!(ticket.poll_reached(Level::Os, &mut Waiting::default(), &mut context).is_pending());
        assert!(!bell.asleep.swap(true, Ordering::SeqCst));
        // There is nothing to wake it for where the record is safe.
        turn(&journal.shared);
        assert!(ticket.poll_reached(Level::Disk, &mut Waiting::default(), &mut context).is_ready());
        assert!(bell.asleep.load(Ordering::SeqCst));
    }

    #[test]
    fn much_to_write_does_not_lie_in_memory_although_nobody_waits() {
        let options = Options { segment_bytes: [1 << 20; 3], ..Options::books() };
        let disk = Arc::new(SimDisk::default());
        let journal = Journal::open(disk, Arc::new(SystemClock), options, Arc::default()).unwrap();
        let bell = &journal.shared.bell;
        bell.asleep.store(true, Ordering::SeqCst);
        bell.dozes.store(true, Ordering::SeqCst);
        let mut bytes = 0;
        while bell.asleep.load(Ordering::SeqCst) {
            journal.append(Entry { patient: true, ..entry(&[0; 1024]) }).unwrap();
            bytes += 1024;
        }
        assert!((GATHERED_BYTES_MAX - 8192..=GATHERED_BYTES_MAX).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_segment_is_not_made_again_while_the_committer_gives_it_its_number() {
        let disk = SimDisk::default();
        let journal = open(&disk);
        for payload in 0..20 {
            while tend(&journal.shared) {}
            append(&journal, payload);
            let work = take(&journal.shared).unwrap();
            // The caretaker looks in between, as it does ten times a second and whenever it is rung for.
            tend(&journal.shared);
            commit(&journal.shared, work).unwrap();
        }
        assert!(journal.status().segments > 2);
        drop(journal);
        let limit = ReadLimit { records: 100, bytes: 1 << 20 };
        let (records, _) = open(&disk).read(1, 0, limit).unwrap();
        let payloads: Vec<u8> = records.iter().map(|record| record.payload[0]).collect();
        assert_eq!(payloads, (0..20).collect::<Vec<u8>>());
    }
}
