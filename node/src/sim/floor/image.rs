//! What stands in a PLC: blocks of bytes, of a number the highest first. S7 has them as data blocks from 1 on. The first is what Modbus
//! has as registers, input and holding registers alike, and bit by bit as coils and inputs. What stands where has a name for OPC UA.

use std::fmt;

/// What moves the bytes.
pub(crate) trait Life: Send + 'static {
    /// What stands from byte `at` of a block on is about to be read.
    fn refresh(&mut self, blocks: &mut [Vec<u8>], block: usize, at: usize);
    /// Something was written.
    fn written(&mut self, blocks: &[Vec<u8>]);
}

/// One value of the first block, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// Its first byte.
    pub(crate) at: usize,
    pub(crate) kind: Kind,
    pub(crate) is_writable: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Four bytes.
    Real,
    /// Four bytes.
    Count,
    /// The lowest bit of a byte.
    Flag,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Real(f32),
    Count(u32),
    Flag(bool),
}

/// The bytes, and what moves them.
pub(crate) struct Image {
    blocks: Vec<Vec<u8>>,
    variables: Vec<Variable>,
    life: Box<dyn Life>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").finish_non_exhaustive()
    }
}

impl Image {
    pub(crate) fn new(blocks: Vec<Vec<u8>>, life: impl Life) -> Image {
        Image { blocks, variables: Vec::new(), life: Box::new(life) }
    }

    pub(crate) fn with(self, variables: Vec<Variable>) -> Image {
        Image { variables, ..self }
    }

    /// Those that stand in the first block, with what they are now.
    pub(super) fn variables(&mut self) -> Vec<(Variable, Value)> {
        let variables = self.variables.clone();
        variables
            .into_iter()
            .filter_map(|variable| self.value(&variable).map(|value| (variable, value)))
            .collect()
    }

    pub(super) fn value(&mut self, variable: &Variable) -> Option<Value> {
        if let Kind::Flag = variable.kind {
            return Some(Value::Flag(self.read(0, variable.at, 1)?[0] & 1 == 1));
        }
        let bytes = *self.read(0, variable.at, 4)?.first_chunk()?;
        Some(match variable.kind {
            Kind::Real => Value::Real(f32::from_be_bytes(bytes)),
            _ => Value::Count(u32::from_be_bytes(bytes)),
        })
    }

    pub(super) fn put(&mut self, variable: &Variable, value: Value) -> Option<()> {
        match value {
            Value::Real(real) => self.write(0, variable.at, &real.to_be_bytes()),
            Value::Count(count) => self.write(0, variable.at, &count.to_be_bytes()),
            Value::Flag(flag) => self.write_bits(0, 8 * variable.at, &[flag]),
        }
    }

    pub(super) fn has(&self, block: usize) -> bool {
        block < self.blocks.len()
    }

    /// Nothing where not all of them are there.
    pub(super) fn read(&mut self, block: usize, at: usize, bytes: usize) -> Option<&[u8]> {
        self.life.refresh(&mut self.blocks, block, at);
        self.blocks.get(block)?.get(at..at + bytes)
    }

    /// Bits of a block, counted from the lowest of its first byte.
    pub(super) fn bits(&mut self, block: usize, from: usize, many: usize) -> Option<Vec<bool>> {
        let at = from / 8;
        let bytes = self.read(block, at, (from + many).div_ceil(8) - at)?;
        Some((from - 8 * at..).take(many).map(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1).collect())
    }

    /// All of them or none.
    pub(super) fn write(&mut self, block: usize, at: usize, bytes: &[u8]) -> Option<()> {
        self.blocks.get_mut(block)?.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        self.life.written(&self.blocks);
        Some(())
    }

    /// As [`Image::bits`].
    pub(super) fn write_bits(&mut self, block: usize, from: usize, bits: &[bool]) -> Option<()> {
        let bytes = self.blocks.get_mut(block).filter(|bytes| from + bits.len() <= 8 * bytes.len())?;
        for (bit, is_on) in (from..).zip(bits) {
            let mask = 1 << (bit % 8);
            bytes[bit / 8] = if *is_on { bytes[bit / 8] | mask } else { bytes[bit / 8] & !mask };
        }
        self.life.written(&self.blocks);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;

    impl Life for Still {
        fn refresh(&mut self, _: &mut [Vec<u8>], _: usize, _: usize) {}
        fn written(&mut self, _: &[Vec<u8>]) {}
    }

    #[test]
    fn bits_are_counted_from_the_lowest_of_the_first_byte_and_their_neighbours_stay() {
        let mut image = Image::new(vec![vec![0b0000_0010, 0b1000_0000]], Still);
        assert_eq!(image.bits(0, 0, 3), Some(vec![false, true, false]));
        assert_eq!(image.write_bits(0, 7, &[true, true]), Some(()));
        assert_eq!(image.read(0, 0, 2), Some(&[0b1000_0010, 0b1000_0001][..]));
        assert_eq!(image.bits(0, 7, 2), Some(vec![true, true]));
        assert_eq!(image.bits(0, 15, 1), Some(vec![true]));
    }

    #[test]
    fn what_is_not_all_there_is_neither_read_nor_written() {
        let mut image = Image::new(vec![vec![1, 2]], Still);
        assert_eq!(image.read(0, 1, 2), None);
        assert_eq!(image.read(1, 0, 1), None);
        assert_eq!(image.write(0, 1, &[7, 7]), None);
        assert_eq!(image.write_bits(0, 15, &[true, true]), None);
        assert_eq!(image.bits(0, 15, 2), None);
        assert_eq!(image.read(0, 0, 2), Some(&[1, 2][..]));
    }
}
