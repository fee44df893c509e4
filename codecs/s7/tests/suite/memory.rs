//! A station's memory, as small as can be.

use bytes::Bytes;
use std::collections::BTreeMap;
use tidegate_codec_s7::{Area, Extent, Item, ItemFault, Memory};

#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks(pub(crate) BTreeMap<Area, Vec<u8>>);

impl Blocks {
    pub(crate) fn with(area: Area, bytes: Vec<u8>) -> Blocks {
        Blocks(BTreeMap::from([(area, bytes)]))
    }

    fn slice(&mut self, item: Item) -> Result<&mut [u8], ItemFault> {
        let block = self.0.get_mut(&item.area).ok_or(ItemFault::Missing)?;
        block.get_mut(item.at as usize..item.at as usize + item.bytes()).ok_or(ItemFault::Address)
    }
}

impl Memory for Blocks {
    fn read(&mut self, item: Item) -> Result<Bytes, ItemFault> {
        let bytes = self.slice(item)?;
        Ok(match item.extent {
            Extent::Bytes(_) => Bytes::copy_from_slice(bytes),
            Extent::Bit(bit) => vec![bytes[0] >> bit & 1].into(),
        })
    }

    fn write(&mut self, item: Item, value: &[u8]) -> Result<(), ItemFault> {
        let bytes = self.slice(item)?;
        match item.extent {
            Extent::Bytes(_) => bytes.copy_from_slice(value),
            Extent::Bit(bit) => bytes[0] = bytes[0] & !(1 << bit) | u8::from(value[0] != 0) << bit,
        }
        Ok(())
    }
}
