//! A connection before it is a session: its seat, its CONNECT, the answer to it.

use std::sync::Arc;
use std::time::Duration;

use tidegate_codec_mqtt::{
    Connack, Connect, DecodeError, Decoder, Encoder, Kind, Packet, ProtocolLevel, Refusal, Text,
};
use tidegate_kernel_plug::Knock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::admission::Unwelcome;
use crate::hub::Hub;
use crate::reason::{Cause, CloseReason, Ending};
use crate::roster::{Mail, NoSeat, Signal};
use crate::session::{Guest, Session};
use crate::wire::Wire;

/// For a refusal to reach the client, and for the client to close its side.
const FAREWELL: Duration = Duration::from_millis(500);

/// An accepted connection: counted, and in the roster until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    hub: Arc<Hub>,
    knock: Knock,
    number: u64,
    mail: Option<Mail>,
    client: Option<Text>,
    /// What it is counted as when it is dropped; stays as it is where its task panics.
    reason: CloseReason,
    _left: oneshot::Sender<()>,
}

impl Connection {
    /// Takes a seat, or counts and logs why there is none.
    pub(crate) fn enter(hub: &Arc<Hub>, knock: Knock) -> Option<Self> {
        match hub.roster.enter() {
            Ok(place) => {
                hub.counters.total.add(1);
                let (hub, number, mail) = (hub.clone(), place.number, Some(place.mail));
                let (reason, _left) = (CloseReason::Fault, place.left);
                Some(Self { hub, knock, number, mail, client: None, reason, _left })
            }
            Err(NoSeat::Full) => {
                hub.counters.refused.add(1);
                hub.notices.full(hub.config.connections_max, &knock.peer);
                None
            }
            Err(NoSeat::Draining) => None,
        }
    }

    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: S) {
        let ending = self.attend(Wire::new(stream)).await.unwrap_or_else(|ending| ending);
        self.reason = ending.reason;
        self.hub.notices.closed(&ending, &self.client, &self.knock.peer);
    }

    async fn attend<S: AsyncRead + AsyncWrite + Unpin>(&mut self, wire: Wire<S>) -> Result<Ending, Ending> {
        let mail = self.mail.take().expect("a connection is served once");
        let decoder = Decoder::server(self.hub.config.packet_bytes_max);
        let mut door = Door { hub: self.hub.clone(), wire, mail, decoder };
        let mut connect = door.connect().await?;
        let admitted = match self.hub.admit(&connect, self.knock) {
            Ok(admitted) => admitted,
            Err(unwelcome) => return Err(door.send_away(unwelcome).await),
        };
        let assigned = self.hub.assign_client(&mut connect);
        let client = self.name(&connect).await;
        let berth = match self.hub.moor(&connect, &client, &admitted) {
            Ok(berth) => berth,
            Err(unwelcome) => return Err(door.send_away(unwelcome).await),
        };
        let guest = Guest { client, connect, decoder: door.decoder, admitted, berth, assigned };
        Ok(Session::new(door.hub, door.wire, door.mail, guest).run().await)
    }

    /// The client's identifier, taken over from whoever has it, who has left by then.
    async fn name(&mut self, connect: &Connect) -> Text {
        if connect.client_id.as_bytes().is_empty() {
            return self.client.insert(self.hub.make_up_client()).clone();
        }
        let client = self.client.insert(connect.client_id.clone());
        if let Some(leaving) = self.hub.roster.claim(self.number, client) {
            // The sender is dropped, never used, and every step of leaving is bounded.
            let _ = leaving.await;
        }
        client.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.counters.closed(self.reason);
        self.hub.roster.leave(self.number);
    }
}

/// The state of a connection that has not said who it is.
struct Door<S> {
    hub: Arc<Hub>,
    wire: Wire<S>,
    mail: Mail,
    decoder: Decoder,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Door<S> {
    /// Waits for the CONNECT [MQTT-3.1.0-1].
    async fn connect(&mut self) -> Result<Box<Connect>, Ending> {
        let until = Instant::now() + self.hub.config.connect_timeout();
        loop {
            match self.decoder.decode(&mut self.wire.input) {
                Ok(Some(Packet::Connect(connect))) => {
                    self.hub.counters.packet_in(Kind::Connect);
                    self.wire.keep_rest();
                    return Ok(connect);
                }
                Ok(Some(_)) => return Err(CloseReason::Unexpected.into()),
                Ok(None) => {
                    self.wire.keep_rest();
                    self.read(until).await?;
                }
                Err(error) => return Err(self.refuse(error).await),
            }
        }
    }

    async fn read(&mut self, until: Instant) -> Result<(), Ending> {
        tokio::select! {
            biased;
            signal = self.mail.next() => Err(farewell(signal)),
            read = self.wire.fill() => match read {
                Ok(0) | Err(_) => Err(CloseReason::Lost.into()),
                Ok(_) => Ok(()),
            },
            () = sleep_until(until) => Err(CloseReason::ConnectTimeout.into()),
        }
    }

    /// Answers what has an answer; the rest is closed without one [MQTT-3.1.4-1].
    async fn refuse(&mut self, error: DecodeError) -> Ending {
        let cause = Cause::Packet(error);
        let Some(farewell) = self.decoder.farewell() else {
            return Ending::caused(CloseReason::Malformed, cause);
        };
        self.turn_away(&farewell).await;
        Ending::caused(CloseReason::ConnectRefused, cause)
    }

    /// Answers a CONNECT that was read and is not granted, where its level has an answer.
    async fn send_away(&mut self, unwelcome: Unwelcome) -> Ending {
        let reason = unwelcome.reason;
        if self.level() != ProtocolLevel::V311 {
            self.turn_away(&Packet::Connack(Connack::refused(reason))).await;
        } else if let Some(refusal) = Refusal::of(reason) {
            self.turn_away(&Packet::Connack(Connack::refused(refusal))).await;
        }
        Ending::caused(CloseReason::ConnectRefused, Cause::Code(unwelcome.code))
    }

    async fn turn_away(&mut self, answer: &Packet) {
        if self.answer(answer).await.is_ok() {
            // Time up or an error: either way the connection closes now.
            let _ = timeout(FAREWELL, self.wire.linger()).await;
        }
    }

    fn level(&self) -> ProtocolLevel {
        self.decoder.level().unwrap_or(ProtocolLevel::V311)
    }

    async fn answer(&mut self, packet: &Packet) -> Result<(), Ending> {
        Encoder::new(self.level()).encode(packet, &mut self.wire.output).expect("a refusal is a few bytes");
        self.hub.counters.packet_out(packet.kind());
        match timeout(self.hub.config.write_timeout(), self.wire.flush()).await {
            Ok(written) => written.map_err(|_| CloseReason::Lost.into()),
            Err(_) => Err(CloseReason::SlowReader.into()),
        }
    }
}

fn farewell(signal: Signal) -> Ending {
    match signal {
        Signal::TakenOver => CloseReason::TakenOver.into(),
        Signal::Drain(_) => CloseReason::Drained.into(),
    }
}
