//! When each cursor went past a record: read out of the journal's own records, each of which has a stamp.
//!
//! IO in the calling thread, as much as the log is long behind the record; the lock is held only to find segments.

use crate::control::{CONTROL, CursorState, Fact};
use crate::cursor::ReadLimit;
use crate::error::ReadError;
use crate::read::{self, Place};
use crate::state::Shared;
use std::collections::{BTreeMap, BTreeSet};

const READ: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };

/// The moment a record was settled for one cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    pub cursor: String,
    /// Nothing while the cursor is before the record.
    pub stamp_ms: Option<u64>,
}

/// One for each cursor of `stream` that had, or has, the record `seq` before it; by name.
pub(crate) fn of(shared: &Shared, stream: u16, seq: u64) -> Result<Vec<Passage>, ReadError> {
    let mut search = Search::new(shared, stream, seq);
    let (mut through, mut place) = (seq, Place::default());
    while !search.missing.is_empty() && through < shared.synced.value() {
        let (records, looked_at) = read::forward(shared, CONTROL, through, READ, &mut place)?;
        for record in records {
            if let Some(Fact::Cursor(state)) = Fact::decode(record.head.kind, &record.payload) {
                search.meet(&state, record.head.stamp_ms);
            }
        }
        through = looked_at;
    }
    Ok(search.passages())
}

struct Search {
    stream: u16,
    seq: u64,
    /// Cursors that are past the record now, and whose passage was not met yet.
    missing: BTreeSet<String>,
    found: BTreeMap<String, Option<u64>>,
}

impl Search {
    fn new(shared: &Shared, stream: u16, seq: u64) -> Search {
        let state = shared.lock();
        let mut search = Search { stream, seq, missing: BTreeSet::new(), found: BTreeMap::new() };
        for cursor in state.control.cursors.values().filter(|cursor| cursor.stream == stream) {
            if cursor.position >= seq {
                search.missing.insert(cursor.name.clone());
            } else if cursor.until.is_none_or(|until| seq <= until.seq) {
                search.found.insert(cursor.name.clone(), None);
            }
        }
        search
    }

    fn meet(&mut self, state: &CursorState, stamp_ms: u64) {
        if state.stream != self.stream || state.position < self.seq {
            return;
        }
        // One that was opened behind the record has settled nothing there and never had it before it.
        let settled = state.tally.settled().total() > 0;
        if self.missing.remove(&state.name) && settled {
            self.found.insert(state.name.clone(), Some(stamp_ms));
        }
    }

    fn passages(self) -> Vec<Passage> {
        self.found.into_iter().map(|(cursor, stamp_ms)| Passage { cursor, stamp_ms }).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::account::{Counts, Tally};
    use crate::clock::SystemClock;
    use crate::cursor::{Cursor, ReadLimit};
    use crate::disk::SimDisk;
    use crate::journal::{Entry, Journal};
    use crate::options::Options;
    use std::sync::Arc;
    use tidegate_kernel_id::Id;

    const STREAM: u16 = 16;

    fn append(journal: &Journal) -> u64 {
        let ticket = journal
            .append(Entry { stream: STREAM, id: Id::v7(1), payload: b"x", ..Entry::default() })
            .unwrap();
        crate::committer::turn(&journal.shared);
        ticket.seq()
    }

    fn settle(journal: &Journal, cursor: &mut Cursor) {
        let batch = cursor.read(ReadLimit { records: 100, bytes: 1 << 20 }).unwrap();
        let delivered = Counts { process: batch.deliveries.len() as u64, critical: 0 };
        cursor.commit(batch.through, Tally { delivered, ..Tally::default() }).unwrap();
        crate::committer::turn(&journal.shared);
    }

    #[test]
    fn each_cursor_has_its_own_moment_or_none_yet_and_one_opened_later_has_no_part_in_it() {
        let disk = SimDisk::default();
        let journal =
            Journal::open(Arc::new(disk), Arc::new(SystemClock), Options::books(), Arc::default()).unwrap();
        let mut quick = journal.cursor("quick", STREAM).unwrap();
        let _slow = journal.cursor("slow", STREAM).unwrap();
        let seq = append(&journal);
        settle(&journal, &mut quick);
        let _late = journal.cursor("late", STREAM).unwrap();
        append(&journal);
        settle(&journal, &mut quick);
        let passages = journal.passages(STREAM, seq).unwrap();
        let named: Vec<_> =
            passages.iter().map(|passage| (passage.cursor.as_str(), passage.stamp_ms.is_some())).collect();
        assert_eq!(named, [("quick", true), ("slow", false)]);
    }
}
