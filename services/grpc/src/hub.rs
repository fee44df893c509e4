//! What all calls share.

use crate::config::Config;
use crate::counters::{Counters, Snapshot};
use crate::door::Handshake;
use crate::intake::Intake;
use crate::pace::Uses;
use crate::positions::Positions;
use std::fmt;
use std::sync::Arc;
use tidegate_kernel_plug::Authenticate;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) struct Hub {
    pub(crate) config: Config,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) doorkeeper: Arc<dyn Authenticate>,
    pub(crate) handshake: Option<Arc<dyn Handshake>>,
    pub(crate) positions: Positions,
    pub(crate) uses: Arc<Uses>,
    pub(crate) counters: Counters,
    /// Open calls and connections; each holds a guard.
    pub(crate) calls: Gauge,
    pub(crate) connections: Gauge,
    /// When calls must have ended; nothing until the drain begins.
    pub(crate) order: watch::Sender<Option<Instant>>,
}

impl Hub {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            connections_open: self.connections.now() as u64,
            calls_open: self.calls.now() as u64,
            streams: self.positions.streams(),
            streams_forgotten: self.positions.forgotten(),
            ..self.counters.snapshot()
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.order.borrow().is_some()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("config", &self.config).finish_non_exhaustive()
    }
}

/// How many there are of something, and a way to wait for the last one to go.
#[derive(Debug, Clone)]
pub(crate) struct Gauge(Arc<watch::Sender<usize>>);

/// One of them; counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Gauge);

impl Gauge {
    pub(crate) fn new() -> Gauge {
        Gauge(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn now(&self) -> usize {
        *self.0.borrow()
    }

    /// One more, unless there are `max` already.
    pub(crate) fn enter(&self, max: usize) -> Option<Seat> {
        let entered = self.0.send_if_modified(|count| {
            let fits = *count < max;
            *count += usize::from(fits);
            fits
        });
        entered.then(|| Seat(self.clone()))
    }

    pub(crate) async fn emptied(&self) {
        let mut count = self.0.subscribe();
        // The sender lives as long as this borrow.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
