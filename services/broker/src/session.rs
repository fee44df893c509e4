//! One client from its accepted CONNECT to the end of its connection.
//!
//! ```text
//! take in what was read --> write what is due --> wait for: a signal, the oldest receipt, bytes, the time
//!        ^                                                                                  |
//!        +----------------------------------------------------------------------------------+
//! ```
//!
//! One task, no channel on the way of a publication. A turn takes in all that one read brought, rings for the subscribers of
//! all of it once, and sends all acknowledgements that one batch released in one write. Every wait ends by a limit; what it
//! takes in, what it sends out and how it finishes stand in `taking`, `subscribing`, `outgoing` and `leaving`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tidegate_codec_mqtt::{Ack, Connect, Decoder, Packet, ProtocolLevel, Text, Will};
use tidegate_kernel_journal::{Level, Ticket, Unknown, Waiting};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::acl::Permissions;
use crate::admission::{Admitted, Moored};
use crate::allowance::Stay;
use crate::berth::Berth;
use crate::greeting::Greeting;
use crate::hub::Hub;
use crate::outlet::Outlet;
use crate::outstanding::{Answer, Outstanding};
use crate::pace::Pace;
use crate::reason::{CloseReason, Ending};
use crate::roster::{Mail, Signal};
use crate::router::Rings;
use crate::taking::Held;
use crate::wire::Wire;

/// A timer with nothing to time is looked at this often.
const IDLE: Duration = Duration::from_secs(3600);

/// What a client is known by once its CONNECT is accepted.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) client: Text,
    pub(crate) connect: Box<Connect>,
    pub(crate) decoder: Decoder,
    pub(crate) admitted: Admitted,
    pub(crate) berth: Moored,
    /// Its identifier was left to the broker, and it is told.
    pub(crate) assigned: bool,
}

#[derive(Debug)]
pub(crate) struct Session<S> {
    pub(super) hub: Arc<Hub>,
    pub(super) wire: Wire<S>,
    pub(super) decoder: Decoder,
    pub(super) outlet: Outlet,
    pub(super) client: Text,
    pub(super) berth: Arc<Berth>,
    /// The name of its principal; empty for nobody in particular.
    pub(super) principal: Text,
    pub(super) permissions: Permissions,
    pub(super) stay: Option<Stay>,
    /// How long the session outlives the connection.
    pub(super) expiry: Duration,
    /// Publications above QoS 0 that an MQTT 5 client has under way.
    pub(super) receiving: u32,
    pub(super) will: Option<Will>,
    /// How long the will waits for the client to come back.
    pub(super) delay: Duration,
    pub(super) outstanding: Outstanding,
    /// A publication that was declined as busy and is offered again.
    pub(super) held: Option<Held>,
    pub(super) pace: Pace,
    /// When a principal that used up its rate is read from again.
    pub(super) throttled_until: Option<Instant>,
    /// Subscribers to tell at the end of the turn.
    pub(super) rings: Rings,
    /// It may be sent messages; for one that only publishes the queue is never looked at.
    pub(super) listens: bool,
    /// There may be something to send now.
    pub(super) has_mail: bool,
    /// The record that the next message waits for.
    pub(super) waits_for: Option<(Ticket, Level)>,
    waiting: Waiting,
    /// The berth is left or given up.
    pub(super) has_left: bool,
    /// PUBACKs in the output buffer.
    pub(super) acks_written: u64,
    /// PUBRECs of publications that were taken, in the output buffer.
    pub(super) receipts_written: u64,
    /// When a draining broker stops waiting.
    pub(super) draining: Option<Instant>,
    pub(super) ended: CloseReason,
    mail: Mail,
    /// Fires at the limit or before; moved only to be earlier, so a busy connection leaves it alone.
    timer: Pin<Box<Sleep>>,
}

