//! Spans that wait for the collector. Whoever ends one never waits: where there is no room it is dropped and counted.
//!
//! `ended = exported + refused + dropped + waiting`. Takes the monotonic clock for the rate; two locks, each held for a look.

use super::config::Config;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tidegate_kernel_flow::{Bucket, Rate};
use tidegate_kernel_plug::Family;
use tidegate_kernel_trace::{Ended, Keeper};
use tokio::sync::Notify;

/// Spans in one request.
pub(super) const BATCH_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Queue {
    spans: Mutex<VecDeque<Ended>>,
    spans_max: usize,
    rate: Rate,
    bucket: Mutex<Bucket>,
    made_at: Instant,
    /// There is a span, and there are enough for a request.
    pub(super) some: Notify,
    pub(super) many: Notify,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) ended: AtomicU64,
    pub(super) exported: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// Of traces, not of spans.
    unsampled: AtomicU64,
    pub(super) failures: AtomicU64,
    /// As [`tidegate_kernel_flow::BreakerState::level`] has it.
    pub(super) breaker: AtomicU64,
}

impl Queue {
    pub(super) fn new(config: &Config) -> Queue {
        Queue {
            spans: Mutex::default(),
            spans_max: config.spans_max,
            rate: config.rate,
            bucket: Mutex::default(),
            made_at: Instant::now(),
            some: Notify::new(),
            many: Notify::new(),
            counts: Counts::default(),
        }
    }

    /// The oldest, as many as go into one request.
    pub(super) fn take(&self) -> Vec<Ended> {
        let mut spans = self.spans();
        let many = spans.len().min(BATCH_MAX);
        spans.drain(..many).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.spans().len()
    }

    /// Nobody will fetch what is here still; how many there were.
    pub(super) fn give_up(&self) -> u64 {
        let many = std::mem::take(&mut *self.spans()).len() as u64;
        self.counts.dropped.fetch_add(many, Relaxed);
        many
    }

    fn spans(&self) -> MutexGuard<'_, VecDeque<Ended>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn metrics(&self) -> Vec<Family> {
        let Counts { ended, exported, refused, dropped, unsampled, failures, breaker } = &self.counts;
        let help = "Spans that were to be sent, by what became of them: taken, refused for good, or dropped for want of room.";
        let mut outcomes = Family::counter("tidegate_traces_spans_total", help);
        for (outcome, count) in [("exported", exported), ("refused", refused), ("dropped", dropped)] {
            outcomes.push(&[("outcome", outcome)], count.load(Relaxed));
        }
        let one = |name, help, count: &AtomicU64| Family::counter(name, help).with(&[], count.load(Relaxed));
        let help = "Spans that wait for the collector, but for those it is being sent.";
        vec![
            outcomes,
            one("tidegate_traces_ended_spans_total", "Spans that were to be sent.", ended),
            one(
                "tidegate_traces_unsampled_total",
                "Traces over traces_per_s, of which only failures are sent.",
                unsampled,
            ),
            one(
                "tidegate_traces_failed_requests_total",
                "Requests that the collector did not take.",
                failures,
            ),
            Family::gauge("tidegate_traces_waiting_spans", help).with(&[], self.len() as u64),
            Family::gauge("tidegate_traces_breaker_state", "0 closed, 1 half-open, 2 open.")
                .with(&[], breaker.load(Relaxed)),
        ]
    }
}

impl Keeper for Queue {
    fn samples(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = bucket.take(self.rate, 1, self.made_at.elapsed()).is_ok();
        self.counts.unsampled.fetch_add(u64::from(!is_kept), Relaxed);
        is_kept
    }

    fn keep(&self, span: Ended) {
        self.counts.ended.fetch_add(1, Relaxed);
        let mut spans = self.spans();
        if spans.len() >= self.spans_max {
            self.counts.dropped.fetch_add(1, Relaxed);
            return;
        }
        spans.push_back(span);
        let waiting = spans.len();
        drop(spans);
        self.some.notify_one();
        if waiting >= BATCH_MAX {
            self.many.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use std::time::Duration;
    use tidegate_kernel_trace::{Kind, TraceContext};

    fn queue(spans_max: usize) -> Queue {
        let rate = Rate::per_second(NonZeroU32::new(5).unwrap());
        let endpoint = "http://127.0.0.1:1".parse().unwrap();
        Queue::new(&Config { endpoint, authorization: None, rate, spans_max })
    }

    fn span() -> Ended {
        Ended {
            name: "x",
            kind: Kind::Internal,
            context: TraceContext::begin(true).unwrap(),
            parent: None,
            began_ns: 1,
            took: Duration::ZERO,
            request_id: None,
            attributes: Vec::new(),
            failure: None,
        }
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_every_span_is_accounted_for() {
        let queue = queue(300);
        let first = span();
        queue.keep(first.clone());
        (1..310).for_each(|_| queue.keep(span()));
        let batch = queue.take();
        assert_eq!((batch.len(), &batch[0], queue.len()), (BATCH_MAX, &first, 44));
        assert_eq!(queue.give_up(), 44);
        let [ended, dropped] = [&queue.counts.ended, &queue.counts.dropped].map(|count| count.load(Relaxed));
        assert_eq!((ended, dropped), (310, 10 + 44));
    }

    #[test]
    fn only_so_many_traces_begin_in_a_second() {
        let queue = queue(64);
        assert_eq!((0..100).filter(|_| queue.samples()).count(), 5);
        assert_eq!(queue.counts.unsampled.load(Relaxed), 95);
    }
}
