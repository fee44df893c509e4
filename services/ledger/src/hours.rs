//! The time of a book: the wall clock, until it is in doubt.
//!
//! A wall clock that gains more than five minutes on the clock that nobody can set has been set; then nothing may end by time, and the
//! book's time stands still until somebody says that the clock is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tidegate_kernel_journal::{Clock, JUMP_MS_MAX};

/// Whether the clock of a book is in doubt, for whoever asks, and for whoever says that it is right.
#[derive(Debug)]
pub(crate) struct Doubt {
    clock: Arc<dyn Clock>,
    stands: AtomicBool,
    /// The most the wall clock ever was ahead of the other one, or was when it was accepted; a clock that was set back and comes back is
    /// no news. It outlives an applier that panics.
    ahead_ms: AtomicI64,
}

impl Doubt {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Doubt {
        let ahead_ms = AtomicI64::new(ahead(&*clock).1);
        Doubt { clock, stands: AtomicBool::new(false), ahead_ms }
    }

    pub(crate) fn stands(&self) -> bool {
        self.stands.load(Ordering::SeqCst)
    }

    /// The clock is right as it is now, also where the book has not looked at it since it was set.
    pub(crate) fn accept(&self) {
        self.ahead_ms.fetch_max(ahead(&*self.clock).1, Ordering::SeqCst);
        self.stands.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub(crate) struct Hours {
    doubt: Arc<Doubt>,
    last_ms: u64,
}

impl Hours {
    pub(crate) fn new(doubt: Arc<Doubt>, last_ms: u64) -> Hours {
        Hours { doubt, last_ms }
    }

    pub(crate) fn now_ms(&mut self) -> u64 {
        let (wall_ms, ahead_ms) = ahead(&*self.doubt.clock);
        let gained_ms = ahead_ms.saturating_sub(self.doubt.ahead_ms.fetch_max(ahead_ms, Ordering::SeqCst));
        if gained_ms > JUMP_MS_MAX as i64 {
            tracing::error!(
                gained_ms,
                "the wall clock was set ahead: the time of a book stands still until it is accepted"
            );
            self.doubt.stands.store(true, Ordering::SeqCst);
        }
        if !self.doubt.stands() {
            self.last_ms = self.last_ms.max(wall_ms);
        }
        self.last_ms
    }
}

/// The wall clock, and by how much it is ahead; a suspend between the two looks counts for nothing.
fn ahead(clock: &dyn Clock) -> (u64, i64) {
    let (wall_ms, boot_ms) = (clock.wall_ms(), clock.boot_ms());
    (wall_ms, (wall_ms as i64).saturating_sub(boot_ms as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[derive(Debug, Default)]
    struct Hands {
        wall: AtomicU64,
        boot: AtomicU64,
    }

    impl Hands {
        fn pass(&self, wall: u64, boot: u64) {
            self.wall.fetch_add(wall, Ordering::SeqCst);
            self.boot.fetch_add(boot, Ordering::SeqCst);
        }
    }

    impl Clock for Hands {
        fn wall_ms(&self) -> u64 {
            self.wall.load(Ordering::SeqCst)
        }

        fn boot_ms(&self) -> u64 {
            self.boot.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_clock_set_ahead_stands_still_until_it_is_accepted_and_a_suspend_does_not_matter() {
        let hands = Arc::new(Hands::default());
        let doubt = Arc::new(Doubt::new(hands.clone()));
        let mut hours = Hours::new(doubt.clone(), 0);
        hands.pass(1000, 1000);
        assert_eq!(hours.now_ms(), 1000);
        hands.pass(86_400_000, 86_400_000);
        assert_eq!(hours.now_ms(), 86_401_000);
        hands.pass(300_002, 1);
        assert_eq!((hours.now_ms(), doubt.stands()), (86_401_000, true));
        doubt.accept();
        assert_eq!(hours.now_ms(), 86_701_002);
    }

    #[test]
    fn a_clock_that_was_accepted_before_the_book_looked_is_not_doubted_and_the_next_jump_is() {
        let hands = Arc::new(Hands::default());
        let doubt = Arc::new(Doubt::new(hands.clone()));
        let mut hours = Hours::new(doubt.clone(), 0);
        hands.pass(700_000, 1);
        doubt.accept();
        assert_eq!((hours.now_ms(), doubt.stands()), (700_000, false));
        hands.pass(700_000, 1);
        assert_eq!((hours.now_ms(), doubt.stands()), (700_000, true));
    }

    #[test]
    fn a_jump_is_doubted_also_where_the_book_was_read_back_after_it() {
        let hands = Arc::new(Hands::default());
        let doubt = Arc::new(Doubt::new(hands.clone()));
        let last_ms = Hours::new(doubt.clone(), 0).now_ms();
        hands.pass(700_000, 1);
        assert_eq!((Hours::new(doubt.clone(), last_ms).now_ms(), doubt.stands()), (last_ms, true));
    }
}
