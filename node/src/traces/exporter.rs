//! The exporter as a capability: a thread with a small runtime of its own, on which nothing is traced.
//!
//! The thread's log is `Dispatch::none()`: neither what it does nor what libraries do for it makes a span or a line, so an export
//! cannot be the reason for the next one.

use super::config::Config;
use super::courier::Courier;
use super::message::Resource;
use super::queue::Queue;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits};
use tidegate_kernel_plug::config::Secret;
use tidegate_kernel_plug::{Capability, Draining, Family, Readiness, Stage};
use tidegate_kernel_trace::Spans;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::Dispatch;

/// A collector that is slow does not hold an end up for longer.
const DRAIN_MAX: Duration = Duration::from_secs(2);
const LIMITS: HttpLimits = HttpLimits {
    connect: Duration::from_secs(3),
    head: Duration::from_secs(5),
    total: Duration::from_secs(8),
    body_bytes_max: 16 << 10,
};

/// Spans on their way to a collector.
#[derive(Debug)]
pub(crate) struct Traces {
    config: Config,
    queue: Arc<Queue>,
    order: watch::Sender<Option<Instant>>,
    /// Dropping the thread's sender is how a drain learns that it has ended.
    ended: watch::Sender<()>,
}

impl Traces {
    /// From now on spans wait here.
    pub(crate) fn of(config: &Config, spans: &Spans) -> Arc<Traces> {
        let queue = Arc::new(Queue::new(config));
        spans.hand_to(queue.clone());
        let (order, ended) = (watch::Sender::new(None), watch::Sender::new(()));
        Arc::new(Traces { config: config.clone(), queue, order, ended })
    }

    /// From now on they are fetched. `instance` tells this node from others.
    pub(crate) fn start(&self, dialer: Dialer, instance: &str) -> io::Result<()> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let client = Client::new(dialer, self.config.endpoint.clone(), LIMITS);
        let authorization = self.config.authorization.as_ref().map(Secret::reveal).map(str::to_owned);
        let log = tracing::dispatcher::get_default(Clone::clone);
        let resource = Resource::new(instance, &host);
        let courier =
            Courier::new(self.queue.clone(), (client, authorization), resource, self.order.subscribe(), log);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let alive = self.ended.subscribe();
        let run = move || {
            untraced(|| runtime.block_on(courier.run()));
            drop(alive);
        };
        std::thread::Builder::new().name("traces".to_owned()).spawn(run).map(drop)
    }
}

/// What this thread does meanwhile makes no span and no line.
fn untraced<T>(work: impl FnOnce() -> T) -> T {
    let _untraced = tracing::dispatcher::set_default(&Dispatch::none());
    work()
}

impl Capability for Traces {
    fn name(&self) -> &'static str {
        "traces"
    }

    fn stage(&self) -> Stage {
        Stage::Storage
    }

    fn metrics(&self) -> Vec<Family> {
        self.queue.metrics()
    }

    /// A node without its collector does all that it is there for.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            self.order.send_replace(Some(deadline.min(Instant::now() + DRAIN_MAX)));
            self.ended.closed().await;
            // Spans are no readings: what is not sent of them is counted and said, and no reason for another exit status.
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tracing::span::{Attributes, Id};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    /// How many spans and lines there were.
    #[derive(Clone, Default)]
    struct Tally(Arc<AtomicU64>);

    impl<S: Subscriber> Layer<S> for Tally {
        fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }

        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_done_for_an_export_makes_no_span_and_no_line() {
        let tally = Tally::default();
        let seen = || tally.0.load(Ordering::SeqCst);
        let work = || {
            let _request = tracing::info_span!("a request").entered();
            tracing::error!("a line");
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(tally.clone()), || {
            work();
            assert_eq!(seen(), 2);
            untraced(work);
            assert_eq!(seen(), 2);
            work();
            assert_eq!(seen(), 4);
        });
    }
}
