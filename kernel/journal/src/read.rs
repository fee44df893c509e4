//! Reading synced records back: forward along a stream, or one by its id.
//!
//! IO in the calling thread, with the lock held only to find the segment. A segment may go while it is read; then what was asked
//! for is reported as gone, not as damaged.

use crate::cursor::ReadLimit;
use crate::disk::DiskFile;
use crate::error::ReadError;
use crate::record::{HEADER_BYTES, Record};
use crate::segment::{self, Records};
use crate::state::{Mark, Segment, Shared};
use bytes::Bytes;
use std::sync::Arc;
use tidegate_kernel_id::Id;

/// Where a reader stopped, so that it need not search when it goes on, and what it had read beyond that. Bytes that were not
/// written yet when they were read are no record by their checksum, and are read again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    segment: u64,
    offset: u64,
    next_seq: u64,
    ahead: Bytes,
}

/// How far behind the time its id says a record may lie in the log and still be found without the window.
const SEARCH_MS: u64 = 2000;

/// Records of `stream` above `after`, out of one segment, and the last number looked at.
pub(crate) fn forward(
    shared: &Shared,
    stream: u16,
    after: u64,
    limit: ReadLimit,
    place: &mut Place,
) -> Result<(Vec<Record>, u64), ReadError> {
    let synced = shared.synced.value();
    let Some(part) = part_with(shared, after + 1, synced, |mark, first_seq| mark.seq <= first_seq) else {
        let gone = shared.lock().segments.front().map_or(0, |oldest| oldest.first_seq - 1);
        return Ok((Vec::new(), after.max(gone).min(synced.max(after))));
    };
    let file = open(shared, &part.segment)?;
    let resumed = place.segment == part.segment.number && place.next_seq == part.first_seq;
    let (offset, ahead) =
        if resumed { (place.offset, std::mem::take(&mut place.ahead)) } else { (part.offset, Bytes::new()) };
    let end = part.segment.records_end();
    let mut records = Records::from(&*file, part.segment.salt, offset).resumed(ahead, end);
    let (mut found, mut bytes, mut looked_at, mut stamp_ms) = (Vec::new(), 0, part.first_seq - 1, 0);
    while looked_at < part.last_seq && found.len() < limit.records && bytes < limit.bytes {
        let Some((framed, raw)) = records.next()? else {
            return Err(missing(shared, &part.segment, looked_at + 1));
        };
        if framed.head.flags.restated || framed.head.seq <= looked_at {
            continue;
        }
        (looked_at, stamp_ms) = (framed.head.seq, framed.head.stamp_ms);
        if framed.head.stream == stream {
            bytes += framed.length;
            found.push(Record { head: framed.head, payload: raw.slice(HEADER_BYTES..framed.length) });
        }
    }
    let (offset, next_seq) = (records.offset(), looked_at + 1);
    *place = Place { segment: part.segment.number, offset, next_seq, ahead: records.ahead() };
    note(shared, place, stamp_ms);
    Ok((found, looked_at))
}

/// A segment from before the process was started has no index yet; without this each read would look for its place from the
/// segment's start.
fn note(shared: &Shared, place: &Place, stamp_ms: u64) {
    let mut state = shared.lock();
    if let Some(segment) = state.segments.iter_mut().find(|segment| segment.number == place.segment) {
        segment.note(Mark { seq: place.next_seq, stamp_ms, offset: place.offset });
    }
}

/// A segment, without its index, and the numbers wanted of it.
struct Part {
    segment: Segment,
    /// Where to look for them from.
    offset: u64,
    first_seq: u64,
    last_seq: u64,
}

/// The segment with record `seq`, or the oldest one if that is newer; nothing if `seq` is not synced yet. The place to look from is
/// the last one that `is_before` the first number.
fn part_with(shared: &Shared, seq: u64, synced: u64, is_before: impl Fn(&Mark, u64) -> bool) -> Option<Part> {
    let state = shared.lock();
    let first_seq = seq.max(state.segments.front()?.first_seq);
    let at = state.segments.partition_point(|segment| segment.first_seq <= first_seq).checked_sub(1)?;
    let last_seq = state.last_seq_of(at).min(synced);
    let segment = &state.segments[at];
    let offset = segment.offset_before(|mark| is_before(mark, first_seq));
    (first_seq <= last_seq).then(|| Part { segment: segment.without_index(), offset, first_seq, last_seq })
}

fn open(shared: &Shared, segment: &Segment) -> Result<Arc<dyn DiskFile>, ReadError> {
    match &segment.file {
        Some(file) => Ok(file.clone()),
        None => {
            let opened = shared.disk.open(&segment::file_name(segment.number));
            opened.map_err(
                |error| if is_listed(shared, segment) { error.into() } else { gone(segment.first_seq) },
            )
        }
    }
}

fn missing(shared: &Shared, segment: &Segment, seq: u64) -> ReadError {
    if is_listed(shared, segment) { ReadError::Corrupt { seq } } else { gone(seq) }
}

fn gone(seq: u64) -> ReadError {
    ReadError::Gone { seq }
}

fn is_listed(shared: &Shared, segment: &Segment) -> bool {
    // With another salt it was written anew meanwhile, and what was read of it is no more.
    let is_it = |listed: &Segment| (listed.number, listed.salt) == (segment.number, segment.salt);
    shared.lock().segments.iter().any(is_it)
}