enum Event {
    Signal(Signal),
    Due(Result<(), Unknown>),
    /// There is something to send.
    Mail,
    Read(io::Result<usize>),
    Time,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(hub: Arc<Hub>, wire: Wire<S>, mail: Mail, guest: Guest) -> Self {
        let greeting = Greeting::new(&hub.config, &guest);
        let Guest { client, connect, mut decoder, admitted, berth, .. } = guest;
        let Moored { berth, session_present } = berth;
        let now = Instant::now();
        let (keep_alive_s, hold_max) = (greeting.keep_alive_s, hub.config.hold_max(greeting.keep_alive_s));
        decoder.set_topic_alias_max(hub.config.topic_alias_max);
        let outlet = Outlet::new(&connect, hub.config.topic_alias_max);
        let mut session = Self {
            hub,
            wire,
            decoder,
            outlet,
            client,
            berth,
            principal: admitted.name(),
            permissions: admitted.permissions,
            stay: admitted.stay,
            expiry: admitted.expiry,
            receiving: 0,
            delay: Duration::from_secs(connect.will.as_ref().map_or(0, |will| will.delay_s.into())),
            will: connect.will,
            outstanding: Outstanding::default(),
            held: None,
            pace: Pace::new(keep_alive_s, hold_max, now),
            throttled_until: None,
            rings: Rings::new(),
            listens: session_present,
            has_mail: session_present,
            waits_for: None,
            waiting: Waiting::default(),
            has_left: false,
            acks_written: 0,
            receipts_written: 0,
            draining: None,
            ended: CloseReason::Fault,
            mail,
            timer: Box::pin(sleep_until(now + IDLE)),
        };
        session.greet(greeting);
        session
    }

    /// The answer to its CONNECT, and what it has to release once more.
    fn greet(&mut self, greeting: Greeting) {
        let window = greeting.window.into();
        self.answer(&Packet::Connack(greeting.connack));
        for id in self.berth.attach(window) {
            self.answer(&Packet::Pubrel(Ack::new(id)));
        }
    }

    pub(crate) async fn run(mut self) -> Ending {
        let ending = loop {
            if let Err(ending) = self.turn().await {
                break ending;
            }
        };
        self.finish(ending.reason).await;
        ending
    }

    async fn turn(&mut self) -> Result<(), Ending> {
        self.take_in()?;
        self.ring();
        self.send_out();
        self.flush().await?;
        if self.draining.is_some() && self.is_settled() {
            return Err(CloseReason::Drained.into());
        }
        match self.event().await {
            Event::Signal(Signal::TakenOver) => Err(self.give_way().await),
            Event::Signal(signal) => self.heed(signal),
            Event::Due(Ok(())) => {
                self.acknowledge();
                Ok(())
            }
            Event::Mail => {
                (self.has_mail, self.waits_for) = (true, None);
                Ok(())
            }
            Event::Due(Err(Unknown)) => Err(CloseReason::OutcomeUnknown.into()),
            Event::Read(Ok(0) | Err(_)) => Err(CloseReason::Lost.into()),
            Event::Read(Ok(_)) => Ok(()),
            Event::Time => self.check_time(),
        }
    }

