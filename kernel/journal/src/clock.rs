//! The stamp of a record: wall time that never runs backwards, and notices when it is set far forward.
//!
//! The only place of this crate that reads clocks.

use rustix::time::{ClockId, clock_gettime};
use std::fmt::Debug;

/// A jump forward by more than this freezes whatever expires by stamp.
pub const JUMP_MS_MAX: u64 = 5 * 60 * 1000;

/// Where time comes from.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since 1970, as the machine believes; anybody may set it.
    fn wall_ms(&self) -> u64;
    /// Milliseconds since some start, counting suspend; nobody can set it.
    fn boot_ms(&self) -> u64;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall_ms(&self) -> u64 {
        milliseconds(ClockId::Realtime)
    }

    fn boot_ms(&self) -> u64 {
        milliseconds(ClockId::Boottime)
    }
}

fn milliseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Makes stamps out of wall time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamps {
    last_ms: u64,
    /// Wall and boot time when they were last compared.
    compared: Option<(u64, u64)>,
    jump_ms: Option<u64>,
}

impl Stamps {
    pub(crate) fn after(last_ms: u64) -> Stamps {
        Stamps { last_ms, ..Stamps::default() }
    }

    pub(crate) fn next(&mut self, wall_ms: u64) -> u64 {
        self.last_ms = self.last_ms.max(wall_ms);
        self.last_ms
    }

    /// Compares how far both clocks went since the last time; called once a batch.
    pub(crate) fn compare(&mut self, wall_ms: u64, boot_ms: u64) {
        if let Some((wall_before, boot_before)) = self.compared {
            let (wall, boot) = (wall_ms.saturating_sub(wall_before), boot_ms.saturating_sub(boot_before));
            let ahead = wall.saturating_sub(boot);
            if ahead > JUMP_MS_MAX {
                self.jump_ms = Some(ahead);
            }
        }
        self.compared = Some((wall_ms, boot_ms));
    }

    /// By how much the clock jumped, until someone accepts it.
    pub(crate) fn jump_ms(&self) -> Option<u64> {
        self.jump_ms
    }

    pub(crate) fn accept_jump(&mut self) {
        self.jump_ms = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_never_runs_backwards() {
        let mut stamps = Stamps::after(100);
        assert_eq!([stamps.next(50), stamps.next(120), stamps.next(110)], [100, 120, 120]);
    }

    #[test]
    fn a_clock_set_six_minutes_forward_is_noticed_until_accepted_and_a_suspend_is_not() {
        let mut stamps = Stamps::default();
        stamps.compare(1_000, 1_000);
        stamps.compare(1_000 + 86_400_000, 1_000 + 86_400_000);
        assert_eq!(stamps.jump_ms(), None);
        stamps.compare(1_000 + 86_400_000 + 360_000, 1_000 + 86_400_000);
        assert_eq!(stamps.jump_ms(), Some(360_000));
        stamps.accept_jump();
        assert_eq!(stamps.jump_ms(), None);
    }
}
