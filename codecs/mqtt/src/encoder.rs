//! Packets in, bytes out. A packet is written whole or not at all.

use bytes::{BufMut, BytesMut};

use crate::ack::{self, PacketId};
use crate::connect::ProtocolLevel;
use crate::error::EncodeError;
use crate::header::{self, Kind};
use crate::packet::Packet;
use crate::publish::Publish;

/// Writes packets at one protocol level, appending to a buffer the caller owns.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    level: ProtocolLevel,
}

impl Encoder {
    pub fn new(level: ProtocolLevel) -> Self {
        Self { level }
    }

    pub fn level(&self) -> ProtocolLevel {
        self.level
    }

    /// Appends one packet. After an error `out` holds what it held before.
    pub fn encode(&self, packet: &Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
        match packet {
            Packet::Connect(connect) => connect.put(out),
            Packet::Connack(connack) => connack.put(out),
            Packet::Publish(publish) => publish.put(out),
            Packet::Puback(one) | Packet::Pubrec(one) | Packet::Pubrel(one) | Packet::Pubcomp(one) => {
                ack::put(packet.kind(), one.id, out)
            }
            Packet::Subscribe(subscribe) => subscribe.put(out),
            Packet::Suback(suback) => suback.put(out),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.put(out),
            Packet::Unsuback(unsuback) => ack::put(Kind::Unsuback, unsuback.id, out),
            Packet::Pingreq | Packet::Pingresp | Packet::Disconnect(_) => {
                header::put(packet.kind().first_byte(0), 0, out)
            }
        }
    }

    /// The same bytes as [`Packet::Publish`], for a message that goes to many.
    pub fn publish(&self, publish: &Publish, out: &mut BytesMut) -> Result<(), EncodeError> {
        publish.put(out)
    }

    /// The same bytes as [`Packet::Puback`], four of them, which cannot fail.
    pub fn puback(&self, id: PacketId, out: &mut BytesMut) {
        let [high, low] = id.get().to_be_bytes();
        out.put_slice(&[Kind::Puback.first_byte(0), 2, high, low]);
    }
}
