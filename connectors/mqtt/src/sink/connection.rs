//! One connection to a broker: in by CONNECT and CONNACK, then windows of PUBLISH and their PUBACKs.

use super::SinkSettings;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tidegate_codec_mqtt::{
    Connect, ConnectOutcome, DecodeError, Decoder, Delivery, EncodeError, Encoder, Packet, PacketId,
    ProtocolLevel, Publish, ReasonCode, TopicName,
};
use tidegate_kernel_outbound::{Dialer, OutboundError, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// From one acknowledgement to the next.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Publications on their way without an acknowledgement: what mosquitto lets through without setting any aside.
const WINDOW: usize = 20;
/// Everything a broker sends us is short.
const PACKET_BYTES_MAX: usize = 64 << 10;

/// What is published.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Dial(#[from] OutboundError),
    #[error("the connection broke off")]
    Io(#[from] io::Error),
    #[error("it said nothing for {ANSWER_WAIT:?}")]
    Silent,
    #[error("it closed the connection")]
    Closed,
    #[error("what it said is no MQTT")]
    Decode(#[from] DecodeError),
    #[error("a message cannot be sent")]
    Encode(#[from] EncodeError),
    #[error("it sent something else than an acknowledgement")]
    Unexpected,
    #[error("{0:?}")]
    Refused(ReasonCode),
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    encoder: Encoder,
    decoder: Decoder,
    read: BytesMut,
}

impl Connection {
    pub(super) async fn open(dialer: &Dialer, settings: &SinkSettings) -> Result<Connection, Trouble> {
        let level = ProtocolLevel::V311;
        let mut connection = Connection {
            stream: dialer.dial(&settings.endpoint, CONNECT_WAIT).await?,
            encoder: Encoder::new(level),
            decoder: Decoder::client(level, PACKET_BYTES_MAX),
            read: BytesMut::new(),
        };
        let mut connect = Connect::new(settings.client_id.clone());
        connect.login = settings.login.clone();
        let mut out = BytesMut::new();
        connection.encoder.encode(&Packet::Connect(Box::new(connect)), &mut out)?;
        connection.stream.write_all(&out).await?;
        match connection.receive().await? {
            Packet::Connack(connack) => match connack.outcome {
                ConnectOutcome::Accepted { .. } => Ok(connection),
                // What passes by itself is no setting.
                ConnectOutcome::Refused(ReasonCode::ServerUnavailable) => Err(Trouble::Closed),
                ConnectOutcome::Refused(reason) => Err(Trouble::Refused(reason)),
            },
            _ => Err(Trouble::Unexpected),
        }
    }

    /// Whether nothing says that the other side has closed it. Nothing is awaited, so nothing should have come.
    pub(super) fn is_open(&self) -> bool {
        let Stream::Plain(stream) = &self.stream else { return true };
        matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends all of them and waits until each is acknowledged.
    pub(super) async fn publish(&mut self, messages: &[Message]) -> Result<(), Trouble> {
        for window in messages.chunks(WINDOW) {
            let mut out = BytesMut::new();
            for (at, message) in window.iter().enumerate() {
                let id = PacketId::new(at as u16 + 1).expect("one more than an index is not zero");
                let delivery = Delivery::AtLeastOnce { id, dup: false };
                let publish = Publish::new(message.topic.clone(), message.payload.clone(), delivery);
                self.encoder.publish(&publish, &mut out)?;
            }
            self.stream.write_all(&out).await?;
            self.acknowledged(window.len()).await?;
        }
        Ok(())
    }

    async fn acknowledged(&mut self, many: usize) -> Result<(), Trouble> {
        let mut waiting = vec![true; many];
        while waiting.contains(&true) {
            let Packet::Puback(ack) = self.receive().await? else { return Err(Trouble::Unexpected) };
            match waiting.get_mut(usize::from(ack.id.get()) - 1) {
                Some(place) => *place = false,
                None => return Err(Trouble::Unexpected),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<Packet, Trouble> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.read)? {
                return Ok(packet);
            }
            let read = timeout(ANSWER_WAIT, self.stream.read_buf(&mut self.read)).await;
            if read.map_err(|_| Trouble::Silent)?? == 0 {
                return Err(Trouble::Closed);
            }
        }
    }
}
