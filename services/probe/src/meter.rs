//! How much of its processor quota the process used since the last look. Takes the CPU clock of the process and the monotonic clock.

use crate::quota::Quota;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Looks between two readings of the quota, which may be changed while a container runs.
const QUOTA_LOOKS: u32 = 10;

#[derive(Debug)]
pub(crate) struct Meter {
    quota: fn() -> Quota,
    now: Quota,
    looks: u32,
    cpu: Duration,
    at: Instant,
}

/// The time between two looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Processors used on the average, and how many there may be.
    pub(crate) used: f64,
    pub(crate) quota: Quota,
    /// Between the looks.
    pub(crate) span: Duration,
}

impl Load {
    /// 1 is all of the quota; a little more is possible, since quotas are for a whole period.
    pub(crate) fn ratio(&self) -> f64 {
        self.used / self.quota.processors
    }
}

impl Meter {
    pub(crate) fn new(quota: fn() -> Quota) -> Meter {
        Meter { quota, now: quota(), looks: 0, cpu: cpu(), at: Instant::now() }
    }

    pub(crate) fn look(&mut self) -> Load {
        self.looks += 1;
        if self.looks.is_multiple_of(QUOTA_LOOKS) {
            self.now = (self.quota)();
        }
        let (cpu, at) = (cpu(), Instant::now());
        let (spent, span) = (cpu.saturating_sub(self.cpu), at - self.at);
        (self.cpu, self.at) = (cpu, at);
        let used = if span.is_zero() { 0.0 } else { spent.as_secs_f64() / span.as_secs_f64() };
        Load { used, quota: self.now.clone(), span }
    }
}

/// Of all threads, from the start of the process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}
