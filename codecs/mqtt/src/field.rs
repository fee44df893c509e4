//! Fields of a packet's body, read in order and never past its end, and their counterparts for writing.
//!
//! A [`Fields`] borrows the body; what it hands out as owned is a copy. That is meant for packets whose fields outlive
//! them (CONNECT, SUBSCRIBE): a client identifier that shares the read buffer would keep all of it alive. A PUBLISH with
//! properties names its source, and then every field is a slice of that.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use crate::ack::PacketId;
use crate::connect::ProtocolLevel;
use crate::decoder::Role;
use crate::error::{DecodeError, EncodeError};
use crate::header::{Kind, read_varint};
use crate::property::{Place, Property};
use crate::reason::ReasonCode;
use crate::text::{FIELD_BYTES_MAX, Text};
use crate::user::{UserLimit, UserProperty};

/// What decoding a body depends on besides its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) role: Role,
    pub(crate) level: ProtocolLevel,
    pub(crate) user: UserLimit,
}

impl Scope {
    pub(crate) fn has_properties(self) -> bool {
        self.level == ProtocolLevel::V5
    }
}

/// The rest of one packet's body.
pub(crate) struct Fields<'a> {
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    rest: &'a [u8],
    source: Option<&'a Bytes>,
    /// What the list of properties being read has taken of [`Scope::user`].
    user_bytes: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(kind: Kind, scope: Scope, body: &'a [u8]) -> Self {
        Self { kind, scope, rest: body, source: None, user_bytes: 0 }
    }

    /// Owned fields will be slices of `source`, which holds the body.
    pub(crate) fn sharing(self, source: &'a Bytes) -> Self {
        Self { source: Some(source), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn long(&mut self) -> Result<u32, DecodeError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A variable byte integer (MQTT 5.0 section 1.5.5).
    pub(crate) fn varint(&mut self) -> Result<u32, DecodeError> {
        let kind = self.kind;
        let varint = read_varint(self.rest).map_err(|_| DecodeError::VariableInteger { kind })?;
        let varint = varint.ok_or(DecodeError::Truncated { kind })?;
        if varint.is_overlong() {
            return Err(DecodeError::VariableInteger { kind });
        }
        self.take(varint.bytes)?;
        Ok(varint.value as u32)
    }

    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.number()?).ok_or(DecodeError::PacketIdZero { kind: self.kind })
    }

    pub(crate) fn reason(&mut self) -> Result<ReasonCode, DecodeError> {
        let code = self.byte()?;
        let reason = ReasonCode::new(code).filter(|reason| reason.fits(self.kind));
        reason.ok_or(DecodeError::ReasonCode { kind: self.kind, code })
    }

    /// Bytes behind a two-byte length.
    pub(crate) fn slice(&mut self) -> Result<&'a [u8], DecodeError> {
        let bytes = self.number()?;
        self.take(usize::from(bytes))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let slice = self.slice()?;
        Ok(self.own(slice))
    }

    pub(crate) fn text(&mut self) -> Result<Text, DecodeError> {
        let slice = self.slice()?;
        Text::check(slice)?;
        Ok(Text::from_checked(self.own(slice)))
    }

    fn own(&self, slice: &[u8]) -> Bytes {
        self.source.map_or_else(|| Bytes::copy_from_slice(slice), |source| source.slice_ref(slice))
    }

    /// A list of properties without its length.
    pub(crate) fn section(&mut self) -> Result<Self, DecodeError> {
        let bytes = self.varint()?;
        let rest = self.take(bytes as usize)?;
        Ok(Self { rest, user_bytes: 0, ..*self })
    }

    pub(crate) fn property(&mut self) -> Result<Property, DecodeError> {
        let number = self.varint()?;
        Property::new(number).ok_or(DecodeError::PropertyUnknown { kind: self.kind, number })
    }

    /// A byte that is 0 or 1.
    pub(crate) fn flag(&mut self, property: Property) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(self.wrong_value(property, u32::from(value))),
        }
    }

    pub(crate) fn receive_max(&mut self) -> Result<NonZeroU16, DecodeError> {
        NonZeroU16::new(self.number()?).ok_or(self.wrong_value(Property::ReceiveMax, 0))
    }

    pub(crate) fn packet_bytes_max(&mut self) -> Result<NonZeroU32, DecodeError> {
        NonZeroU32::new(self.long()?).ok_or(self.wrong_value(Property::PacketBytesMax, 0))
    }

    pub(crate) fn user(&mut self, into: &mut Vec<UserProperty>) -> Result<Place, DecodeError> {
        let before = self.rest.len();
        let (name, value) = (self.slice()?, self.slice()?);
        self.user_bytes += before - self.rest.len() - 4;
        let UserLimit { count_max, bytes_max } = self.scope.user;
        if into.len() >= count_max || self.user_bytes > bytes_max {
            return Err(DecodeError::UserProperties { kind: self.kind, count_max, bytes_max });
        }
        Text::check(name)?;
        Text::check(value)?;
        let (name, value) = (self.own(name), self.own(value));
        into.push(UserProperty { name: Text::from_checked(name), value: Text::from_checked(value) });
        Ok(Place::Often)
    }

    pub(crate) fn wrong_value(&self, property: Property, value: u32) -> DecodeError {
        DecodeError::PropertyValue { kind: self.kind, property, value }
    }

    pub(crate) fn misplaced(&self, property: Property) -> DecodeError {
        DecodeError::PropertyMisplaced { kind: self.kind, property }
    }

    pub(crate) fn repeated(&self, property: Property) -> DecodeError {
        DecodeError::PropertyRepeated { kind: self.kind, property }
    }

    /// The packet ends here.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::TrailingBytes { kind: self.kind, bytes }),
        }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(bytes).ok_or(DecodeError::Truncated { kind: self.kind })?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Length of a field with its two length bytes.
pub(crate) fn field_bytes(field: &[u8]) -> usize {
    2 + field.len()
}

/// For fields whose type does not already hold the limit.
pub(crate) fn check_field(name: &'static str, field: &[u8]) -> Result<(), EncodeError> {
    match field.len() {
        0..=FIELD_BYTES_MAX => Ok(()),
        bytes => Err(EncodeError::FieldTooLong { name, bytes }),
    }
}

/// Writes a field that is within [`FIELD_BYTES_MAX`].
pub(crate) fn put_field(field: &[u8], out: &mut BytesMut) {
    let bytes = u16::try_from(field.len()).expect("the field's type or check_field holds the limit");
    out.put_u16(bytes);
    out.put_slice(field);
}
