//! Readings from a broker elsewhere, at which this node is a client with a session that outlives connections on both sides.
//!
//! Connects, serves the connection until it ends, waits longer after each failure, and begins again until it is told to stop.

mod capability;
mod config;
mod counters;
mod dial;
mod error;
mod greeting;
mod outstanding;
mod session;
mod taking;

pub use capability::Links;
pub use config::{Config, Protocol, SECTION, Security};
pub use counters::Snapshot;
pub use error::{LinkError, Setback};

use counters::Counters;
use dial::Dialer;
use session::Session;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_mqtt::PacketId;
use tidegate_kernel_flow::Backoff;
use tidegate_kernel_id::jitter;
use tidegate_kernel_journal::{Level, Ticket};
use tidegate_service_ingest::{Body, Ingest, Reading};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// A connection that lasted this long was a good one: the next wait is short again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// One broker elsewhere.
#[derive(Debug)]
pub struct Link {
    config: Config,
    dialer: Dialer,
    ingest: Arc<Ingest>,
    counters: Counters,
    /// When it must have ended; nothing until it is told to.
    order: watch::Sender<Option<Instant>>,
    ended: watch::Sender<bool>,
}

/// What outlives a connection: the session at the broker goes on, so what it counts on goes on as well.
#[derive(Debug, Default)]
struct Memory {
    /// The broker had a session of ours in this process's life.
    had_session: bool,
    /// Publications of QoS 2 that were taken and not released yet, at most one for each identifier.
    received: BTreeMap<PacketId, Receipt>,
    /// What was released last under each identifier: by it a publication is known that the broker must not send any more.
    released: BTreeMap<PacketId, Fingerprint>,
}

/// A publication of QoS 2 that was taken.
#[derive(Debug, Clone)]
struct Receipt {
    /// Nothing for what was refused for good.
    taken: Option<(Ticket, Level)>,
    fingerprint: Fingerprint,
}

/// A hash of topic and payload. It counts; it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64);

impl Fingerprint {
    fn of(reading: &Reading) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        reading.topic.hash(&mut hasher);
        if let Body::Raw(payload) = &reading.body {
            payload.hash(&mut hasher);
        }
        Fingerprint(hasher.finish())
    }
}

impl Memory {
    /// The session at the broker is a new one: its identifiers mean something else.
    fn forget_session(&mut self) {
        self.received.clear();
        self.released.clear();
    }

    /// Notes that a publication was taken; whether it had been released before.
    fn receive(&mut self, id: PacketId, dup: bool, receipt: Receipt) -> bool {
        let is_repeat = dup && self.released.get(&id) == Some(&receipt.fingerprint);
        self.received.insert(id, receipt);
        is_repeat
    }

    fn release(&mut self, id: PacketId) {
        if let Some(receipt) = self.received.remove(&id) {
            self.released.insert(id, receipt.fingerprint);
        }
    }
}

impl Link {
    /// Checks the settings and reads the certificates they name. Does not connect; [`Link::run`] does.
    pub fn new(config: Config, ingest: Arc<Ingest>) -> Result<Link, LinkError> {
        config.check()?;
        let dialer = Dialer::new(&config)?;
        let (order, ended) = (watch::Sender::new(None), watch::Sender::new(false));
        Ok(Link { config, dialer, ingest, counters: Counters::default(), order, ended })
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn snapshot(&self) -> Snapshot {
        self.counters.snapshot()
    }

    /// Connects again and again until it is drained. After a panic, which is to the broker as the end of the process, it can be called anew.
    pub async fn run(&self) {
        self.counters.connected(false);
        let wait = |ms| Duration::from_millis(ms);
        let mut backoff = Backoff::new(wait(self.config.retry_base_ms), wait(self.config.retry_cap_ms));
        let (mut memory, mut order) = (Memory::default(), self.order.subscribe());
        while order.borrow().is_none() {
            let began = Instant::now();
            let setback = match self.live(&mut memory).await {
                Ok(()) => break,
                Err(setback) => setback,
            };
            self.counters.setback(&setback);
            let (code, link, broker) = (setback.code(), &self.config.name, self.config.address());
            tracing::warn!(
                code,
                link,
                broker,
                hint = setback.hint(),
                "not connected to the broker: {setback}"
            );
            if began.elapsed() >= GOOD_AFTER {
                backoff.reset();
            }
            tokio::select! {
                () = sleep(backoff.next_wait(jitter())) => {}
                () = ordered(&mut order) => {}
            }
        }
        self.ended.send_replace(true);
    }

    /// One connection from its beginning to its end; well only if it was told to end.
    async fn live(&self, memory: &mut Memory) -> Result<(), Setback> {
        let mut order = self.order.subscribe();
        let wire = tokio::select! {
            wire = self.dialer.dial(&self.config) => wire?,
            () = ordered(&mut order) => return Ok(()),
        };
        let mut session = Session::new(self, wire);
        let greeted = session.greet(memory).await;
        if greeted.is_ok() {
            self.counters.connected(true);
            tracing::info!(
                link = self.config.name,
                broker = self.config.address(),
                "connected to the broker"
            );
        }
        let outcome = match greeted {
            Ok(()) => session.serve(memory, &mut order).await,
            Err(setback) => Err(setback),
        };
        self.counters.connected(false);
        self.counters.unanswered(session.unacknowledged());
        outcome
    }

    /// Stops reading, acknowledges what was taken, says goodbye; how much was left unacknowledged at `deadline`. The broker sends
    /// that again to whoever comes with this session.
    pub async fn stop(&self, deadline: Instant) -> u64 {
        let before = self.counters.snapshot().unanswered;
        self.order.send_replace(Some(deadline));
        let mut ended = self.ended.subscribe();
        let until = deadline + Duration::from_secs(1);
        // Where it never ran, or does not end, there is nothing more to wait for.
        let _ = tokio::time::timeout_at(until, ended.wait_for(|ended| *ended)).await;
        self.counters.snapshot().unanswered - before
    }
}

async fn ordered(order: &mut watch::Receiver<Option<Instant>>) {
    // The link holds the sender.
    let _ = order.wait_for(Option::is_some).await;
}
