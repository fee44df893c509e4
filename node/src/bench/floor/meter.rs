//! When PLCs are asked, as they see it: how far from the period the time between two reads of one device is.

use crate::sim::floor::Life;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_lab::Latencies;

/// What all PLCs of a run note together.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
pub(super) struct Noted {
    /// By how much each interval differs from the period.
    pub(super) jitter: Latencies,
    /// Devices that were asked twice at least, ever.
    pub(super) devices: usize,
}

impl Meter {
    pub(super) fn clock(&self, every: Duration) -> Clock {
        Clock { meter: self.clone(), every, last: None, is_known: false }
    }

    pub(super) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noted since it was taken last.
    pub(super) fn take(&self) -> Latencies {
        std::mem::take(&mut self.noted().jitter)
    }
}

/// One PLC.
#[derive(Debug)]
pub(super) struct Clock {
    meter: Meter,
    every: Duration,
    last: Option<Instant>,
    is_known: bool,
}

impl Clock {
    fn tick(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            let mut noted = self.meter.noted();
            noted.jitter.record((now - last).abs_diff(self.every));
            noted.devices += usize::from(!self.is_known);
            self.is_known = true;
        }
    }
}

impl Life for Clock {
    /// A read of all values begins with the first one. Then the last byte of every four goes on by one, so that each value is new and
    /// none is large.
    fn refresh(&mut self, blocks: &mut [Vec<u8>], block: usize, at: usize) {
        if (block, at) == (0, 0) {
            self.tick(Instant::now());
            let bytes = blocks.iter_mut().flat_map(|block| block.iter_mut().skip(3).step_by(4));
            bytes.for_each(|byte| *byte = byte.wrapping_add(1));
        }
    }

    fn written(&mut self, _: &[Vec<u8>]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_counts_by_how_far_it_is_from_the_period_whichever_way() {
        let meter = Meter::default();
        let (mut clock, began) = (meter.clock(Duration::from_millis(200)), Instant::now());
        for at_us in [0, 200_300, 400_000] {
            clock.tick(began + Duration::from_micros(at_us));
        }
        assert_eq!(meter.noted().devices, 1);
        let jitter = meter.take();
        assert_eq!(jitter.count(), 2);
        assert!(
            (jitter.quantile_us(0.5) - 300.0).abs() < 1.0 && (jitter.quantile_us(0.99) - 300.0).abs() < 1.0
        );
        assert_eq!(meter.take().count(), 0);
    }
}
