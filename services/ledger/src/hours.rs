//! The time of a book: the wall clock, until it is in doubt.
//!
//! A wall clock that gains more than five minutes on the clock that nobody can set has been set; then nothing may end by time, and the
//! book's time stands still until somebody says that the clock is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate_kernel_journal::{Clock, JUMP_MS_MAX};

#[derive(Debug)]
pub(crate) struct Hours {
    clock: Arc<dyn Clock>,
    /// The most the wall clock ever was ahead of the other one; a clock that was set back and comes back is no news.
    ahead_ms: i64,
    stands: Arc<AtomicBool>,
    last_ms: u64,
}

impl Hours {
    pub(crate) fn new(clock: Arc<dyn Clock>, stands: Arc<AtomicBool>, last_ms: u64) -> Hours {
        let ahead_ms = ahead(&*clock).1;
        Hours { clock, ahead_ms, stands, last_ms }
    }

    pub(crate) fn now_ms(&mut self) -> u64 {
        let (wall_ms, ahead_ms) = ahead(&*self.clock);
        let gained_ms = ahead_ms.saturating_sub(self.ahead_ms);
        if gained_ms > JUMP_MS_MAX as i64 {
            tracing::error!(
                gained_ms,
                "the wall clock was set ahead: the time of a book stands still until it is accepted"
            );
            self.stands.store(true, Ordering::SeqCst);
        }
        self.ahead_ms = self.ahead_ms.max(ahead_ms);
        if !self.stands.load(Ordering::SeqCst) {
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
        let (hands, stands) = (Arc::new(Hands::default()), Arc::new(AtomicBool::new(false)));
        let mut hours = Hours::new(hands.clone(), stands.clone(), 0);
        hands.pass(1000, 1000);
        assert_eq!(hours.now_ms(), 1000);
        hands.pass(86_400_000, 86_400_000);
        assert_eq!(hours.now_ms(), 86_401_000);
        hands.pass(300_002, 1);
        assert_eq!((hours.now_ms(), stands.load(Ordering::SeqCst)), (86_401_000, true));
        stands.store(false, Ordering::SeqCst);
        assert_eq!(hours.now_ms(), 86_701_002);
    }
}
