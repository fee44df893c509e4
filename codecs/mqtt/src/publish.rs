//! PUBLISH (section 3.3), the packet the hot path is made of.
//!
//! Reading one takes the packet out of the read buffer and slices topic and payload from it: no byte is copied and
//! nothing is allocated per packet. A kept slice keeps its read buffer alive; see [`crate::Text::detach`].

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::ack::PacketId;
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, field_bytes, put_field};
use crate::header::{self, Frame, Kind};
use crate::topic::TopicName;

const RETAIN: u8 = 0b0001;
const DUP: u8 = 0b1000;

/// Quality of service (section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

impl QoS {
    /// `None` for 3 and above, which mean nothing.
    pub const fn new(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// A quality of service with what it needs: an identifier, and whether this is a repeat, exist above QoS 0 only
/// [MQTT-2.3.1-5] [MQTT-3.3.1-2].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    AtMostOnce,
    AtLeastOnce { id: PacketId, dup: bool },
    ExactlyOnce { id: PacketId, dup: bool },
}

impl Delivery {
    pub fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    pub fn id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }

    pub fn is_dup(self) -> bool {
        matches!(self, Self::AtLeastOnce { dup: true, .. } | Self::ExactlyOnce { dup: true, .. })
    }
}

/// An application message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publish {
    pub topic: TopicName,
    pub payload: Bytes,
    pub delivery: Delivery,
    pub retain: bool,
}

impl Publish {
    /// Not retained; set the field where it is.
    pub fn new(topic: TopicName, payload: Bytes, delivery: Delivery) -> Self {
        Self { topic, payload, delivery, retain: false }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let topic = self.topic.as_bytes();
        let id = self.delivery.id();
        let body_bytes = field_bytes(topic) + id.map_or(0, |_| 2) + self.payload.len();
        header::put(Kind::Publish.first_byte(self.flags()), body_bytes, out)?;
        put_field(topic, out);
        if let Some(id) = id {
            out.put_u16(id.get());
        }
        out.put_slice(&self.payload);
        Ok(())
    }

    fn flags(&self) -> u8 {
        let dup = if self.delivery.is_dup() { DUP } else { 0 };
        let retain = if self.retain { RETAIN } else { 0 };
        dup | (self.delivery.qos() as u8) << 1 | retain
    }
}

/// Refuses the flag combinations that no PUBLISH may have.
pub(crate) fn check_flags(flags: u8) -> Result<QoS, DecodeError> {
    let qos = QoS::new(flags >> 1 & 0b11).ok_or(DecodeError::PublishQos)?;
    if qos == QoS::AtMostOnce && flags & DUP != 0 {
        return Err(DecodeError::DupAtMostOnce);
    }
    Ok(qos)
}

/// Takes a whole packet off the front of `buffer`, or leaves the buffer alone and says what is wrong.
pub(crate) fn take(flags: u8, frame: Frame, buffer: &mut BytesMut) -> Result<Publish, DecodeError> {
    let qos = check_flags(flags)?;
    let mut fields = Fields::new(Kind::Publish, &buffer[frame.header_bytes..frame.packet_bytes()]);
    let topic = fields.slice()?;
    TopicName::check(topic)?;
    let topic_bytes = topic.len();
    let dup = flags & DUP != 0;
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id: fields.packet_id()?, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id: fields.packet_id()?, dup },
    };
    let mut rest = buffer.split_to(frame.packet_bytes()).freeze();
    rest.advance(frame.header_bytes + 2);
    let topic = TopicName::from_checked(rest.split_to(topic_bytes));
    rest.advance(delivery.id().map_or(0, |_| 2));
    Ok(Publish { topic, payload: rest, delivery, retain: flags & RETAIN != 0 })
}
