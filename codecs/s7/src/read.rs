//! Numbers from the front of bytes that are there whole, big-endian all of them.

use crate::error::DecodeError;
use bytes::{Buf, Bytes};

/// What is left of a PDU.
#[derive(Debug)]
pub(crate) struct Read(pub(crate) Bytes);

impl Read {
    pub(crate) fn bytes(&mut self, count: usize, what: &'static str) -> Result<Bytes, DecodeError> {
        if count > self.0.len() {
            return Err(DecodeError::Short(what));
        }
        Ok(self.0.split_to(count))
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.0.try_get_u8().map_err(|_| DecodeError::Short(what))
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.0.try_get_u16().map_err(|_| DecodeError::Short(what))
    }

    /// Three bytes.
    pub(crate) fn u24(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let high = u32::from(self.u8(what)?);
        Ok(high << 16 | u32::from(self.u16(what)?))
    }

    pub(crate) fn skip(&mut self, count: usize, what: &'static str) -> Result<(), DecodeError> {
        self.bytes(count, what).map(drop)
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Contents("bytes behind its end")) }
    }
}
