//! Fields of a packet's body, read in order and never past its end, and their counterparts for writing.
//!
//! A [`Fields`] borrows the body; what it hands out as owned is a copy. That is meant for packets whose fields outlive
//! them (CONNECT, SUBSCRIBE): a client identifier that shares the read buffer would keep all of it alive. PUBLISH takes
//! its slices from the buffer itself.

use bytes::{BufMut, Bytes, BytesMut};

use crate::ack::PacketId;
use crate::error::{DecodeError, EncodeError};
use crate::header::Kind;
use crate::text::{FIELD_BYTES_MAX, Text};

/// The rest of one packet's body.
pub(crate) struct Fields<'a> {
    kind: Kind,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(kind: Kind, body: &'a [u8]) -> Self {
        Self { kind, rest: body }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.number()?).ok_or(DecodeError::PacketIdZero { kind: self.kind })
    }

    /// Bytes behind a two-byte length.
    pub(crate) fn slice(&mut self) -> Result<&'a [u8], DecodeError> {
        let bytes = self.number()?;
        self.take(usize::from(bytes))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        Ok(Bytes::copy_from_slice(self.slice()?))
    }

    pub(crate) fn text(&mut self) -> Result<Text, DecodeError> {
        let slice = self.slice()?;
        Text::check(slice)?;
        Ok(Text::from_checked(Bytes::copy_from_slice(slice)))
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
