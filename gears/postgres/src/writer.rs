//! The one task that writes a book's facts: what waits together is one transaction, and nothing is sent before the answer to what was sent
//! last. So it is the sequencer too: the place of a fact among the leaves is given in that transaction, without a gap.
//!
//! ```text
//!   write ── committed ──> kept
//!     │ connection lost, timeout, refusal: unknown
//!     └── away ── wait ── connect ── ask for the book's last number ── what is there is kept, the rest is written again
//!                                        └── another epoch: gone
//! ```
//!
//! Facts that wait are never given up while the process lives: they were decided, and may have been answered as *unknown*.

use crate::connect::Connector;
use crate::error::Trouble;
use crate::link::Link;
use crate::shared::Shared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_kernel_flow::Backoff;
use tidegate_kernel_id::jitter;
use tidegate_kernel_plug::with_causes;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

/// How long is waited between two tries to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Signs of life in one lease.
const BEATS: u32 = 5;

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connector: Connector,
}

impl Writer {
    /// Ends when nobody has the book any more, or it is not this node's.
    pub(crate) async fn run(self, client: Client) {
        let (mut client, mut backoff) = (Some(client), Backoff::new(WAITS.0, WAITS.1));
        while !self.shared.left.load(Ordering::SeqCst) {
            let trouble = match self.serve(client.take(), &mut backoff).await {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            let why = format!("{} ({})", with_causes(&trouble), trouble.code());
            if trouble.is_final() {
                return self.shared.gone(&why);
            }
            self.shared.away(&why);
            sleep(backoff.next_wait(jitter())).await;
        }
    }

    /// Over one connection, until there is trouble with it.
    async fn serve(&self, client: Option<Client>, backoff: &mut Backoff) -> Result<(), Trouble> {
        let client = match client {
            Some(client) => client,
            None => self.connector.connect().await?,
        };
        let link = self.within(Link::over(client)).await?;
        self.settle(&link).await?;
        backoff.reset();
        loop {
            if self.write(&link).await? {
                continue;
            }
            if self.shared.left.load(Ordering::SeqCst) {
                return Ok(());
            }
            let pause = self.shared.lease / BEATS;
            if timeout(pause, self.shared.wake.notified()).await.is_err() {
                self.beat(&link).await?;
            }
        }
    }

    /// Writes what waits; whether there was anything.
    async fn write(&self, link: &Link) -> Result<bool, Trouble> {
        let Some((step, rows)) = self.shared.next() else { return Ok(false) };
        let asked_at = Instant::now();
        match self.within(link.write(self.shared.tenure, step, &rows)).await? {
            true => {
                self.shared.kept(step.last_seq, asked_at);
            }
            // What was sent over an earlier connection may have been committed only now.
            false if self.settle(link).await? => {}
            false => return Err(Trouble::Missing { seq: step.last_seq }),
        }
        Ok(true)
    }

    /// Asks what is kept; whether that is news.
    async fn settle(&self, link: &Link) -> Result<bool, Trouble> {
        let asked_at = Instant::now();
        let kept_seq = self.within(link.kept_seq(self.shared.tenure)).await?;
        Ok(self.shared.kept(kept_seq, asked_at))
    }

    async fn beat(&self, link: &Link) -> Result<(), Trouble> {
        let asked_at = Instant::now();
        if !self.within(link.beat(self.shared.tenure)).await? {
            // Says under which epoch it is another node's.
            return self.settle(link).await.map(|_| ());
        }
        self.shared.alive(asked_at);
        Ok(())
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        let limit = self.connector.config.timeout;
        timeout(limit, work).await.unwrap_or(Err(Trouble::Slow(limit)))
    }
}
