//! Packet identifiers (section 2.3.1) and the steps of a delivery: PUBACK, PUBREC, PUBREL, PUBCOMP. Which identifier is
//! free is the session's business.

use std::fmt;
use std::num::NonZeroU16;

use bytes::{BufMut, BytesMut};

use crate::connect::ProtocolLevel;
use crate::encoder::{Body, Form, Words, check_reason};
use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::Kind;
use crate::property::{self, ListProperties, Place, Property, Sink, TakeProperty};
use crate::reason::ReasonCode;
use crate::text::Text;
use crate::user::{Properties, UserProperty, absent};

/// A packet identifier, never zero [MQTT-2.3.1-1].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    pub const MIN: Self = Self(NonZeroU16::MIN);
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// `None` for zero.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One step of a delivery, for the message with this identifier. MQTT 3.1.1 knows success only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    pub id: PacketId,
    pub reason: ReasonCode,
    pub properties: Properties<AckProperties>,
}

/// Words for people, of MQTT 5.0; the first thing left out where a packet would be too large.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AckProperties {
    pub reason_string: Option<Text>,
    pub user: Vec<UserProperty>,
}

absent! {
    AckProperties = AckProperties { reason_string: None, user: Vec::new() };
}

impl Ack {
    /// Success, without words.
    pub fn new(id: PacketId) -> Self {
        Self::with_reason(id, ReasonCode::Success)
    }

    pub fn with_reason(id: PacketId, reason: ReasonCode) -> Self {
        Self { id, reason, properties: Properties::none() }
    }

    /// The reason may be left out, and the properties behind it (section 3.4.2.1 and 3.4.2.2.1).
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, DecodeError> {
        let mut ack = Self::new(fields.packet_id()?);
        if fields.scope.has_properties() && !fields.is_empty() {
            ack.reason = fields.reason()?;
            if !fields.is_empty() {
                ack.properties = property::read_new(&mut fields)?;
            }
        }
        fields.finish()?;
        Ok(ack)
    }
}

impl TakeProperty for AckProperties {
    fn take(&mut self, property: Property, fields: &mut Fields<'_>) -> Result<Place, DecodeError> {
        match property {
            Property::ReasonString => self.reason_string = Some(fields.text()?),
            Property::UserProperty => return fields.user(&mut self.user),
            _ => return Ok(Place::Nowhere),
        }
        Ok(Place::Once)
    }
}

impl ListProperties for AckProperties {
    fn list(&self, sink: &mut Sink<'_>) {
        sink.words(self.reason_string.as_ref(), &self.user);
    }
}

/// An acknowledgement with the type it is sent as.
pub(crate) struct Numbered<'a> {
    pub(crate) kind: Kind,
    pub(crate) ack: &'a Ack,
}

impl Body for Numbered<'_> {
    const WORDS: Words = Words::IfAsked;

    fn first_byte(&self) -> u8 {
        self.kind.fixed_byte()
    }

    /// At level 3.1.1 a receiver would take a refusal for success.
    fn check(&self, level: ProtocolLevel) -> Result<(), EncodeError> {
        let refuses = matches!(self.kind, Kind::Puback | Kind::Pubrec) && self.ack.reason.is_failure();
        if refuses && level == ProtocolLevel::V311 {
            return Err(EncodeError::Level { kind: self.kind });
        }
        check_reason(self.kind, self.ack.reason)
    }

    fn body_bytes(&self, form: Form) -> usize {
        if !form.has_properties() {
            return 2;
        }
        match (form.list_bytes(&*self.ack.properties), self.ack.reason) {
            (1, ReasonCode::Success) => 2,
            (1, _) => 3,
            (list_bytes, _) => 3 + list_bytes,
        }
    }

    fn put_body(&self, form: Form, out: &mut BytesMut) {
        let body_bytes = self.body_bytes(form);
        out.put_u16(self.ack.id.get());
        if body_bytes > 2 {
            out.put_u8(self.ack.reason as u8);
        }
        if body_bytes > 3 {
            form.put_list(&*self.ack.properties, out);
        }
    }
}
