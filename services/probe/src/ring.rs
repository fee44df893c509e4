//! Samples on their way from a signal handler to the thread that collects them.
//!
//! Everything a handler does here is loads, stores and one compare-and-swap on memory that is there: no lock, no allocation. Any
//! thread fills slots, one thread at a time empties them. A slot that a handler has claimed and not finished yet holds the ones
//! behind it back, and a full ring drops what comes, counted.

use std::array;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Callers of one sample that are kept, the interrupted function included.
pub(crate) const FRAMES_MAX: usize = 128;
/// What fifty busy threads bring in the tenth of a second between two looks, at 100 Hz.
const SLOTS: usize = 512;

#[derive(Debug)]
pub(crate) struct Ring {
    slots: Box<[Slot]>,
    /// The next to be claimed, and the next to be emptied; both only rise.
    head: AtomicUsize,
    tail: AtomicUsize,
    dropped: AtomicU64,
}

/// One sample.
#[derive(Debug)]
pub(crate) struct Slot {
    is_ready: AtomicBool,
    thread: AtomicU32,
    count: AtomicUsize,
    frames: [AtomicUsize; FRAMES_MAX],
}

impl Ring {
    pub(crate) fn new() -> Ring {
        let slot = |_| Slot {
            is_ready: AtomicBool::new(false),
            thread: AtomicU32::new(0),
            count: AtomicUsize::new(0),
            frames: array::from_fn(|_| AtomicUsize::new(0)),
        };
        let (head, tail, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        Ring { slots: (0..SLOTS).map(slot).collect(), head, tail, dropped }
    }

    /// For whoever fills it and then calls [`Slot::finish`].
    pub(crate) fn claim(&self) -> Option<&Slot> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head.wrapping_sub(self.tail.load(Ordering::Acquire)) >= SLOTS {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            let next = head.wrapping_add(1);
            match self.head.compare_exchange_weak(head, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(&self.slots[head % SLOTS]),
                Err(seen) => head = seen,
            }
        }
    }

    /// Hands every finished sample over: the thread, and the frames from the interrupted function outward.
    pub(crate) fn drain(&self, mut take: impl FnMut(u32, Vec<usize>)) {
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            let slot = &self.slots[tail % SLOTS];
            if tail == self.head.load(Ordering::Acquire) || !slot.is_ready.load(Ordering::Acquire) {
                return;
            }
            let count = slot.count.load(Ordering::Relaxed).min(FRAMES_MAX);
            let frames = slot.frames[..count].iter().map(|frame| frame.load(Ordering::Relaxed)).collect();
            take(slot.thread.load(Ordering::Relaxed), frames);
            slot.is_ready.store(false, Ordering::Relaxed);
            self.tail.store(tail.wrapping_add(1), Ordering::Release);
        }
    }

    /// Samples that found no room since this was asked last.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Slot {
    /// What does not fit is left out.
    pub(crate) fn put(&self, at: usize, frame: usize) {
        if let Some(place) = self.frames.get(at) {
            place.store(frame, Ordering::Relaxed);
        }
    }

    pub(crate) fn finish(&self, thread: u32, count: usize) {
        self.thread.store(thread, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
        self.is_ready.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn samples_of_many_threads_come_out_whole_and_none_is_there_twice() {
        let ring = Ring::new();
        let mut seen = Vec::new();
        thread::scope(|scope| {
            let fillers: Vec<_> = (0..4)
                .map(|thread| {
                    let ring = &ring;
                    scope.spawn(move || (0..200).filter(|number| fill(ring, thread, *number)).count())
                })
                .collect();
            while fillers.iter().any(|filler| !filler.is_finished()) {
                ring.drain(|thread, frames| seen.push((thread, frames)));
            }
            let filled: usize = fillers.into_iter().map(|filler| filler.join().unwrap()).sum();
            ring.drain(|thread, frames| seen.push((thread, frames)));
            assert_eq!(seen.len(), filled);
        });
        assert!(seen.iter().all(|(thread, frames)| frames[0] == *thread as usize && frames.len() == 2));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len() as u64 + ring.take_dropped(), 800);
    }

    fn fill(ring: &Ring, thread: u32, number: usize) -> bool {
        let Some(slot) = ring.claim() else { return false };
        slot.put(0, thread as usize);
        slot.put(1, number);
        slot.finish(thread, 2);
        true
    }

    #[test]
    fn a_full_ring_drops_and_counts_and_an_unfinished_slot_holds_back_those_behind_it() {
        let ring = Ring::new();
        let first = ring.claim().unwrap();
        (1..SLOTS).for_each(|number| assert!(fill(&ring, 7, number)));
        assert!(ring.claim().is_none() && !fill(&ring, 7, 0));
        let mut seen = 0;
        ring.drain(|_, _| seen += 1);
        assert_eq!(seen, 0);
        first.finish(7, 0);
        ring.drain(|_, _| seen += 1);
        assert_eq!((seen, ring.take_dropped(), ring.take_dropped()), (SLOTS, 2, 0));
        assert!(fill(&ring, 7, 0));
    }
}
