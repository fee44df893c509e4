//! PUBLISH (section 3.3), the packet the hot path is made of.
//!
//! Reading one takes the packet out of the read buffer and slices topic, payload and properties from it: no byte is
//! copied, and nothing is allocated for a packet without properties. A kept slice keeps its read buffer alive; see
//! [`crate::Text::detach`].

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::ack::PacketId;
use crate::alias::{Aliases, TopicAlias};
use crate::connect::ProtocolLevel;
use crate::decoder::Role;
use crate::encoder::{Body, Form};
use crate::error::{DecodeError, EncodeError};
use crate::field::{Fields, Scope};
use crate::forward::{Forward, Hop};
use crate::header::{Frame, Kind};
use crate::message::MessageProperties;
use crate::property::{self, Place, Property, TakeProperty};
use crate::subscribe::SubscriptionId;
use crate::topic::TopicName;
use crate::user::Properties;

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
    /// A decoder has looked up an alias already.
    pub topic: TopicName,
    pub payload: Bytes,
    pub delivery: Delivery,
    pub retain: bool,
    /// Of this connection only (MQTT 5.0 section 3.3.2.3.4). Written beside the topic; [`Encoder::forward`] can leave
    /// the topic out.
    ///
    /// [`Encoder::forward`]: crate::Encoder::forward
    pub alias: Option<TopicAlias>,
    /// From a server: the subscriptions that brought the message here, in any order [MQTT-3.3.4-4].
    pub subscription_ids: Vec<SubscriptionId>,
    /// What goes with the message to its end.
    pub properties: Properties<MessageProperties>,
}

impl Publish {
    /// Not retained and without properties; set the fields that differ.
    pub fn new(topic: TopicName, payload: Bytes, delivery: Delivery) -> Self {
        let (subscription_ids, properties) = (Vec::new(), Properties::none());
        Self { topic, payload, delivery, retain: false, alias: None, subscription_ids, properties }
    }

    /// A copy that no longer shares the read buffer; see [`crate::Text::detach`].
    pub fn detach(&self) -> Self {
        let properties = &self.properties;
        Self {
            topic: self.topic.detach(),
            payload: Bytes::copy_from_slice(&self.payload),
            properties: if properties.is_none() { Properties::none() } else { properties.detach().into() },
            subscription_ids: self.subscription_ids.clone(),
            ..*self
        }
    }

    fn hop(&self) -> Hop<'_> {
        Hop {
            delivery: self.delivery,
            retain: self.retain,
            alias: self.alias,
            topic_known: false,
            expiry_s: self.properties.expiry_s,
            subscription_ids: &self.subscription_ids,
        }
    }
}

impl Body for Publish {
    fn first_byte(&self) -> u8 {
        first_byte(self.delivery, self.retain)
    }

    fn check(&self, _: ProtocolLevel) -> Result<(), EncodeError> {
        self.properties.check()
    }

    fn body_bytes(&self, form: Form) -> usize {
        Forward { message: self, hop: &self.hop() }.body_bytes(form)
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        Forward { message: self, hop: &self.hop() }.put_body(form, out);
    }
}

pub(crate) fn first_byte(delivery: Delivery, retain: bool) -> u8 {
    let dup = if delivery.is_dup() { DUP } else { 0 };
    let retain = if retain { RETAIN } else { 0 };
    Kind::Publish.first_byte(dup | (delivery.qos() as u8) << 1 | retain)
}

/// Refuses the flag combinations that no PUBLISH may have.
pub(crate) fn check_flags(flags: u8) -> Result<QoS, DecodeError> {
    let qos = QoS::new(flags >> 1 & 0b11).ok_or(DecodeError::PublishQos)?;
    if qos == QoS::AtMostOnce && flags & DUP != 0 {
        return Err(DecodeError::DupAtMostOnce);
    }
    Ok(qos)
}

