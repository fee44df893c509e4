//! The ids accepted lately, so that a repeated one gets its first answer and is not applied again.
//!
//! Holds so many ids, so much time, so many bytes of journal, whichever ends first. What fell out is remembered by one number:
//! an id made before the newest that fell out is refused as too old, for nobody can say whether it was applied. Pure.

use std::collections::{HashMap, VecDeque};
use tidegate_kernel_id::Id;

/// An id made later than this ahead of the journal's time is refused: it would keep the window from ever closing behind it.
pub const AHEAD_MS_MAX: u64 = 5 * 60 * 1000;

/// The bounds of a window.
#[derive(Debug, Clone, Copy)]
pub struct WindowLimit {
    pub ids: usize,
    pub age_ms: u64,
    /// Bytes of records between the oldest id and the head, which recovery has to read.
    pub bytes: u64,
}

/// What the window says of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// Accepted before, under this number.
    Known(u64),
    TooOld,
    Ahead,
}

#[derive(Debug)]
pub(crate) struct Window {
    limit: WindowLimit,
    known: HashMap<Id, u64>,
    order: VecDeque<Remembered>,
    /// Ids made at or before this millisecond are too old, unless known.
    floor_ms: u64,
    /// Bytes appended to the journal so far, as far as this process knows.
    written_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    id: Id,
    seq: u64,
    stamp_ms: u64,
    written_bytes: u64,
}

impl Window {
    pub(crate) fn new(limit: WindowLimit, floor_ms: u64) -> Window {
        Window { limit, known: HashMap::new(), order: VecDeque::new(), floor_ms, written_bytes: 0 }
    }

    pub(crate) fn judge(&self, id: Id, now_ms: u64) -> Verdict {
        match self.known.get(&id) {
            Some(seq) => Verdict::Known(*seq),
            None if id.unix_ms() <= self.floor_ms => Verdict::TooOld,
            None if id.unix_ms() > now_ms + AHEAD_MS_MAX => Verdict::Ahead,
            None => Verdict::New,
        }
    }

    pub(crate) fn remember(&mut self, id: Id, seq: u64, stamp_ms: u64) {
        self.known.insert(id, seq);
        self.order.push_back(Remembered { id, seq, stamp_ms, written_bytes: self.written_bytes });
    }

    /// Lets go of what is beyond the limits, after `bytes` more were appended.
    pub(crate) fn advance(&mut self, bytes: u64, now_ms: u64) {
        self.written_bytes += bytes;
        while let Some(oldest) = self.order.front() {
            let within = self.order.len() <= self.limit.ids
                && now_ms.saturating_sub(oldest.stamp_ms) <= self.limit.age_ms
                && self.written_bytes - oldest.written_bytes <= self.limit.bytes;
            if within {
                return;
            }
            self.forget_oldest();
        }
    }

    /// Lets go of every id up to this number: its segment is gone.
    pub(crate) fn forget_through(&mut self, seq: u64) {
        while self.order.front().is_some_and(|oldest| oldest.seq <= seq) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.known.remove(&oldest.id);
            self.floor_ms = self.floor_ms.max(oldest.id.unix_ms());
        }
    }

    pub(crate) fn find(&self, id: Id) -> Option<u64> {
        self.known.get(&id).copied()
    }

    /// From which number recovery has to read to know the ids again.
    pub(crate) fn oldest_seq(&self) -> Option<u64> {
        self.order.front().map(|oldest| oldest.seq)
    }

    pub(crate) fn floor_ms(&self) -> u64 {
        self.floor_ms
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn age_ms(&self, now_ms: u64) -> u64 {
        self.order.front().map_or(0, |oldest| now_ms.saturating_sub(oldest.stamp_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(ids: usize) -> Window {
        Window::new(WindowLimit { ids, age_ms: 1000, bytes: 10_000 }, 0)
    }

    #[test]
    fn a_repeated_id_gets_its_number_and_one_that_fell_out_is_too_old() {
        let mut window = window(1);
        let (first, second) = (Id::v7(100), Id::v7(200));
        window.remember(first, 1, 100);
        assert_eq!(window.judge(first, 100), Verdict::Known(1));
        window.remember(second, 2, 200);
        window.advance(64, 200);
        assert_eq!(window.judge(first, 200), Verdict::TooOld);
        assert_eq!(window.judge(Id::v7(99), 200), Verdict::TooOld);
        assert_eq!(window.judge(Id::v7(201), 200), Verdict::New);
    }

    #[test]
    fn age_and_bytes_close_the_window_as_well() {
        let mut old = window(9);
        old.remember(Id::v7(100), 1, 100);
        old.advance(64, 1101);
        assert_eq!(old.len(), 0);
        let mut far = window(9);
        far.remember(Id::v7(100), 1, 100);
        far.advance(10_001, 100);
        assert_eq!((far.len(), far.floor_ms()), (0, 100));
    }

    #[test]
    fn an_id_from_the_future_is_refused() {
        assert_eq!(window(9).judge(Id::v7(AHEAD_MS_MAX + 8), 7), Verdict::Ahead);
    }
}
