//! Bytes to values and back. Everything is big-endian.
//!
//! A byte of a CHAR or STRING is a character of ISO 8859-1. A text is written without its capacity, which belongs to the station.

use crate::fault::ItemFault;
use crate::job::Write;
use crate::kind::Kind;
use crate::tag::Tag;
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    Text(String),
}

/// Why there is no value, or none to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    #[error(transparent)]
    Item(ItemFault),
    #[error("what was read is no value of its type")]
    Read,
    #[error("the value is none of its type")]
    Type,
    #[error("the value is outside of what its type can hold")]
    Range,
    #[error("tags of this type are only read")]
    ReadOnly,
    #[error("it does not fit into one PDU")]
    TooLong,
}

impl ValueError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Item(fault) => fault.code(),
            Self::Read => "TG-SI-030",
            Self::Type | Self::Range | Self::ReadOnly => "TG-SI-031",
            Self::TooLong => "TG-SI-032",
        }
    }

    pub fn hint(self) -> &'static str {
        match self {
            Self::Item(fault) => fault.hint(),
            Self::Read => "compare the address and the type with the block in the station's program",
            Self::Type | Self::Range => "give a value that the tag's type has",
            Self::ReadOnly => "write its bytes (DBB), or set it in the station's program",
            Self::TooLong => {
                "give the text the length it has in the block, STRING[n]: what is read at once is never torn"
            }
        }
    }
}

impl Tag {
    /// Of as many bytes as [`Tag::bytes`] says.
    pub fn value(&self, bytes: &[u8]) -> Result<Value, ValueError> {
        if bytes.len() != usize::from(self.bytes()) {
            return Err(ValueError::Read);
        }
        Ok(match self.kind {
            Kind::Bool(bit) => Value::Bool(bytes[0] >> bit & 1 == 1),
            Kind::Unsigned(_) => Value::Unsigned(unsigned(bytes)),
            Kind::Signed(_) | Kind::Time => Value::Signed(signed(bytes)),
            Kind::Real => Value::Real(f32::from_bits(unsigned(bytes) as u32).into()),
            Kind::Lreal => Value::Real(f64::from_bits(unsigned(bytes))),
            Kind::Char => Value::Text(char::from(bytes[0]).to_string()),
            Kind::S5Time => Value::Unsigned(s5time_ms(bytes).ok_or(ValueError::Read)?),
            Kind::DateAndTime => Value::Text(date_and_time(bytes).ok_or(ValueError::Read)?),
            Kind::Text(bytes_max) => Value::Text(text(bytes, bytes_max).ok_or(ValueError::Read)?),
        })
    }

    /// The write that sets it.
    pub fn write(&self, value: &Value) -> Result<Write, ValueError> {
        let bytes: Vec<u8> = match self.kind {
            Kind::Bool(_) => vec![as_bool(value)?.into()],
            Kind::Unsigned(bytes) => unsigned_bytes(as_integer(value)?, bytes.into())?,
            Kind::Signed(bytes) => signed_bytes(as_integer(value)?, bytes.into())?,
            Kind::Time => signed_bytes(as_integer(value)?, 4)?,
            Kind::Real => as_real(value)?.to_be_bytes().to_vec(),
            Kind::Lreal => as_number(value)?.to_be_bytes().to_vec(),
            Kind::Char => Some(latin_1(value)?).filter(|bytes| bytes.len() == 1).ok_or(ValueError::Range)?,
            Kind::S5Time => s5time(as_integer(value)?).ok_or(ValueError::Range)?.to_be_bytes().to_vec(),
            Kind::DateAndTime => return Err(ValueError::ReadOnly),
            Kind::Text(bytes_max) => text_bytes(latin_1(value)?, bytes_max)?,
        };
        let length = u16::try_from(bytes.len()).expect("no type has more than 256 bytes");
        Ok(Write { item: self.item(length), bytes: Bytes::from(bytes) })
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn signed(bytes: &[u8]) -> i64 {
    let unused_bits = 64 - 8 * bytes.len() as u32;
    ((unsigned(bytes) << unused_bits) as i64) >> unused_bits
}

fn digits(byte: u8) -> Option<u64> {
    let (tens, ones) = (byte >> 4, byte & 0x0f);
    (tens < 10 && ones < 10).then(|| u64::from(tens * 10 + ones))
}

/// The base in the high four bits, three digits behind it.
fn s5time_ms(bytes: &[u8]) -> Option<u64> {
    let base_ms = 10 * 10u64.pow(u32::from(bytes[0] >> 4 & 3));
    Some((digits(bytes[0] & 0x0f)? * 100 + digits(bytes[1])?) * base_ms)
}

/// In the finest base that it has room in; what is finer than that is cut off.
fn s5time(ms: i128) -> Option<u16> {
    let ms = u64::try_from(ms).ok()?;
    let (base, count) =
        (0..4u16).map(|base| (base, ms / (10 * 10u64.pow(base.into())))).find(|(_, count)| *count < 1000)?;
    let digit = |unit: u64| (count / unit % 10) as u16;
    Some(base << 12 | digit(100) << 8 | digit(10) << 4 | digit(1))
}

/// Eight bytes of digits: year, month, day, hour, minute, second, and three of the millisecond before the day of the week.
fn date_and_time(bytes: &[u8]) -> Option<String> {
    let parts: Vec<u64> = bytes[..7].iter().map(|byte| digits(*byte)).collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second, hundredth] = parts[..] else { return None };
    let ms = hundredth * 10 + digits(bytes[7] >> 4)?;
    let year = if year < 90 { 2000 + year } else { 1900 + year };
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = hour < 24 && minute < 60 && second < 60;
    (is_date && is_time)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}"))
}

