//! Addresses of tags as people write them: `DB1.DBD4:REAL`, `DB1.DBX0.3`, `M0.1`, `MW10:INT`, `DB2.DBB10:STRING[20]`.
//!
//! Capitals or not, English or German, with TIA Portal's `%` in front or not. The letter says how wide a value is and has to agree with
//! its type; what has eight bytes or is text begins at a byte (`B`). Without a type it is a BOOL, BYTE, WORD or DWORD.

use crate::item::{Area, Extent, Item};
use crate::kind::Kind;

/// Where a value is and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    pub area: Area,
    /// Its first byte.
    pub at: u32,
    pub kind: Kind,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    #[error("it is no address")]
    Form,
    #[error("it is a name, and only addresses can be read")]
    Symbolic,
    #[error("it has a type that is not known")]
    Type,
    #[error("its width and its type do not go together")]
    Width,
    #[error("{0}")]
    Range(&'static str),
}

impl TagError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "TG-SI-001",
            Self::Symbolic => "TG-SI-002",
            Self::Type => "TG-SI-003",
            Self::Width => "TG-SI-004",
            Self::Range(_) => "TG-SI-005",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Form => {
                "write DB1.DBD4:REAL, DB1.DBX0.3, M0.1, MW10, I0.0 or Q4.1; timers and counters are read by copying them to a block"
            }
            Self::Symbolic => {
                "PUT/GET knows neither names nor blocks with optimised access: switch that access off in the block's properties, compile, and give the offset shown there"
            }
            Self::Type => {
                "known are BOOL, BYTE, WORD, DWORD, LWORD, SINT, INT, DINT, LINT, USINT, UINT, UDINT, ULINT, REAL, LREAL, CHAR, STRING[n], TIME, S5TIME and DATE_AND_TIME"
            }
            Self::Width => {
                "X is a bit, B one byte or the first of eight or of a text, W two bytes, D four: DB1.DBW2:INT, DB1.DBD4:REAL, DB1.DBB8:LREAL"
            }
            Self::Range(_) => "blocks are 1 to 65535, bytes 0 to 2097151, bits 0 to 7, texts 1 to 254 long",
        }
    }
}

impl Tag {
    pub fn parse(text: &str) -> Result<Tag, TagError> {
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix('%').unwrap_or(&text);
        let (address, kind) = match text.split_once(':') {
            Some((address, kind)) => (address, Some(kind)),
            None => (text, None),
        };
        let (area, rest) = area(address)?;
        let place = Place::parse(rest)?;
        let kind = place.kind(kind)?;
        let end = u64::from(place.at) + u64::from(kind.bytes());
        if end > u64::from(Item::AT_MAX) + 1 {
            return Err(TagError::Range("it ends behind the last byte there can be"));
        }
        Ok(Tag { area, at: place.at, kind })
    }

    /// How many bytes have to be read.
    pub fn bytes(&self) -> u16 {
        self.kind.bytes()
    }

    /// The first byte behind it.
    pub(crate) fn end(&self) -> u32 {
        self.at + u32::from(self.bytes())
    }

    /// Where a value of so many bytes is written. The capacity of a text stays what the station says.
    pub(crate) fn item(&self, bytes: u16) -> Item {
        let Tag { area, at, kind } = *self;
        match kind {
            Kind::Bool(bit) => Item { area, at, extent: Extent::Bit(bit) },
            Kind::Text(_) => Item { area, at: at + 1, extent: Extent::Bytes(bytes) },
            _ => Item { area, at, extent: Extent::Bytes(bytes) },
        }
    }
}

/// The area, and what is left behind it: width and numbers.
fn area(address: &str) -> Result<(Area, &str), TagError> {
    if let Some(block) = address.strip_prefix("DB") {
        let (number, rest) = block.split_once('.').ok_or(TagError::Form)?;
        let rest = rest.strip_prefix("DB").ok_or(symbolic_or(rest, TagError::Form))?;
        let number = number_of(number)?;
        let block = u16::try_from(number).ok().filter(|number| *number != 0);
        let block = block.ok_or(TagError::Range("there is no data block of that number"))?;
        return Ok((Area::Block(block), rest));
    }
    let area = match address.chars().next() {
        Some('I' | 'E') => Area::Inputs,
        Some('Q' | 'A') => Area::Outputs,
        Some('M') => Area::Flags,
        _ => return Err(symbolic_or(address, TagError::Form)),
    };
    Ok((area, &address[1..]))
}

/// A name of TIA Portal is in quotes, or has a word where an address has a number.
fn symbolic_or(text: &str, other: TagError) -> TagError {
    let is_word = |part: &str| part.bytes().filter(u8::is_ascii_alphabetic).count() > 2;
    let is_name = text.contains('"') || !text.is_ascii() || text.split('.').any(is_word);
    if is_name { TagError::Symbolic } else { other }
}

fn number_of(text: &str) -> Result<u32, TagError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(symbolic_or(text, TagError::Form));
    }
    text.parse().map_err(|_| TagError::Range("it has a number that is too large"))
}

/// A place in an area, as far as an address says it without a type.
struct Place {
    width: u8,
    at: u32,
    bit: Option<u8>,
}

impl Place {
    fn parse(text: &str) -> Result<Place, TagError> {
        let width = text.bytes().next().filter(|byte| b"XBWD".contains(byte));
        let numbers = if width.is_some() { &text[1..] } else { text };
        let (at, bit) = match numbers.split_once('.') {
            Some((at, bit)) => (number_of(at)?, Some(number_of(bit)?)),
            None => (number_of(numbers)?, None),
        };
        let width = width.unwrap_or(b'X');
        if bit.is_some() != (width == b'X') {
            return Err(TagError::Form);
        }
        let bit = match bit {
            Some(bit) if bit > 7 => return Err(TagError::Range("a byte has bits 0 to 7")),
            bit => bit.map(|bit| bit as u8),
        };
        Ok(Place { width, at, bit })
    }

    fn kind(&self, name: Option<&str>) -> Result<Kind, TagError> {
        let kind = match (self.bit, name) {
            (Some(bit), None | Some("BOOL")) => return Ok(Kind::Bool(bit)),
            (None, None) => Kind::Unsigned(self.width_bytes()),
            (None, Some("BOOL")) => return Err(TagError::Width),
            (_, Some(name)) => named(name)?,
        };
        let begins_at_byte = matches!(kind, Kind::Text(_)) || kind.bytes() == 8;
        let fits =
            if begins_at_byte { self.width == b'B' } else { kind.bytes() == self.width_bytes().into() };
        if fits && self.bit.is_none() { Ok(kind) } else { Err(TagError::Width) }
    }

    fn width_bytes(&self) -> u8 {
        match self.width {
            b'W' => 2,
            b'D' => 4,
            _ => 1,
        }
    }
}

fn named(name: &str) -> Result<Kind, TagError> {
    let length = name.strip_prefix("STRING[").and_then(|rest| rest.strip_suffix(']'));
    let Some(length) = length else { return Kind::named(name).ok_or(TagError::Type) };
    match length.parse() {
        Ok(bytes_max @ 1..=Kind::TEXT_BYTES_MAX) => Ok(Kind::Text(bytes_max)),
        _ => Err(TagError::Range("a text has room for 1 to 254 bytes")),
    }
}
