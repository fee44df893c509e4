//! A device's connection to a broker: MQTT 3.1.1, publications at QoS 1 and their acknowledgements.

use bytes::{Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_codec_mqtt::{
    Connect, ConnectOutcome, Decoder, Delivery, Encoder, Packet, PacketId, ProtocolLevel, Publish, Text,
    TopicName,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// What a broker sends to a publisher is short.
const PACKET_BYTES_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    encoder: Encoder,
    decoder: Decoder,
    read: BytesMut,
}

/// One publication.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: PacketId,
    pub(super) topic: TopicName,
    pub(super) payload: Bytes,
    /// It may have arrived already.
    pub(super) dup: bool,
}

impl Session {
    pub(super) async fn open(broker: SocketAddr, client: &Text) -> io::Result<Session> {
        timeout(CONNECT_WAIT, Session::shake(broker, client)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn shake(broker: SocketAddr, client: &Text) -> io::Result<Session> {
        let stream = TcpStream::connect(broker).await?;
        stream.set_nodelay(true)?;
        let level = ProtocolLevel::V311;
        let (encoder, decoder) = (Encoder::new(level), Decoder::client(level, PACKET_BYTES_MAX));
        let mut session = Session { stream, encoder, decoder, read: BytesMut::new() };
        session.send(&Packet::Connect(Box::new(Connect::new(client.clone())))).await?;
        match session.receive().await? {
            Packet::Connack(connack) if matches!(connack.outcome, ConnectOutcome::Accepted { .. }) => {
                Ok(session)
            }
            _ => Err(io::Error::other("the broker refused the connection")),
        }
    }

    pub(super) async fn publish(&mut self, message: &Message) -> io::Result<()> {
        let Message { id, topic, payload, dup } = message.clone();
        let delivery = Delivery::AtLeastOnce { id, dup };
        self.send(&Packet::Publish(Publish::new(topic, payload, delivery))).await
    }

    async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let mut out = BytesMut::new();
        self.encoder.encode(packet, &mut out).map_err(io::Error::other)?;
        self.stream.write_all(&out).await
    }

    /// The next acknowledgement. May be dropped and called again.
    pub(super) async fn acknowledged(&mut self) -> io::Result<PacketId> {
        match self.receive().await? {
            Packet::Puback(ack) => Ok(ack.id),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn receive(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.read).map_err(io::Error::other)? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
