//! One call of `Send`: reads batches, hands them on, acknowledges what is safe, and says how it ended.
//!
//! Stops reading while too much waits for the journal, while the intake has no room, and while its principal is faster than it
//! may be; HTTP/2 then holds the client back.

use crate::acks::Answer;
use crate::admitting::{Admitting, Step};
use crate::caller::Caller;
use crate::fault::Fault;
use crate::hub::{Hub, Seat};
use crate::outstanding::Outstanding;
use crate::traced::Traced;
use crate::v1::ReadingBatch;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status, Streaming};

/// How soon a busy intake is asked again: at first, and at most after doubling.
const RETRY_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(64);

#[derive(Debug)]
pub(crate) struct Call {
    hub: Arc<Hub>,
    admitting: Admitting,
    outstanding: Outstanding,
    answers: mpsc::Sender<Answer>,
    /// When its principal, which was too fast, may go on.
    paid_at: Option<Instant>,
    held: Option<Hold>,
    /// Nothing more is read: the client has closed its side, or the node drains.
    closing: Option<Result<(), Fault>>,
    traced: Traced,
    _seat: Seat,
}

/// The intake has no room for what waits.
#[derive(Debug, Clone, Copy)]
struct Hold {
    since: Instant,
    retry: Duration,
    retry_at: Instant,
}

impl Call {
    pub(crate) fn new(
        hub: Arc<Hub>,
        caller: Caller,
        seat: Seat,
        answers: mpsc::Sender<Answer>,
        traced: Traced,
    ) -> Call {
        Call {
            hub,
            admitting: Admitting::new(caller),
            outstanding: Outstanding::default(),
            answers,
            paid_at: None,
            held: None,
            closing: None,
            traced,
            _seat: seat,
        }
    }

    /// Serves until the call ends, and says so to the client and to the counters.
    pub(crate) async fn run(mut self, mut inbound: Streaming<ReadingBatch>) {
        let end = self.serve(&mut inbound).await;
        self.traced.end(end.as_ref().copied());
        self.hub.counters.ended(&end);
        self.hub.counters.unanswered.add(self.outstanding.readings() as u64);
        if let Err(fault) = &end
            && !matches!(fault, Fault::Left | Fault::Draining)
        {
            let (code, principal) = (fault.code(), &self.admitting.caller.principal.name);
            tracing::warn!(code, principal, "a gRPC call ended: {fault}");
        }
        // A client that does not read its answers is not waited for a second time.
        let _ = timeout(self.hub.config.write_timeout(), self.answers.send(Answer::End(end))).await;
    }

    async fn serve(&mut self, inbound: &mut Streaming<ReadingBatch>) -> Result<(), Fault> {
        let mut order = self.hub.order.subscribe();
        loop {
            self.take_in()?;
            if self.outstanding.is_empty()
                && let Some(end) = self.closing.take_if(|_| self.admitting.is_empty())
            {
                return end;
            }
            let (reads, wake) = (self.reads(), self.wake());
            let draining = matches!(self.closing, Some(Err(Fault::Draining)));
            tokio::select! {
                safe = self.outstanding.due() => {
                    safe.map_err(|_| Fault::Unknown)?;
                    self.acknowledge().await?;
                }
                message = inbound.message(), if reads => self.receive(message)?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                () = ordered(&mut order), if !draining => self.drain(),
                () = self.answers.closed() => return Err(Fault::Left),
            }
        }
    }

    /// When to look again although nothing happened.
    fn wake(&self) -> Option<Instant> {
        self.held.map(|held| held.retry_at).or(self.paid_at)
    }

    fn reads(&self) -> bool {
        self.closing.is_none()
            && self.admitting.is_empty()
            && self.outstanding.readings() < self.hub.config.unacknowledged_max
    }

    /// What waits is not acknowledged and comes again; what was taken in is acknowledged first.
    fn drain(&mut self) {
        self.admitting.drop_waiting();
        (self.paid_at, self.held) = (None, None);
        self.closing = Some(Err(Fault::Draining));
    }

    fn receive(&mut self, message: Result<Option<ReadingBatch>, Status>) -> Result<(), Fault> {
        let Some(batch) = message.map_err(|status| self.unreadable(&status))? else {
            self.closing = Some(Ok(()));
            return Ok(());
        };
        self.hub.counters.messages.add(1);
        let begins = !self.admitting.has_stream();
        self.admitting.name(&batch.stream_id)?;
        if begins {
            self.outstanding.push(self.admitting.greeting(&self.hub));
        }
        self.admitting.push(batch);
        Ok(())
    }

    /// Takes in what waits, as far as there is room.
    fn take_in(&mut self) -> Result<(), Fault> {
        if self.admitting.is_empty() || !self.is_paid() {
            return Ok(());
        }
        while !self.admitting.is_empty() && self.has_room() {
            match self.admitting.step(&self.hub)? {
                Step::Due { due, .. } => {
                    self.outstanding.push(due);
                    self.held = None;
                }
                Step::Busy => return self.hold(),
            }
        }
        Ok(())
    }

    fn is_paid(&mut self) -> bool {
        let now = Instant::now();
        self.paid_at = self.admitting.pay(now).err().map(|wait| now + wait);
        self.paid_at.is_none()
    }

    fn has_room(&self) -> bool {
        self.outstanding.readings() < self.hub.config.unacknowledged_max
            && self.held.is_none_or(|held| held.retry_at <= Instant::now())
    }

    fn hold(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if self.held.is_none() {
            self.hub.counters.holds.add(1);
        }
        let held = self.held.unwrap_or(Hold { since: now, retry: RETRY_MIN, retry_at: now });
        if now - held.since > self.hub.config.hold_max() {
            return Err(Fault::HeldBack);
        }
        let retry = (held.retry * 2).min(RETRY_MAX);
        self.held = Some(Hold { retry, retry_at: now + held.retry, ..held });
        Ok(())
    }

    async fn acknowledge(&mut self) -> Result<(), Fault> {
        let Some(ack) = self.outstanding.release() else { return Ok(()) };
        let sent = self.answers.send(Answer::Ack(ack));
        match timeout(self.hub.config.write_timeout(), sent).await {
            Ok(Ok(())) => self.hub.counters.acks.add(1),
            Ok(Err(_)) => return Err(Fault::Left),
            Err(_) => return Err(Fault::SlowReader),
        }
        Ok(())
    }

    fn unreadable(&self, status: &Status) -> Fault {
        let fault = unreadable(status, self.hub.config.message_bytes_max);
        if fault != Fault::Left {
            self.hub.intake.malformed(fault.code());
        }
        fault
    }
}

async fn ordered(order: &mut watch::Receiver<Option<Instant>>) {
    // The hub holds the sender.
    let _ = order.wait_for(Option::is_some).await;
}

/// Tells a message that is none from a connection that broke, which has a cause in the transport.
fn unreadable(status: &Status, max: usize) -> Fault {
    match status.code() {
        Code::OutOfRange => Fault::TooLarge { max },
        Code::Internal | Code::Unimplemented if status.source().is_none() => {
            Fault::Malformed { why: status.message().to_owned() }
        }
        _ => Fault::Left,
    }
}
