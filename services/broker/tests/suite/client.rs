//! A client of few words over any stream: sends packets or raw bytes, and reads packets until the broker closes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidegate_codec_mqtt::{
    Connect, Decoder, Delivery, Encoder, Packet, PacketId, ProtocolLevel, Publish, Text, TopicName, Will,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Longer than a client waits for anything in any test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client<S> {
    pub(crate) stream: S,
    input: BytesMut,
    decoder: Decoder,
    level: ProtocolLevel,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self::at(ProtocolLevel::V311, stream)
    }

    /// One that speaks MQTT 5.
    pub(crate) fn fifth(stream: S) -> Self {
        Self::at(ProtocolLevel::V5, stream)
    }

    fn at(level: ProtocolLevel, stream: S) -> Self {
        Self { stream, input: BytesMut::new(), decoder: Decoder::client(level, 1 << 20), level }
    }

    /// It has told the broker that it takes topic aliases.
    pub(crate) fn expect_alias_max(&mut self, max: u16) {
        self.decoder.set_topic_alias_max(max);
    }

    /// Connects, and expects to be accepted.
    pub(crate) async fn connected(stream: S, connect: &Connect) -> Self {
        let mut client = Self::new(stream);
        client.send(&[Packet::Connect(Box::new(connect.clone()))]).await;
        assert_eq!(client.raw(4).await, b"\x20\x02\x00\x00", "accepted, no session present");
        client
    }

    pub(crate) async fn send(&mut self, packets: &[Packet]) {
        self.send_raw(&encoded_at(self.level, packets)).await;
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn publish(&mut self, id: u16, payload: &str) {
        self.send(&[qos1(id, false, payload)]).await;
    }

    /// Exactly so many bytes.
    pub(crate) async fn raw(&mut self, bytes: usize) -> Vec<u8> {
        while self.input.len() < bytes {
            assert!(self.read().await, "the broker closed after {:?}", self.input);
        }
        self.input.split_to(bytes).to_vec()
    }

    /// The next packet; nothing at the end of the connection.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.input).unwrap() {
                return Some(packet);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// The identifiers of the next PUBACKs.
    pub(crate) async fn pubacks(&mut self, count: usize) -> Vec<u16> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            match self.packet().await {
                Some(Packet::Puback(ack)) => ids.push(ack.id.get()),
                other => panic!("{other:?} after {} PUBACKs", ids.len()),
            }
        }
        ids
    }

    /// The broker closes without another packet.
    pub(crate) async fn expect_close(&mut self) {
        assert_eq!(self.packet().await, None);
    }

    pub(crate) async fn expect_pong(&mut self) {
        self.send(&[Packet::Pingreq]).await;
        assert_eq!(self.packet().await, Some(Packet::Pingresp));
    }

    /// False at the end of the stream, which a reset is too.
    async fn read(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
        matches!(read.expect("the broker neither answers nor closes"), Ok(1..))
    }
}

pub(crate) fn encoded(packets: &[Packet]) -> BytesMut {
    encoded_at(ProtocolLevel::V311, packets)
}

fn encoded_at(level: ProtocolLevel, packets: &[Packet]) -> BytesMut {
    let mut out = BytesMut::new();
    for packet in packets {
        Encoder::new(level).encode(packet, &mut out).unwrap();
    }
    out
}

pub(crate) fn named(client_id: &str) -> Connect {
    Connect::new(Text::new(client_id).unwrap())
}

pub(crate) fn with_keep_alive(client_id: &str, keep_alive_s: u16) -> Connect {
    let mut connect = named(client_id);
    connect.keep_alive_s = keep_alive_s;
    connect
}

pub(crate) fn with_will(client_id: &str, payload: &str) -> Connect {
    let mut connect = named(client_id);
    connect.will = Some(Will::new(topic(), Bytes::copy_from_slice(payload.as_bytes())));
    connect
}

pub(crate) fn topic() -> TopicName {
    TopicName::new("line/1/temp").unwrap()
}

pub(crate) fn qos0(payload: &str) -> Packet {
    publish(Delivery::AtMostOnce, payload)
}

pub(crate) fn qos1(id: u16, dup: bool, payload: &str) -> Packet {
    publish(Delivery::AtLeastOnce { id: PacketId::new(id).unwrap(), dup }, payload)
}

fn publish(delivery: Delivery, payload: &str) -> Packet {
    Packet::Publish(Publish::new(topic(), Bytes::copy_from_slice(payload.as_bytes()), delivery))
}
