//! Primitive types of the protocol, read from an answer that is there whole.

use bytes::{Buf, Bytes};

/// Bytes that are no answer to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("an answer has {0} bytes, more than are taken")]
    TooLong(usize),
    #[error("an answer ends amid {0}")]
    Short(&'static str),
    #[error("an answer has a {0} that is none")]
    Value(&'static str),
    #[error("an answer to request {found} came for request {expected}")]
    Correlation { expected: i32, found: i32 },
}

/// What is left of an answer.
#[derive(Debug)]
pub(crate) struct Read(pub(crate) Bytes);

impl Read {
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let bytes = *self.0.first_chunk::<N>().ok_or(Malformed::Short(what))?;
        self.0.advance(N);
        Ok(bytes)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        self.take("a byte").map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        self.take("a number of 16 bits").map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        self.take("a number of 32 bits").map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        self.take("a number of 64 bits").map(i64::from_be_bytes)
    }

    /// Nothing where its length is -1.
    pub(crate) fn nullable_string(&mut self) -> Result<Option<String>, Malformed> {
        let length = self.i16()?;
        self.text(i32::from(length))
    }

    pub(crate) fn string(&mut self) -> Result<String, Malformed> {
        self.nullable_string()?.ok_or(Malformed::Value("text"))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.i32()?;
        self.slice(length).map(Option::unwrap_or_default)
    }

    fn text(&mut self, length: i32) -> Result<Option<String>, Malformed> {
        let Some(bytes) = self.slice(length)? else { return Ok(None) };
        String::from_utf8(bytes.into()).map(Some).map_err(|_| Malformed::Value("text"))
    }

    fn slice(&mut self, length: i32) -> Result<Option<Bytes>, Malformed> {
        match usize::try_from(length) {
            Ok(length) if length <= self.0.len() => Ok(Some(self.0.split_to(length))),
            Ok(_) => Err(Malformed::Short("text or bytes")),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(Malformed::Value("length")),
        }
    }

    /// An array of items, each of at least `bytes_min` bytes; a null one is empty.
    pub(crate) fn array<T>(
        &mut self,
        bytes_min: usize,
        mut item: impl FnMut(&mut Read) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let many = usize::try_from(self.i32()?.max(0)).expect("it is not negative");
        if many.saturating_mul(bytes_min) > self.0.len() {
            return Err(Malformed::Short("an array"));
        }
        (0..many).map(|_| item(self)).collect()
    }
}
