//! The fixed header (section 2.2): packet type, its four flag bits, the remaining length in one to four bytes.
//!
//! Everything that can be refused from these two to five bytes is refused here, before a body is waited for.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::connect::ProtocolLevel;
use crate::error::{DecodeError, EncodeError};

/// Largest remaining length four bytes can say (section 2.2.3).
const BODY_BYTES_MAX: usize = 268_435_455;

/// Largest packet the protocol can carry, fixed header included.
pub const PACKET_BYTES_MAX: usize = 5 + BODY_BYTES_MAX;

/// Control packet type (Table 2.1). 0 is reserved at every level, 15 at that of 3.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl Kind {
    const BY_NUMBER: [Option<Self>; 16] = [
        None,
        Some(Self::Connect),
        Some(Self::Connack),
        Some(Self::Publish),
        Some(Self::Puback),
        Some(Self::Pubrec),
        Some(Self::Pubrel),
        Some(Self::Pubcomp),
        Some(Self::Subscribe),
        Some(Self::Suback),
        Some(Self::Unsubscribe),
        Some(Self::Unsuback),
        Some(Self::Pingreq),
        Some(Self::Pingresp),
        Some(Self::Disconnect),
        Some(Self::Auth),
    ];

    pub(crate) fn from_first_byte(first: u8, level: Option<ProtocolLevel>) -> Result<Self, DecodeError> {
        let number = first >> 4;
        let kind = Self::BY_NUMBER[usize::from(number)];
        let known = kind.filter(|kind| *kind != Self::Auth || level == Some(ProtocolLevel::V5));
        known.ok_or(DecodeError::ReservedType { number })
    }

    /// The value Table 2.2 prescribes; `None` for PUBLISH, whose flags carry meaning.
    pub(crate) fn flags_fixed(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => Some(0b0010),
            _ => Some(0b0000),
        }
    }

    pub(crate) fn first_byte(self, flags: u8) -> u8 {
        (self as u8) << 4 | flags
    }

    /// The first byte of any packet of this type but PUBLISH.
    pub(crate) fn fixed_byte(self) -> u8 {
        self.first_byte(self.flags_fixed().unwrap_or(0))
    }

    /// Only a client may send this (Table 2.1).
    pub(crate) fn is_from_client_only(self, level: Option<ProtocolLevel>) -> bool {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => true,
            Self::Disconnect => level != Some(ProtocolLevel::V5),
            _ => false,
        }
    }

    /// Only a server may send this (Table 2.1).
    pub(crate) fn is_from_server_only(self) -> bool {
        matches!(self, Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_ascii_uppercase())
    }
}

/// Where the body lies behind the fixed header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) header_bytes: usize,
    pub(crate) body_bytes: usize,
}

impl Frame {
    pub(crate) fn packet_bytes(self) -> usize {
        self.header_bytes + self.body_bytes
    }

    /// MQTT 5.0 forbids it [MQTT-1.5.5-1], 3.1.1 does not.
    pub(crate) fn is_overlong(self) -> bool {
        Varint { value: self.body_bytes, bytes: self.header_bytes - 1 }.is_overlong()
    }
}

/// A number in one to four bytes of seven bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Varint {
    pub(crate) value: usize,
    pub(crate) bytes: usize,
}

impl Varint {
    pub(crate) fn is_overlong(self) -> bool {
        self.bytes > varint_bytes(self.value)
    }
}

/// Longer than four bytes.
pub(crate) struct VarintTooLong;

/// Reads a number; `None` while it is not all there.
pub(crate) fn read_varint(rest: &[u8]) -> Result<Option<Varint>, VarintTooLong> {
    let mut value = 0;
    for (index, byte) in rest.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(Varint { value, bytes: index + 1 }));
        }
    }
    if rest.len() > 3 { Err(VarintTooLong) } else { Ok(None) }
}

/// Reads the remaining length from a packet's start; `None` while it is not all there.
pub(crate) fn read_frame(packet: &[u8]) -> Result<Option<Frame>, DecodeError> {
    let length = read_varint(&packet[1..]).map_err(|_| DecodeError::RemainingLength)?;
    Ok(length.map(|length| Frame { header_bytes: 1 + length.bytes, body_bytes: length.value }))
}

pub(crate) fn varint_bytes(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

pub(crate) fn put_varint(value: usize, out: &mut impl BufMut) {
    let mut rest = value;
    while rest > 0x7f {
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

/// Length of a packet with its fixed header.
pub(crate) fn packet_bytes(body_bytes: usize) -> usize {
    1 + varint_bytes(body_bytes) + body_bytes
}

pub(crate) fn check_body(bytes: usize) -> Result<(), EncodeError> {
    if bytes > BODY_BYTES_MAX { Err(EncodeError::PacketTooLarge { bytes }) } else { Ok(()) }
}

/// Writes a fixed header and makes room for the body; writes nothing when the body is too long.
pub(crate) fn put(first_byte: u8, body_bytes: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    check_body(body_bytes)?;
    out.reserve(5 + body_bytes);
    out.put_u8(first_byte);
    put_varint(body_bytes, out);
    Ok(())
}
