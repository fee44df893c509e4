//! The fixed header (section 2.2): packet type, its four flag bits, the remaining length in one to four bytes.
//!
//! Everything that can be refused from these two to five bytes is refused here, before a body is waited for.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::error::{DecodeError, EncodeError};

/// Largest remaining length four bytes can say (section 2.2.3).
const BODY_BYTES_MAX: usize = 268_435_455;

/// Largest packet the protocol can carry, fixed header included.
pub const PACKET_BYTES_MAX: usize = 5 + BODY_BYTES_MAX;

/// Control packet type (Table 2.1). 0 is reserved at every level, 15 at this one.
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
        None,
    ];

    pub(crate) fn from_first_byte(first: u8) -> Result<Self, DecodeError> {
        let number = first >> 4;
        Self::BY_NUMBER[usize::from(number)].ok_or(DecodeError::ReservedType { number })
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

    /// Only a client may send this (Table 2.1).
    pub(crate) fn is_from_client_only(self) -> bool {
        use Kind::{Connect, Disconnect, Pingreq, Subscribe, Unsubscribe};
        matches!(self, Connect | Subscribe | Unsubscribe | Pingreq | Disconnect)
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
}

/// Reads the remaining length from a packet's start; `None` while it is not all there. A length in more bytes than
/// it needs is taken: this protocol level does not forbid it.
pub(crate) fn read_frame(packet: &[u8]) -> Result<Option<Frame>, DecodeError> {
    let mut body_bytes = 0;
    for (index, byte) in packet.iter().skip(1).take(4).enumerate() {
        body_bytes |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(Frame { header_bytes: index + 2, body_bytes }));
        }
    }
    if packet.len() > 4 { Err(DecodeError::RemainingLength) } else { Ok(None) }
}

/// Writes a fixed header and makes room for the body; writes nothing when the body is too long.
pub(crate) fn put(first_byte: u8, body_bytes: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    if body_bytes > BODY_BYTES_MAX {
        return Err(EncodeError::PacketTooLarge { bytes: body_bytes });
    }
    out.reserve(5 + body_bytes);
    out.put_u8(first_byte);
    let mut rest = body_bytes;
    while rest > 0x7f {
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
    Ok(())
}
