//! An MQTT 3.1.1 client as plain as can be: the codec on a blocking socket.

use crate::process::PATIENCE;
use bytes::{Bytes, BytesMut};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use tidegate_codec_mqtt::{
    Ack, Connect, ConnectOutcome, Decoder, Delivery, Disconnect, Encoder, Packet, PacketId, ProtocolLevel,
    Publish, QoS, Subscribe, Subscription, Text,
};

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    encoder: Encoder,
    decoder: Decoder,
    read: BytesMut,
    last_id: u16,
}

impl Client {
    /// Connects and waits for the broker's welcome.
    pub(crate) fn connect(broker: SocketAddr, id: &str) -> Client {
        Client::introduce(broker, Connect::new(Text::new(id).unwrap())).unwrap()
    }

    /// Connects with a CONNECT of one's own; an error if the connection ends before the welcome.
    pub(crate) fn introduce(broker: SocketAddr, connect: Connect) -> io::Result<Client> {
        let (mut client, is_clean) = (Client::dial(broker)?, connect.clean_session);
        client.send(&Packet::Connect(Box::new(connect)))?;
        match client.receive()? {
            // A session that was kept is there if this client was here before.
            Some(Packet::Connack(connack)) => assert!(
                matches!(connack.outcome, ConnectOutcome::Accepted { session_present } if !(session_present && is_clean)),
                "{connack:?}"
            ),
            Some(other) => panic!("expected a CONNACK, got {other:?}"),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(client)
    }

    /// Connects to a session that outlives the connection.
    pub(crate) fn keep(broker: SocketAddr, id: &str) -> Client {
        let mut connect = Connect::new(Text::new(id).unwrap());
        connect.clean_session = false;
        Client::introduce(broker, connect).unwrap()
    }

    /// Subscribes at QoS 1 and waits until that is granted.
    pub(crate) fn subscribe(&mut self, filter: &str) {
        let wanted = Subscription::new(filter.parse().unwrap(), QoS::AtLeastOnce);
        self.send(&Packet::Subscribe(Subscribe::new(PacketId::MAX, vec![wanted]))).unwrap();
        assert!(matches!(self.receive().unwrap(), Some(Packet::Suback(_))));
    }

    /// The next message, which is acknowledged.
    pub(crate) fn hears(&mut self) -> Publish {
        let Some(Packet::Publish(publish)) = self.receive().unwrap() else { panic!("a message") };
        if let Some(id) = publish.delivery.id() {
            self.send(&Packet::Puback(Ack::new(id))).unwrap();
        }
        publish
    }

    /// There is no message on its way: the answer to a ping is all that comes.
    pub(crate) fn hears_nothing(&mut self) {
        self.send(&Packet::Pingreq).unwrap();
        assert!(matches!(self.receive().unwrap(), Some(Packet::Pingresp)));
    }

    /// A connection on which nothing has been said.
    pub(crate) fn dial(broker: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(broker)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let level = ProtocolLevel::V311;
        let (encoder, decoder) = (Encoder::new(level), Decoder::client(level, 1 << 20));
        Ok(Client { stream, encoder, decoder, read: BytesMut::new(), last_id: 0 })
    }

    /// QoS 0: sent, and nothing comes back.
    pub(crate) fn tell(&mut self, topic: &str, payload: &[u8]) {
        self.send(&publish(topic, payload, Delivery::AtMostOnce)).unwrap();
    }

    /// QoS 1, and waits for the acknowledgement.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.last_id = self.last_id % u16::MAX + 1;
        let id = PacketId::new(self.last_id).unwrap();
        self.send(&publish(topic, payload, Delivery::AtLeastOnce { id, dup: false })).unwrap();
        self.acknowledged(id);
    }

    /// QoS 1; whether the acknowledgement came before the connection ended.
    pub(crate) fn try_publish(&mut self, topic: &str, payload: &[u8]) -> bool {
        self.last_id = self.last_id % u16::MAX + 1;
        let id = PacketId::new(self.last_id).unwrap();
        let sent = self.send(&publish(topic, payload, Delivery::AtLeastOnce { id, dup: false }));
        sent.is_ok() && matches!(self.receive(), Ok(Some(Packet::Puback(ack))) if ack.id == id)
    }

    /// QoS 2, with all four packets.
    pub(crate) fn publish_exactly_once(&mut self, topic: &str, payload: &[u8]) {
        self.last_id = self.last_id % u16::MAX + 1;
        let id = PacketId::new(self.last_id).unwrap();
        self.send(&publish(topic, payload, Delivery::ExactlyOnce { id, dup: false })).unwrap();
        assert!(matches!(self.receive().unwrap(), Some(Packet::Pubrec(ack)) if ack.id == id));
        self.send(&Packet::Pubrel(Ack::new(id))).unwrap();
        assert!(matches!(self.receive().unwrap(), Some(Packet::Pubcomp(ack)) if ack.id == id));
    }

    /// The same packet once more, as a client that missed the acknowledgement sends it.
    pub(crate) fn publish_again(&mut self, topic: &str, payload: &[u8]) {
        let id = PacketId::new(self.last_id).unwrap();
        self.send(&publish(topic, payload, Delivery::AtLeastOnce { id, dup: true })).unwrap();
        self.acknowledged(id);
    }

    /// Bytes that are no packet.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, packet: &Packet) -> io::Result<()> {
        self.send_all(std::slice::from_ref(packet))
    }

    /// Several packets in one write.
    pub(crate) fn send_all(&mut self, packets: &[Packet]) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        packets.iter().for_each(|packet| self.encoder.encode(packet, &mut bytes).unwrap());
        self.stream.write_all(&bytes)
    }

    /// The next packet; nothing when the broker has closed the connection.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Packet>> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.read).map_err(io::Error::other)? {
                return Ok(Some(packet));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk)? {
                0 => return Ok(None),
                bytes => self.read.extend_from_slice(&chunk[..bytes]),
            }
        }
    }

    /// Says goodbye and waits until the broker has closed the connection: what comes from then on is for a client that is away.
    pub(crate) fn disconnect(mut self) {
        self.send(&Packet::Disconnect(Disconnect::default())).unwrap();
        loop {
            match self.receive() {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
                Err(error) => panic!("the broker does not close: {error}"),
            }
        }
    }

    fn acknowledged(&mut self, id: PacketId) {
        match self.receive().unwrap() {
            Some(Packet::Puback(ack)) => assert_eq!(ack.id, id),
            other => panic!("expected a PUBACK, got {other:?}"),
        }
    }
}

/// A PUBLISH packet.
pub(crate) fn publish(topic: &str, payload: &[u8], delivery: Delivery) -> Packet {
    Packet::Publish(Publish::new(topic.parse().unwrap(), Bytes::copy_from_slice(payload), delivery))
}