    /// One task polls all of it in turn; a `select!` would make and drop seven futures for each packet.
    async fn event(&mut self) -> Event {
        self.arm();
        let reads = !self.pace.is_held() && self.draining.is_none();
        // What was just sent comes after what is to be read, so that neither starves the other.
        let (sends, sent) = (self.listens && self.draining.is_none(), self.has_mail);
        let Self { mail, outstanding, berth, wire, waits_for, waiting, timer, .. } = self;
        let mut rung = pin!(berth.rung());
        poll_fn(|context| {
            if let Poll::Ready(signal) = mail.poll_next(context) {
                return Poll::Ready(Event::Signal(signal));
            }
            if let Poll::Ready(outcome) = outstanding.poll_due(context) {
                return Poll::Ready(Event::Due(outcome));
            }
            if sends && !sent && rung.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Mail);
            }
            if reads && let Poll::Ready(read) = wire.poll_fill(context) {
                return Poll::Ready(Event::Read(read));
            }
            if sends && sent {
                return Poll::Ready(Event::Mail);
            }
            if sends
                && let Some((ticket, level)) = waits_for
                && let Poll::Ready(kept) = ticket.poll_reached(*level, waiting, context)
            {
                return Poll::Ready(kept.map_or_else(|unknown| Event::Due(Err(unknown)), |()| Event::Mail));
            }
            timer.as_mut().poll(context).map(|()| Event::Time)
        })
        .await
    }

    fn arm(&mut self) {
        let limit = self.limit().map(|(at, _)| at);
        let retry = self.held.as_ref().map(|held| held.retry_at);
        match limit.into_iter().chain(retry).chain(self.throttled_until).min() {
            Some(at) if self.timer.is_elapsed() || at < self.timer.deadline() => {
                self.timer.as_mut().reset(at)
            }
            None if self.timer.is_elapsed() => self.timer.as_mut().reset(Instant::now() + IDLE),
            _ => {}
        }
    }

    fn limit(&self) -> Option<(Instant, CloseReason)> {
        match self.draining {
            Some(deadline) => Some((deadline, CloseReason::DrainUnfinished)),
            None => self.pace.limit(),
        }
    }

    fn check_time(&self) -> Result<(), Ending> {
        match self.limit() {
            Some((at, reason)) if Instant::now() >= at => Err(reason.into()),
            _ => Ok(()),
        }
    }

    fn heed(&mut self, signal: Signal) -> Result<(), Ending> {
        match signal {
            Signal::TakenOver => Err(CloseReason::TakenOver.into()),
            Signal::Drain(deadline) => {
                self.draining = Some(deadline);
                Ok(())
            }
        }
    }

    /// Its client has come back on another connection. What it had sent on this one before comes first: after a goodbye there is no
    /// will [MQTT-3.14.4-3].
    async fn give_way(&mut self) -> Ending {
        match at_once(self.wire.fill()).await {
            Some(Ok(1..)) => self.take_in().err().unwrap_or(CloseReason::TakenOver.into()),
            _ => CloseReason::TakenOver.into(),
        }
    }

    pub(super) fn acknowledge(&mut self) {
        while let Some(answer) = self.outstanding.pop_safe() {
            match answer {
                Answer::Puback(id) => {
                    self.outlet.encoder.puback(id, &mut self.wire.output);
                    self.receiving = self.receiving.saturating_sub(1);
                    self.acks_written += 1;
                }
                Answer::Pubrec(id) => {
                    self.answer(&Packet::Pubrec(Ack::new(id)));
                    self.receipts_written += 1;
                }
                Answer::Other(packet) => self.answer(&packet),
            }
        }
    }

    /// Writes the output buffer out, for as long as a slow reader is given.
    async fn flush(&mut self) -> Result<(), Ending> {
        if self.wire.output.is_empty() {
            return Ok(());
        }
        // A socket nearly always has room: the time and a timer are for one that has not.
        if let Some(written) = at_once(self.wire.flush()).await {
            return self.note_flush(written);
        }
        let stuck_at = Instant::now() + self.hub.config.write_timeout();
        loop {
            let (until, reason) = match self.draining {
                Some(deadline) if deadline < stuck_at => (deadline, CloseReason::DrainUnfinished),
                _ => (stuck_at, CloseReason::SlowReader),
            };
            tokio::select! {
                biased;
                written = self.wire.flush() => return self.note_flush(written),
                signal = self.mail.next() => self.heed(signal)?,
                () = sleep_until(until) => return Err(reason.into()),
            }
        }
    }

    pub(super) fn note_flush(&mut self, written: io::Result<()>) -> Result<(), Ending> {
        written.map_err(|_| CloseReason::Lost)?;
        self.hub.counters.acks.add(std::mem::take(&mut self.acks_written));
        self.hub.counters.receipts.add(std::mem::take(&mut self.receipts_written));
        Ok(())
    }

    /// Nothing is on its way any more, neither in nor out.
    fn is_settled(&self) -> bool {
        self.outstanding.is_empty() && self.held.is_none()
    }

    pub(super) fn is_v5(&self) -> bool {
        self.outlet.level() != ProtocolLevel::V311
    }

    pub(super) fn answer(&mut self, packet: &Packet) {
        if let Err(error) = self.outlet.encoder.encode(packet, &mut self.wire.output) {
            // A client that takes no packet of a few bytes gets none.
            tracing::debug!(code = error.code(), "an answer could not be sent: {error}");
            return;
        }
        self.hub.counters.packet_out(packet.kind());
    }
}

/// What a future comes to that does not have to wait.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
