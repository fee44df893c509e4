//! Little-endian numbers at the end of a buffer, and at the front of a slice. Pure.

use crate::form::NotAFact;

pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.raw(&number.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, number: i64) {
        self.raw(&number.to_le_bytes());
    }
}

/// Takes from the front; says how many bytes there were if they end too soon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, whole: bytes.len() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], NotAFact> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(NotAFact::Short(self.whole))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], NotAFact> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(NotAFact::Short(self.whole))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, NotAFact> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, NotAFact> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, NotAFact> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, NotAFact> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, NotAFact> {
        self.array().map(i64::from_le_bytes)
    }
}
