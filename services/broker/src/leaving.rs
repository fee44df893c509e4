//! How a session ends: what is due is written, what was held is given up, the will is offered. All of it bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tidegate_codec_mqtt::Will;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::intake::Publication;
use crate::reason::CloseReason;
use crate::session::Session;

/// For the last write on a connection that ends, and then for the client to close its side.
const FAREWELL: Duration = Duration::from_millis(500);
/// For a will that the intake is too busy for.
const WILL: Duration = Duration::from_secs(5);

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn finish(&mut self, reason: CloseReason) {
        self.ended = reason;
        if !matches!(reason, CloseReason::Lost | CloseReason::SlowReader) {
            self.write_last().await;
        }
        self.give_up_held();
        self.offer_will(self.until(WILL)).await;
        if reason == CloseReason::Drained {
            // Time up or an error: either way the connection closes now.
            let _ = timeout_at(self.until(FAREWELL), self.wire.linger()).await;
        }
    }

    async fn write_last(&mut self) {
        if let Ok(written) = timeout_at(self.until(FAREWELL), self.wire.flush()).await {
            // The connection ends for the reason it has, whether or not this arrived.
            let _ = self.note_flush(written);
        }
    }

    fn until(&self, time: Duration) -> Instant {
        let until = Instant::now() + time;
        self.draining.map_or(until, |deadline| deadline.min(until))
    }
}

impl<S> Session<S> {
    fn give_up_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.hub.intake.give_up(&held.publication, self.ended.label());
        }
    }

    fn give_up_will(&mut self) {
        let Some(Will { topic, payload, qos, retain, .. }) = self.will.take() else { return };
        let publication =
            Publication { client: self.client.clone(), topic, payload, qos, dup: false, retain };
        self.hub.intake.give_up(&publication, self.ended.label());
    }
}

/// Runs also when the task panics or is dropped half-way: what was taken from the client stays in the account.
impl<S> Drop for Session<S> {
    fn drop(&mut self) {
        // A second panic on top of the intake's own would end the process instead of one connection.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.give_up_held();
            self.give_up_will();
        }));
        self.hub.counters.unanswered.add(self.outstanding.len() as u64 + self.acks_written);
    }
}
