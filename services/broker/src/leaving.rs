//! How a session ends: what is due is written, what was held is given up, the will is offered. All of it bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tidegate_codec_mqtt::{Disconnect, Packet, Will};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::fact::Fact;
use crate::hub::wall_ms;
use crate::intake::Publication;
use crate::reason::CloseReason;
use crate::session::Session;
use crate::wills::{PATIENCE, PendingWill};

/// For the last write on a connection that ends, and then for the client to close its side.
const FAREWELL: Duration = Duration::from_millis(500);
impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn finish(&mut self, reason: CloseReason) {
        self.ended = reason;
        let said = self.say_goodbye(reason);
        if !matches!(reason, CloseReason::Lost | CloseReason::SlowReader) {
            self.write_last().await;
        }
        self.give_up_held();
        match self.will_delay() {
            Some(delay) => self.put_will_off(delay),
            None => self.offer_will(self.until(PATIENCE)).await,
        }
        self.ring();
        self.leave_berth();
        if reason == CloseReason::Drained || said {
            // Time up or an error: either way the connection closes now.
            let _ = timeout_at(self.until(FAREWELL), self.wire.linger()).await;
        }
    }

    /// Tells an MQTT 5 client why it is closed; whether there was something to say.
    fn say_goodbye(&mut self, reason: CloseReason) -> bool {
        if !self.is_v5() {
            return false;
        }
        let unreadable = self.decoder.farewell().filter(|_| reason == CloseReason::Malformed);
        let told = || reason.farewell().map(|code| Packet::Disconnect(Disconnect::with_reason(code)));
        let Some(goodbye) = unreadable.or_else(told) else { return false };
        self.answer(&goodbye);
        true
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
    /// How long the will waits for the client to come back; it ends with the session at the latest.
    fn will_delay(&self) -> Option<Duration> {
        let delay = self.delay.min(self.expiry);
        (self.will.is_some() && !delay.is_zero() && self.draining.is_none()).then_some(delay)
    }

    fn put_will_off(&mut self, delay: Duration) {
        let Some(publication) = self.last_words() else { return };
        self.hub.counters.wills.add(1);
        let will = PendingWill::new(publication, self.berth.number, Instant::now() + delay);
        let is_kept = self.hub.router.note_will(&will, wall_ms().saturating_add(delay.as_millis() as u64));
        self.hub.wills.put(self.client.clone(), PendingWill { is_kept, ..will });
        self.hub.rounds.notify_one();
    }

    /// The will as a publication.
    pub(super) fn last_words(&mut self) -> Option<Publication> {
        let Will { topic, payload, qos, retain, properties, .. } = self.will.take()?;
        let (client, principal) = (self.client.clone(), self.principal.clone());
        Some(Publication { client, principal, topic, payload, qos, dup: false, retain, properties })
    }

    /// Leaves the berth to whoever comes back for it, or ends the session.
    fn leave_berth(&mut self) {
        if std::mem::replace(&mut self.has_left, true) {
            return;
        }
        if self.expiry.is_zero() {
            self.hub.router.close(&self.berth);
        } else {
            self.berth.detach();
            let ends_ms = wall_ms().saturating_add(self.expiry.as_millis() as u64);
            self.hub.router.remark(&self.berth, || Fact::Left { berth: self.berth.number, ends_ms });
            self.hub.router.berths.end_at(&self.berth.client, Some(Instant::now() + self.expiry));
            self.hub.rounds.notify_one();
        }
    }

    fn give_up_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.hub.intake.give_up(&held.publication, self.ended.label());
        }
    }

    fn give_up_will(&mut self) {
        let Some(publication) = self.last_words() else { return };
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
            self.leave_berth();
        }));
        let written = self.acks_written + self.receipts_written;
        self.hub.counters.unanswered.add(self.outstanding.taken() as u64 + written);
    }
}
