//! Takes spans to the collector: one request at a time, again after a wait where there was trouble, and none while the breaker is open.
//!
//! Runs on the exporter's thread. Takes the monotonic clock, and randomness for the waits.

use super::message::{self, Resource, Taken};
use super::queue::Queue;
use bytes::Bytes;
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tidegate_kernel_flow::{Backoff, Breaker, BreakerLimits};
use tidegate_kernel_id::jitter;
use tidegate_kernel_outbound::{Answer, Client, Request};
use tidegate_kernel_plug::with_causes;
use tidegate_kernel_trace::Ended;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tracing::Dispatch;

const UNREACHABLE: &str = "TG-TR-001";
const REFUSED: &str = "TG-TR-002";
/// How long the first span of a request waits for others.
const BATCH_AGE: Duration = Duration::from_secs(1);
const RETRY_BASE: Duration = Duration::from_millis(500);
const RETRY_CAP: Duration = Duration::from_secs(30);
const BREAKER: BreakerLimits = BreakerLimits { failures_max: 3, open: Duration::from_secs(15) };

pub(super) struct Courier {
    queue: Arc<Queue>,
    client: Client,
    authorization: Option<String>,
    resource: Resource,
    /// When to have ended; nothing until it is told.
    order: watch::Receiver<Option<Instant>>,
    /// Where it says what went wrong: this thread itself has no log, so that nothing it does is traced.
    log: Dispatch,
    breaker: Breaker,
    backoff: Backoff,
    began: Instant,
}

/// How an attempt ended that the collector did not take.
enum Setback {
    /// The same again, later.
    Trouble(String),
    /// Never.
    Refused(String),
}

impl Courier {
    pub(super) fn new(
        queue: Arc<Queue>,
        (client, authorization): (Client, Option<String>),
        resource: Resource,
        order: watch::Receiver<Option<Instant>>,
        log: Dispatch,
    ) -> Courier {
        Courier {
            queue,
            client,
            authorization,
            resource,
            order,
            log,
            breaker: Breaker::new(BREAKER),
            backoff: Backoff::new(RETRY_BASE, RETRY_CAP),
            began: Instant::now(),
        }
    }

    /// Until it is told to end, and then as long as it may to send what is there.
    pub(super) async fn run(mut self) {
        while self.order.borrow().is_none() {
            self.gather().await;
            let batch = self.queue.take();
            if !batch.is_empty() {
                self.carry(batch).await;
            }
        }
        self.empty().await;
    }

    /// Waits for a span, and then for others that go with it.
    async fn gather(&mut self) {
        let told = |order: &Option<Instant>| order.is_some();
        if self.queue.len() == 0 {
            tokio::select! {
                () = self.queue.some.notified() => {}
                _ = self.order.wait_for(told) => return,
            }
        }
        tokio::select! {
            () = sleep(BATCH_AGE) => {}
            () = self.queue.many.notified() => {}
            _ = self.order.wait_for(told) => {}
        }
    }

    /// One request, over as many attempts as it takes; told to end meanwhile, it is tried once more at most.
    async fn carry(&mut self, batch: Vec<Ended>) {
        let body = Bytes::from(message::encode(&self.resource, &batch));
        loop {
            let is_last = self.order.borrow().is_some();
            let now = self.began.elapsed();
            let outcome = match self.breaker.admits(now) {
                true => self.attempt(body.clone()).await,
                false => None,
            };
            match outcome {
                Some(Ok(rejected)) => return self.worked(batch.len() as u64, rejected),
                Some(Err(Setback::Refused(why))) => return self.refused(batch.len() as u64, &why),
                Some(Err(Setback::Trouble(why))) => self.failed(&why),
                None => {}
            }
            if is_last {
                self.queue.counts.dropped.fetch_add(batch.len() as u64, Relaxed);
                return;
            }
            let now = self.began.elapsed();
            let wait = self.backoff.next_wait(jitter()).max(self.breaker.remaining(now));
            tokio::select! {
                () = sleep(wait) => {}
                _ = self.order.wait_for(Option::is_some) => {}
            }
        }
    }

    /// Nothing where it had to end before there was an answer.
    async fn attempt(&self, body: Bytes) -> Option<Result<u64, Setback>> {
        let mut order = self.order.clone();
        let ordered = async {
            let until = order.wait_for(Option::is_some).await.ok().and_then(|until| *until);
            if let Some(until) = until {
                sleep_until(until.into()).await;
            }
        };
        tokio::select! {
            outcome = self.send(body) => Some(outcome),
            () = ordered => None,
        }
    }

    async fn send(&self, body: Bytes) -> Result<u64, Setback> {
        let mut request = Request::post("", body).with("content-type", "application/x-protobuf");
        if let Some(authorization) = &self.authorization {
            request = request.with("authorization", authorization);
        }
        let endpoint = self.client.endpoint();
        match self.client.send(request).await {
            Ok(answer) if answer.is_success() => Ok(rejected(&answer)),
            Ok(answer) => {
                let why =
                    format!("the collector at {endpoint} answered {}: {}", answer.status, answer.excerpt());
                Err(match answer.status {
                    400 | 413 | 415 | 422 => Setback::Refused(why),
                    _ => Setback::Trouble(why),
                })
            }
            Err(error) => {
                let why =
                    format!("could not send spans to the collector at {endpoint}: {}", with_causes(&error));
                Err(Setback::Trouble(why))
            }
        }
    }

    fn worked(&mut self, spans: u64, rejected: u64) {
        let rejected = rejected.min(spans);
        self.queue.counts.exported.fetch_add(spans - rejected, Relaxed);
        if self.backoff.failures() > 0 {
            self.say(|| tracing::info!("the collector takes spans again"));
        }
        self.settled();
        if rejected > 0 {
            self.refused(rejected, "the collector took a part of a request and refused the rest");
        }
    }

    /// It answered, so it is there.
    fn refused(&mut self, spans: u64, why: &str) {
        self.queue.counts.refused.fetch_add(spans, Relaxed);
        self.say(|| tracing::warn!(code = REFUSED, spans, "{why}"));
        self.settled();
    }

    fn settled(&mut self) {
        self.backoff.reset();
        self.breaker.worked();
        self.show_breaker();
    }

    /// Said once for as long as it lasts.
    fn failed(&mut self, why: &str) {
        self.queue.counts.failures.fetch_add(1, Relaxed);
        if self.backoff.failures() == 0 {
            self.say(|| {
                tracing::warn!(code = UNREACHABLE, "{why}; spans wait, and are dropped when too many do")
            });
        }
        self.breaker.failed(self.began.elapsed());
        self.show_breaker();
    }

    fn show_breaker(&self) {
        let level = self.breaker.state(self.began.elapsed()).level();
        self.queue.counts.breaker.store(level.into(), Relaxed);
    }

    /// Sends what is there, as long as that works and there is time.
    async fn empty(&mut self) {
        while self.backoff.failures() == 0 {
            match self.queue.take() {
                batch if batch.is_empty() => break,
                batch => self.carry(batch).await,
            }
        }
        let left = self.queue.give_up();
        if left > 0 {
            self.say(|| tracing::info!(spans = left, "spans were not sent before the end"));
        }
    }

    fn say(&self, words: impl FnOnce()) {
        tracing::dispatcher::with_default(&self.log, words);
    }
}

/// How many it did not take, where it says so.
fn rejected(answer: &Answer) -> u64 {
    let taken = Taken::decode(answer.body.clone()).unwrap_or_default();
    taken.partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}