/// Its capacity, its length, its bytes. Longer than declared is another text than the one meant.
fn text(bytes: &[u8], bytes_max: u8) -> Option<String> {
    let (capacity, length) = (bytes[0], bytes[1]);
    if length > capacity || length > bytes_max {
        return None;
    }
    Some(bytes[2..2 + usize::from(length)].iter().copied().map(char::from).collect())
}

fn as_bool(value: &Value) -> Result<bool, ValueError> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => match as_integer(other)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ValueError::Range),
        },
    }
}

/// A real number that is whole is one: where values come from, they often have one type of number.
fn as_integer(value: &Value) -> Result<i128, ValueError> {
    match value {
        Value::Unsigned(value) => Ok((*value).into()),
        Value::Signed(value) => Ok((*value).into()),
        Value::Real(value) if value.fract() == 0.0 => Ok(*value as i128),
        Value::Real(_) => Err(ValueError::Range),
        Value::Bool(_) | Value::Text(_) => Err(ValueError::Type),
    }
}

fn as_number(value: &Value) -> Result<f64, ValueError> {
    match value {
        Value::Real(value) => Ok(*value),
        other => Ok(as_integer(other)? as f64),
    }
}

fn as_real(value: &Value) -> Result<f32, ValueError> {
    let wide = as_number(value)?;
    let real = wide as f32;
    if real.is_finite() || !wide.is_finite() { Ok(real) } else { Err(ValueError::Range) }
}

fn unsigned_bytes(value: i128, bytes: usize) -> Result<Vec<u8>, ValueError> {
    let fits = (0..1 << (8 * bytes)).contains(&value);
    if fits { Ok(low_bytes(value, bytes)) } else { Err(ValueError::Range) }
}

fn signed_bytes(value: i128, bytes: usize) -> Result<Vec<u8>, ValueError> {
    let half = 1i128 << (8 * bytes - 1);
    let fits = (-half..half).contains(&value);
    if fits { Ok(low_bytes(value, bytes)) } else { Err(ValueError::Range) }
}

fn low_bytes(value: i128, bytes: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - bytes..].to_vec()
}

fn latin_1(value: &Value) -> Result<Vec<u8>, ValueError> {
    let Value::Text(text) = value else { return Err(ValueError::Type) };
    text.chars().map(|char| u8::try_from(char).map_err(|_| ValueError::Range)).collect()
}

fn text_bytes(text: Vec<u8>, bytes_max: u8) -> Result<Vec<u8>, ValueError> {
    let length =
        u8::try_from(text.len()).ok().filter(|length| *length <= bytes_max).ok_or(ValueError::Range)?;
    Ok([&[length], &text[..]].concat())
}
