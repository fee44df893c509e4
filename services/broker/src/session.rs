//! One client from its accepted CONNECT to the end of its connection.
//!
//! ```text
//! take in what was read --> write what is due --> wait for: a signal, the oldest receipt, bytes, the time
//!        ^                                                                                  |
//!        +----------------------------------------------------------------------------------+
//! ```
//!
//! One task, no lock, no channel on the way of a publication. A turn takes in all that one read brought and sends all
//! acknowledgements that one batch released in one write. Every wait ends by a limit; what it takes in and how it finishes
//! stand in `taking` and `leaving`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_codec_mqtt::{Connect, Decoder, Encoder, Packet, Text, Will};
use tidegate_kernel_journal::Unknown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::hub::Hub;
use crate::outstanding::Outstanding;
use crate::pace::Pace;
use crate::reason::{CloseReason, Ending};
use crate::roster::{Mail, Signal};
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
}

#[derive(Debug)]
pub(crate) struct Session<S> {
    pub(super) hub: Arc<Hub>,
    pub(super) wire: Wire<S>,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) client: Text,
    pub(super) will: Option<Will>,
    pub(super) outstanding: Outstanding,
    /// A publication that was declined as busy and is offered again.
    pub(super) held: Option<Held>,
    pub(super) pace: Pace,
    /// PUBACKs in the output buffer.
    pub(super) acks_written: u64,
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
    Read(io::Result<usize>),
    Time,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(hub: Arc<Hub>, wire: Wire<S>, mail: Mail, guest: Guest) -> Self {
        let Guest { client, connect, decoder } = guest;
        let now = Instant::now();
        let hold_max = hub.config.hold_max(connect.keep_alive_s);
        Self {
            hub,
            wire,
            decoder,
            encoder: Encoder::new(connect.level),
            client,
            will: connect.will,
            outstanding: Outstanding::default(),
            held: None,
            pace: Pace::new(connect.keep_alive_s, hold_max, now),
            acks_written: 0,
            draining: None,
            ended: CloseReason::Fault,
            mail,
            timer: Box::pin(sleep_until(now + IDLE)),
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
        self.flush().await?;
        if self.draining.is_some() && self.is_settled() {
            return Err(CloseReason::Drained.into());
        }
        match self.event().await {
            Event::Signal(signal) => self.heed(signal),
            Event::Due(Ok(())) => {
                self.acknowledge();
                Ok(())
            }
            Event::Due(Err(Unknown)) => Err(CloseReason::OutcomeUnknown.into()),
            Event::Read(Ok(0) | Err(_)) => Err(CloseReason::Lost.into()),
            Event::Read(Ok(_)) => Ok(()),
            Event::Time => self.check_time(),
        }
    }

    async fn event(&mut self) -> Event {
        self.arm();
        let reads = !self.pace.is_held() && self.draining.is_none();
        tokio::select! {
            biased;
            signal = self.mail.next() => Event::Signal(signal),
            outcome = self.outstanding.due() => Event::Due(outcome),
            read = self.wire.fill(), if reads => Event::Read(read),
            () = &mut self.timer => Event::Time,
        }
    }

    fn arm(&mut self) {
        let limit = self.limit().map(|(at, _)| at);
        let retry = self.held.as_ref().map(|held| held.retry_at);
        match limit.into_iter().chain(retry).min() {
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

    fn acknowledge(&mut self) {
        self.acks_written += self.outstanding.release(&self.encoder, &mut self.wire.output);
    }

    /// Writes the output buffer out, for as long as a slow reader is given.
    async fn flush(&mut self) -> Result<(), Ending> {
        if self.wire.output.is_empty() {
            return Ok(());
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
        Ok(())
    }

    /// Nothing is on its way any more, neither in nor out.
    fn is_settled(&self) -> bool {
        self.outstanding.is_empty() && self.held.is_none()
    }

    pub(super) fn answer(&mut self, packet: &Packet) {
        self.encoder.encode(packet, &mut self.wire.output).expect("an answer is smaller than its question");
        self.hub.counters.packet_out(packet.kind());
    }
}
