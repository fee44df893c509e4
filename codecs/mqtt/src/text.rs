//! A UTF-8 string as it stands on the wire (section 1.5.3), checked once and shared without copying.
//!
//! Never normalises, trims or skips a byte-order mark [MQTT-1.5.3-3]. Control characters other than U+0000 are let
//! through: the standard allows a receiver to refuse them and does not ask it to.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

/// Longest field with a two-byte length in front: strings, passwords, will payloads.
pub const FIELD_BYTES_MAX: usize = u16::MAX as usize;

/// Why bytes are no MQTT string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    #[error("string is not well-formed UTF-8 [MQTT-1.5.3-1]")]
    IllFormed,
    #[error("string contains the null character U+0000 [MQTT-1.5.3-2]")]
    NullCharacter,
    #[error("string of {bytes} bytes is longer than {FIELD_BYTES_MAX} (MQTT 3.1.1 section 1.5.3)")]
    TooLong { bytes: usize },
}

impl TextError {
    /// The stable code, explained in `docs/errors/`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::IllFormed => "TG-MQ-010",
            Self::NullCharacter => "TG-MQ-011",
            Self::TooLong { .. } => "TG-MQ-033",
        }
    }
}

/// Well-formed UTF-8 without U+0000, at most [`FIELD_BYTES_MAX`] bytes. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Bytes);

impl Text {
    /// Copies a string.
    pub fn new(text: &str) -> Result<Self, TextError> {
        Self::check(text.as_bytes())?;
        Ok(Self(Bytes::copy_from_slice(text.as_bytes())))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The string. Checked again on each call, which is the price of a crate without `unsafe`: on a hot path compare
    /// [`Text::as_bytes`].
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when the text was made")
    }

    /// A copy that owns its bytes. What came out of a PUBLISH shares the read buffer and keeps all of it alive; a
    /// value that outlives its packet is better detached.
    pub fn detach(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// A part between two ASCII characters, which shares the bytes.
    pub(crate) fn part(&self, from: usize, to: usize) -> Self {
        Self::from_checked(self.0.slice(from..to))
    }

    pub(crate) fn check(bytes: &[u8]) -> Result<(), TextError> {
        if bytes.len() > FIELD_BYTES_MAX {
            return Err(TextError::TooLong { bytes: bytes.len() });
        }
        if std::str::from_utf8(bytes).is_err() {
            return Err(TextError::IllFormed);
        }
        // A fold without an early exit, because that is the form the compiler turns into vector code.
        if bytes.iter().fold(false, |found, byte| found | (*byte == 0)) {
            return Err(TextError::NullCharacter);
        }
        Ok(())
    }

    /// For bytes that [`Text::check`] has already passed.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert_eq!(Self::check(&bytes), Ok(()));
        Self(bytes)
    }
}

impl TryFrom<Bytes> for Text {
    type Error = TextError;

    fn try_from(bytes: Bytes) -> Result<Self, TextError> {
        Self::check(&bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
