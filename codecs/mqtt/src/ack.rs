//! Packet identifiers (section 2.3.1) and the packets that carry nothing else: PUBACK, PUBREC, PUBREL, PUBCOMP and
//! UNSUBACK. Which identifier is free is the session's business.

use std::fmt;
use std::num::NonZeroU16;

use bytes::{BufMut, BytesMut};

use crate::error::{DecodeError, EncodeError};
use crate::field::Fields;
use crate::header::{self, Kind};

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

/// One step of a delivery, for the message with this identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    pub id: PacketId,
}

impl Ack {
    pub fn new(id: PacketId) -> Self {
        Self { id }
    }
}

/// Answer to an UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsuback {
    pub id: PacketId,
}

impl Unsuback {
    pub fn new(id: PacketId) -> Self {
        Self { id }
    }
}

pub(crate) fn read(mut fields: Fields<'_>) -> Result<PacketId, DecodeError> {
    let id = fields.packet_id()?;
    fields.finish()?;
    Ok(id)
}

pub(crate) fn put(kind: Kind, id: PacketId, out: &mut BytesMut) -> Result<(), EncodeError> {
    header::put(kind.first_byte(kind.flags_fixed().unwrap_or(0)), 2, out)?;
    out.put_u16(id.get());
    Ok(())
}
