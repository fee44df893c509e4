//! The pipeline as the node holds it: ready while it takes readings, drained when its sinks have caught up.

use crate::ingest::Ingest;
use crate::metrics;
use crate::post::Order;
use std::time::{Duration, Instant};
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

/// How long a sink that missed the deadline may take to put its batch down.
const STOP_WAIT: Duration = Duration::from_millis(500);

impl Capability for Ingest {
    fn name(&self) -> &'static str {
        "ingest"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        metrics::families(self)
    }

    fn readiness(&self) -> Readiness {
        if self.admission().closed { Readiness::Unready("draining".to_owned()) } else { Readiness::Ready }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(self.catch_up(deadline))
    }
}

impl Ingest {
    async fn catch_up(&self, deadline: Instant) -> Vec<Leftover> {
        self.close();
        // Rules first: what they derive is for the sinks.
        if let Some(rules) = self.rules.get() {
            self.end(&rules.orders, deadline).await;
        }
        let through = self.journal.status().head_seq;
        let orders: Vec<_> = self.sinks().iter().map(|outlet| outlet.orders.clone()).collect();
        for order in &orders {
            order.send_replace(Order::CatchUp { through });
        }
        for order in orders {
            wait_or_stop(&order, deadline).await;
        }
        self.close_stakes();
        self.leftovers()
    }

    /// Has a consumer look at everything that is there, and ends it.
    async fn end(&self, orders: &watch::Sender<Order>, deadline: Instant) {
        orders.send_replace(Order::CatchUp { through: self.journal.status().head_seq });
        wait_or_stop(orders, deadline).await;
    }

    fn leftovers(&self) -> Vec<Leftover> {
        let accounts = self.accounts();
        let left = |sink: &str| {
            let of_sink = accounts.sinks.iter().filter(|account| account.sink == sink);
            of_sink.map(|account| account.lag + account.in_flight).sum()
        };
        let states = accounts.sink_states.iter().map(|state| &state.sink);
        states
            .map(|sink| Leftover {
                part: format!("sink {sink}"),
                count: left(sink),
                what: "readings not delivered; they are in the journal and go out after the next start",
            })
            .filter(|leftover| leftover.count > 0)
            .collect()
    }
}

async fn wait_or_stop(orders: &watch::Sender<Order>, deadline: Instant) {
    if timeout_at(deadline.into(), orders.closed()).await.is_err() {
        orders.send_replace(Order::Stop);
        let _ = timeout(STOP_WAIT, orders.closed()).await;
    }
}
