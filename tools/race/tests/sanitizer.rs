//! Two threads count in one word: with an atomic, and, where faults are planted, without. What ThreadSanitizer has to find there it would find
//! in the suites of the product, which it also runs.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const STEPS: u64 = 1000;

struct Word {
    atomic: AtomicU64,
    plain: UnsafeCell<u64>,
}

// Said of a word that is not so: the planted race.
unsafe impl Sync for Word {}

impl Word {
    fn add(&self) {
        if cfg!(feature = "planted") {
            unsafe { *self.plain.get() += 1 }
        } else {
            self.atomic.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn two_threads_count_in_one_word() {
    let word = Word { atomic: AtomicU64::new(0), plain: UnsafeCell::new(0) };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..STEPS).for_each(|_| word.add()));
        }
    });
    assert!(word.atomic.load(Ordering::SeqCst) + word.plain.into_inner() > 0);
}