/// Takes a whole packet off the front of `buffer`, or leaves the buffer as it was and says what is wrong.
pub(crate) fn take(
    flags: u8,
    frame: Frame,
    scope: Scope,
    aliases: &mut Aliases,
    buffer: &mut BytesMut,
) -> Result<Publish, DecodeError> {
    let body = &buffer[frame.header_bytes..frame.packet_bytes()];
    let head = Head::read(flags, Fields::new(Kind::Publish, scope, body))?;
    let packet = buffer.split_to(frame.packet_bytes()).freeze();
    let outcome = head.fill(packet.slice(frame.header_bytes..), scope, aliases);
    if outcome.is_err() {
        put_back(&packet, buffer);
    }
    outcome
}

/// The end of a connection: a copy is cheap enough.
fn put_back(packet: &Bytes, buffer: &mut BytesMut) {
    let mut whole = BytesMut::with_capacity(packet.len() + buffer.len());
    whole.put_slice(packet);
    whole.put_slice(buffer);
    *buffer = whole;
}

/// What is read before the packet is taken.
struct Head {
    delivery: Delivery,
    retain: bool,
    topic_bytes: usize,
    /// Where the properties begin, or the payload at a level without.
    list_at: usize,
}

impl Head {
    fn read(flags: u8, mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let qos = check_flags(flags)?;
        let (body_bytes, has_properties) = (fields.rest().len(), fields.scope.has_properties());
        let topic = fields.slice()?;
        // An alias may stand in place of a topic.
        if !(has_properties && topic.is_empty()) {
            TopicName::check(topic)?;
        }
        let dup = flags & DUP != 0;
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { id: fields.packet_id()?, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { id: fields.packet_id()?, dup },
        };
        let list_at = body_bytes - fields.rest().len();
        Ok(Self { delivery, retain: flags & RETAIN != 0, topic_bytes: topic.len(), list_at })
    }

    fn fill(self, mut body: Bytes, scope: Scope, aliases: &mut Aliases) -> Result<Publish, DecodeError> {
        let topic = body.slice(2..2 + self.topic_bytes);
        body.advance(self.list_at);
        let (tail, list_bytes) =
            if scope.has_properties() { Tail::read(&body, scope)? } else { Tail::none() };
        tail.alias.map_or(Ok(()), |alias| aliases.check(alias))?;
        body.advance(list_bytes);
        Ok(Publish {
            topic: aliases.resolve(tail.alias, topic)?,
            payload: body,
            delivery: self.delivery,
            retain: self.retain,
            alias: tail.alias,
            subscription_ids: tail.subscription_ids,
            properties: tail.properties,
        })
    }
}

/// What a list of properties holds.
#[derive(Default)]
struct Tail {
    alias: Option<TopicAlias>,
    subscription_ids: Vec<SubscriptionId>,
    properties: Properties<MessageProperties>,
}

impl Tail {
    fn none() -> (Self, usize) {
        (Self::default(), 0)
    }

    /// With the bytes of the list and its length.
    fn read(body: &Bytes, scope: Scope) -> Result<(Self, usize), DecodeError> {
        if body.first() == Some(&0) {
            return Ok((Self::default(), 1));
        }
        let mut tail = Self::default();
        let mut fields = Fields::new(Kind::Publish, scope, body).sharing(body);
        property::read(&mut fields, &mut tail)?;
        Ok((tail, body.len() - fields.rest().len()))
    }
}

impl TakeProperty for Tail {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::TopicAlias => {
                let alias = TopicAlias::new(fields.number()?);
                self.alias = Some(alias.ok_or(DecodeError::TopicAlias { alias: 0, alias_max: 0 })?);
                Ok(Place::Once)
            }
            // [MQTT-3.3.4-6]
            Property::SubscriptionId if fields.scope.role == Role::Server => {
                Err(DecodeError::PropertyDirection { kind: Kind::Publish, property })
            }
            Property::SubscriptionId => {
                self.subscription_ids.push(SubscriptionId::read(fields)?);
                Ok(Place::Often)
            }
            other => self.properties.take(other, fields),
        }
    }
}
