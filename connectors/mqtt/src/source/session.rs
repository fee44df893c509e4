//! One connection: reads packets, acknowledges what is safe, keeps the connection alive, and leaves in order.
//!
//! While there is no room nothing is read, but acknowledgements and pings go on: the broker sees a client that lives and waits with
//! what it has.

use super::config::Protocol;
use super::error::Setback;
use super::outstanding::Outstanding;
use super::taking::Held;
use super::{Link, Memory, ordered};
use bytes::BytesMut;
use std::io;
use std::time::Duration;
use tidegate_codec_mqtt::{
    Ack, Decoder, Delivery, Disconnect, Encoder, Packet, PacketId, ProtocolLevel, ReasonCode,
};
use tidegate_kernel_outbound::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Longest time the broker may take to read what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 16 << 10;

pub(super) struct Session<'a> {
    pub(super) link: &'a Link,
    pub(super) wire: Stream,
    pub(super) encoder: Encoder,
    pub(super) decoder: Decoder,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    pub(super) outstanding: Outstanding,
    pub(super) held: Option<Held>,
    /// By which the broker is to be asked whether it is there, which the broker may have changed.
    pub(super) keep_alive: Duration,
    ping_at: Instant,
    heard_at: Instant,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a Link, wire: Stream) -> Session<'a> {
        let level = match link.config.version {
            Protocol::V311 => ProtocolLevel::V311,
            Protocol::V5 => ProtocolLevel::V5,
        };
        let keep_alive = Duration::from_secs(link.config.keep_alive_s.into());
        let now = Instant::now();
        Session {
            link,
            wire,
            encoder: Encoder::new(level),
            decoder: Decoder::client(level, link.config.packet_bytes_max),
            input: BytesMut::with_capacity(READ_BYTES),
            output: BytesMut::new(),
            outstanding: Outstanding::default(),
            held: None,
            keep_alive,
            ping_at: now + keep_alive,
            heard_at: now,
        }
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        self.outstanding.len() as u64 + u64::from(self.held.is_some())
    }

    /// Serves until the connection ends, well only when it was told to.
    pub(super) async fn serve(
        &mut self,
        memory: &mut Memory,
        order: &mut watch::Receiver<Option<Instant>>,
    ) -> Result<(), Setback> {
        loop {
            self.take_in(memory)?;
            self.flush().await?;
            let reads = self.has_room();
            let (retry_at, now) = (self.held.as_ref().map(|held| held.retry_at), Instant::now());
            let silent_at = self.heard_at + self.keep_alive * 2;
            tokio::select! {
                safe = self.outstanding.due() => {
                    safe.map_err(|_| Setback::Unknown)?;
                    self.acknowledge();
                }
                read = self.wire.read_buf(&mut self.input), if reads => self.heard(read)?,
                () = sleep_until(retry_at.unwrap_or(now)), if retry_at.is_some() => {}
                () = sleep_until(self.ping_at) => self.say(&Packet::Pingreq),
                () = sleep_until(silent_at), if reads => return Err(Setback::Silent),
                () = ordered(order) => break,
            }
        }
        let deadline = order.borrow().unwrap_or_else(Instant::now);
        self.leave(deadline).await
    }

    pub(super) fn has_room(&self) -> bool {
        self.held.is_none() && self.outstanding.len() < usize::from(self.link.config.receive_max)
    }

    /// Puts a packet behind what is to be written.
    pub(super) fn say(&mut self, packet: &Packet) {
        // What is said here has no part that a level could lack, and no size that a broker could refuse.
        let said = self.encoder.encode(packet, &mut self.output);
        debug_assert!(said.is_ok(), "{said:?} at {packet:?}");
    }

    pub(super) fn heard(&mut self, read: io::Result<usize>) -> Result<(), Setback> {
        self.heard_at = Instant::now();
        match read? {
            0 => Err(Setback::Lost(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Setback> {
        if self.output.is_empty() {
            return Ok(());
        }
        let written = timeout(WRITE_TIMEOUT, async {
            self.wire.write_all(&self.output).await?;
            self.wire.flush().await
        });
        written.await.map_err(|_| Setback::Silent)??;
        self.output.clear();
        self.ping_at = Instant::now() + self.keep_alive;
        Ok(())
    }

    fn acknowledge(&mut self) {
        let mut acks = 0;
        while let Some(delivery) = self.outstanding.release() {
            match delivery {
                Delivery::AtMostOnce => continue,
                Delivery::AtLeastOnce { id, .. } => self.encoder.puback(id, &mut self.output),
                Delivery::ExactlyOnce { id, .. } => {
                    self.say(&Packet::Pubrec(Ack::new(id)));
                }
            }
            acks += 1;
        }
        self.link.counters.acks(acks);
    }

    /// The broker lets go of a publication of QoS 2.
    pub(super) fn released(&mut self, id: PacketId, memory: &mut Memory) {
        memory.release(id);
        self.say(&Packet::Pubcomp(Ack::new(id)));
    }

    /// Acknowledges what was taken, as far as it is safe by the deadline, and says goodbye.
    async fn leave(&mut self, deadline: Instant) -> Result<(), Setback> {
        self.held = None;
        while self.outstanding.len() > 0 {
            tokio::select! {
                safe = self.outstanding.due() => safe.map_err(|_| Setback::Unknown)?,
                () = sleep_until(deadline) => break,
            }
            self.acknowledge();
        }
        self.say(&Packet::Disconnect(Disconnect::with_reason(ReasonCode::Success)));
        self.flush().await?;
        // Time up or an error: either way the connection closes now.
        let _ = timeout(WRITE_TIMEOUT, self.wire.shutdown()).await;
        Ok(())
    }
}