/// The record with this id.
pub(crate) fn find(shared: &Shared, id: Id) -> Result<Option<Record>, ReadError> {
    let known = shared.lock().window.find(id);
    match known {
        Some(seq) => at(shared, seq),
        None => near(shared, id),
    }
}

fn at(shared: &Shared, seq: u64) -> Result<Option<Record>, ReadError> {
    let synced = shared.synced.value();
    let Some(part) = part_with(shared, seq, synced, |mark, _| mark.seq <= seq) else { return Ok(None) };
    search(shared, &part, |record| record.head.seq == seq, |record| record.head.seq > seq)
}

/// Looks through what was appended in the two seconds from the moment the id was made.
fn near(shared: &Shared, id: Id) -> Result<Option<Record>, ReadError> {
    let (from_ms, until_ms) = (id.unix_ms(), id.unix_ms() + SEARCH_MS);
    let mut seq = first_seq_since(shared, from_ms);
    let with = |seq| part_with(shared, seq, shared.synced.value(), |mark, _| mark.stamp_ms < from_ms);
    while let Some(part) = with(seq).filter(|part| part.segment.stamp_ms <= until_ms) {
        let found =
            search(shared, &part, |record| record.head.id == id, |record| record.head.stamp_ms > until_ms)?;
        if found.is_some() {
            return Ok(found);
        }
        seq = part.last_seq + 1;
    }
    Ok(None)
}

/// The first number of the last segment begun before this moment.
fn first_seq_since(shared: &Shared, from_ms: u64) -> u64 {
    let state = shared.lock();
    let begun = state.segments.partition_point(|segment| segment.stamp_ms < from_ms);
    state.segments.get(begun.saturating_sub(1)).map_or(1, |segment| segment.first_seq)
}

/// The nearest place in the index before this moment.
pub(crate) fn seq_before(shared: &Shared, stamp_ms: u64) -> u64 {
    let first = first_seq_since(shared, stamp_ms);
    let state = shared.lock();
    let segment = state.segments.iter().rev().find(|segment| segment.first_seq <= first);
    let marks = segment.map_or(&[][..], |segment| &segment.index);
    let behind = marks.partition_point(|mark| mark.stamp_ms < stamp_ms);
    behind.checked_sub(1).map_or(first, |at| marks[at].seq).saturating_sub(1)
}

fn search(
    shared: &Shared,
    part: &Part,
    is_wanted: impl Fn(&Record) -> bool,
    is_beyond: impl Fn(&Record) -> bool,
) -> Result<Option<Record>, ReadError> {
    let file = open(shared, &part.segment)?;
    let mut records = Records::from(&*file, part.segment.salt, part.offset);
    let mut seq = 0;
    while seq < part.last_seq {
        let Some((framed, raw)) = records.next()? else {
            return Err(missing(shared, &part.segment, seq + 1));
        };
        seq = framed.head.seq;
        let record = Record { head: framed.head, payload: raw.slice(HEADER_BYTES..framed.length) };
        if framed.head.flags.restated {
            continue;
        }
        if is_wanted(&record) {
            return Ok(Some(record));
        }
        if is_beyond(&record) {
            return Ok(None);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::clock::SystemClock;
    use crate::cursor::ReadLimit;
    use crate::disk::SimDisk;
    use crate::journal::{Entry, Journal};
    use crate::options::Options;
    use std::sync::Arc;
    use tidegate_kernel_id::Id;

    fn open(disk: &SimDisk) -> Journal {
        Journal::open(Arc::new(disk.clone()), Arc::new(SystemClock), Options::books(), Arc::default())
            .unwrap()
    }

    #[test]
    fn the_place_of_a_moment_is_before_its_records_and_not_far_before() {
        let disk = SimDisk::default();
        let journal = open(&disk);
        let first = crate::clock::Clock::wall_ms(&SystemClock);
        for id in 0..40 {
            let entry =
                Entry { stream: 1, kind: 1, id: Id::v7(id), payload: &[7; 100_000], ..Entry::default() };
            journal.append(entry).unwrap();
            while crate::committer::turn(&journal.shared) > 0 || crate::caretaker::tend(&journal.shared) {}
        }
        let all = ReadLimit { records: 100, bytes: 1 << 30 };
        let (records, _) = journal.read(1, 0, all).unwrap();
        let last = records.last().unwrap().head;
        assert!(journal.seq_before(first) < records[0].head.seq);
        assert!(journal.seq_before(last.stamp_ms) < last.seq);
        assert!(journal.seq_before(u64::MAX) > records[30].head.seq);
    }

    #[test]
    fn the_second_read_of_a_segment_from_before_a_restart_goes_on_where_the_first_one_ended() {
        let (disk, payload) = (SimDisk::default(), [7; 1000]);
        let journal = open(&disk);
        for _ in 0..200 {
            journal
                .append(Entry { stream: 1, id: Id::v7(1), payload: &payload, ..Entry::default() })
                .unwrap();
        }
        crate::committer::turn(&journal.shared);
        drop(journal);
        let journal = open(&disk);
        // What was synced in one batch is in the last one, which the restart wrote again.
        let limit = ReadLimit { records: 100, bytes: 1 << 20 };
        let (first, through) = journal.read(1, 0, limit).unwrap();
        let noted = journal.shared.lock().segments.iter().any(|segment| {
            segment.offset_before(|mark| mark.seq <= through + 1) > 100 * payload.len() as u64
        });
        let (second, _) = journal.read(1, through, limit).unwrap();
        assert!(noted);
        assert_eq!((first.len(), second.len(), second[0].head.seq), (100, 100, through + 1));
    }
}
