//! What found no room in the pipeline and is offered again, in order, until newer ones push it out. Takes tokio's clock.

use crate::counters::{Fate, Shared, Tally};
use crate::error::NO_ROOM;
use crate::intake::{Declined, Intake, Sample};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Samples of one bus that wait; of more the oldest goes, counted.
pub(crate) const HELD_MAX: usize = 16;
/// Points in them all, but for the newest.
pub(crate) const POINTS_MAX: usize = 2048;
const RETRY: Duration = Duration::from_millis(5);

/// The way of one bus into the pipeline.
pub(crate) struct Held {
    intake: Arc<dyn Intake>,
    tally: Arc<Shared<Tally>>,
    queue: VecDeque<Sample>,
    retry_at: Instant,
}

impl Held {
    pub(crate) fn new(intake: Arc<dyn Intake>, tally: Arc<Shared<Tally>>) -> Held {
        Held { intake, tally, queue: VecDeque::new(), retry_at: Instant::now() }
    }

    /// Offers it, behind what waits already.
    pub(crate) fn offer(&mut self, sample: Sample) {
        self.tally.lock().waiting += 1;
        self.queue.push_back(sample);
        self.retry();
        while self.is_over() {
            self.queue.pop_front();
            self.intake.give_up(NO_ROOM);
            self.settle(Fate::GivenUp);
        }
    }

    fn is_over(&self) -> bool {
        let points = || self.queue.iter().map(|sample| sample.points.len()).sum::<usize>();
        self.queue.len() > HELD_MAX || (self.queue.len() > 1 && points() > POINTS_MAX)
    }

    pub(crate) fn retry_at(&self) -> Option<Instant> {
        (!self.queue.is_empty()).then_some(self.retry_at)
    }

    /// Offers what waits, as far as there is room.
    pub(crate) fn retry(&mut self) {
        while let Some(sample) = self.queue.front() {
            let fate = match self.intake.offer(sample) {
                Ok(()) => Fate::Taken,
                Err(Declined::Refused { .. }) => Fate::Refused,
                Err(Declined::Busy) => break,
            };
            self.queue.pop_front();
            self.settle(fate);
        }
        self.retry_at = Instant::now() + RETRY;
    }

    fn settle(&self, fate: Fate) {
        let mut tally = self.tally.lock();
        tally.waiting -= 1;
        tally.samples[fate as usize] += 1;
    }
}

impl Drop for Held {
    /// However a bus ends, what it holds is counted.
    fn drop(&mut self) {
        while self.queue.pop_front().is_some() {
            self.intake.give_up(NO_ROOM);
            self.settle(Fate::GivenUp);
        }
    }
}
