//! The unit of a request's times, under the names of both versions of the protocol. Pure.

use std::str::FromStr;

/// What a time counts since 1970. Nanoseconds where a request does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    #[default]
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

/// A name that is none of a precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a precision is one of ns, us, ms, s, m, h")]
pub struct NotAPrecision;

impl FromStr for Precision {
    type Err = NotAPrecision;

    fn from_str(name: &str) -> Result<Precision, NotAPrecision> {
        Ok(match name {
            "n" | "ns" => Precision::Nanoseconds,
            "u" | "us" | "µ" | "µs" => Precision::Microseconds,
            "ms" => Precision::Milliseconds,
            "s" => Precision::Seconds,
            "m" => Precision::Minutes,
            "h" => Precision::Hours,
            _ => return Err(NotAPrecision),
        })
    }
}

impl Precision {
    /// `time` in milliseconds since 1970, rounded down; nothing before 1970, or beyond what a number holds.
    pub fn unix_ms(self, time: i64) -> Option<u64> {
        let time = u64::try_from(time).ok()?;
        match self {
            Precision::Nanoseconds => Some(time / 1_000_000),
            Precision::Microseconds => Some(time / 1000),
            Precision::Milliseconds => Some(time),
            Precision::Seconds => time.checked_mul(1000),
            Precision::Minutes => time.checked_mul(60_000),
            Precision::Hours => time.checked_mul(3_600_000),
        }
    }
}
