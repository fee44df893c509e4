//! Where a job reads or writes: an area, a byte in it, and how much from there (address specification S7ANY).

use crate::error::DecodeError;
use crate::fault::ItemFault;
use crate::read::Read;
use bytes::{BufMut, BytesMut};

/// Bytes of an item in a job.
pub(crate) const ITEM_BYTES: usize = 12;

const SPECIFICATION: u8 = 0x12;
const SPECIFICATION_BYTES: u8 = 10;
const S7ANY: u8 = 0x10;

const BIT: u8 = 0x01;
const BYTE: u8 = 0x02;
const INPUTS: u8 = 0x81;
const OUTPUTS: u8 = 0x82;
const FLAGS: u8 = 0x83;
const BLOCK: u8 = 0x84;

/// A stretch of memory whose bytes are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// `I`, in German `E`.
    Inputs,
    /// `Q`, in German `A`.
    Outputs,
    /// `M`.
    Flags,
    /// `DB`, by its number.
    Block(u16),
}

/// How much an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Bytes(u16),
    /// One of the eight of a byte. Written as a bit, its neighbours stay as they are.
    Bit(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub area: Area,
    /// The first byte.
    pub at: u32,
    pub extent: Extent,
}

impl Item {
    /// The last byte that an address of 24 bits, of which three name a bit, can say.
    pub const AT_MAX: u32 = (1 << 21) - 1;

    /// Bytes of its value in a PDU.
    pub fn bytes(&self) -> usize {
        match self.extent {
            Extent::Bytes(bytes) => bytes.into(),
            Extent::Bit(_) => 1,
        }
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        let (area, block) = match self.area {
            Area::Inputs => (INPUTS, 0),
            Area::Outputs => (OUTPUTS, 0),
            Area::Flags => (FLAGS, 0),
            Area::Block(block) => (BLOCK, block),
        };
        let (size, count, bit) = match self.extent {
            Extent::Bytes(bytes) => (BYTE, bytes, 0),
            Extent::Bit(bit) => (BIT, 1, bit),
        };
        out.put_slice(&[SPECIFICATION, SPECIFICATION_BYTES, S7ANY, size]);
        out.put_u16(count);
        out.put_u16(block);
        out.put_u8(area);
        out.put_uint(u64::from(self.at) << 3 | u64::from(bit), 3);
    }

    /// One that is well formed and not served here is a fault of that item alone.
    pub(crate) fn read(read: &mut Read) -> Result<Result<Item, ItemFault>, DecodeError> {
        const WHAT: &str = "an item";
        if (read.u8(WHAT)?, read.u8(WHAT)?) != (SPECIFICATION, SPECIFICATION_BYTES) {
            return Err(DecodeError::Contents("an item that is none"));
        }
        let (syntax, size, count) = (read.u8(WHAT)?, read.u8(WHAT)?, read.u16(WHAT)?);
        let (block, area, address) = (read.u16(WHAT)?, read.u8(WHAT)?, read.u24(WHAT)?);
        let area = match area {
            INPUTS => Area::Inputs,
            OUTPUTS => Area::Outputs,
            FLAGS => Area::Flags,
            BLOCK => Area::Block(block),
            _ => return Ok(Err(ItemFault::Missing)),
        };
        let extent = if syntax == S7ANY { extent(size, count, address) } else { Err(ItemFault::Type) };
        Ok(extent.map(|extent| Item { area, at: address >> 3, extent }))
    }
}

fn extent(size: u8, count: u16, address: u32) -> Result<Extent, ItemFault> {
    let width = match size {
        BIT if count == 1 => return Ok(Extent::Bit((address & 7) as u8)),
        BYTE | 0x03 => 1,
        0x04 | 0x05 => 2,
        0x06..=0x08 => 4,
        _ => return Err(ItemFault::Type),
    };
    count.checked_mul(width).map(Extent::Bytes).ok_or(ItemFault::Length)
}
