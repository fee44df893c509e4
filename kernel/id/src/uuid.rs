//! The 16-byte id of a record: a UUIDv7 (RFC 9562 §5.7), so that ids sort by the millisecond they were made in.
//!
//! Randomness comes from the operating system, 4 KiB at a time.

use crate::random::fill_random;
use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

/// Identifies one event through its whole life; what `tidegate story` takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Id(pub [u8; 16]);

const POOL_BYTES: usize = 4096;

thread_local! {
    /// Random bytes not used yet; one system call fills it for 400 ids.
    static POOL: RefCell<(usize, [u8; POOL_BYTES])> = const { RefCell::new((POOL_BYTES, [0; POOL_BYTES])) };
}

impl Id {
    /// The absence of an id: control records carry it, and no window remembers it.
    pub const NIL: Id = Id([0; 16]);

    /// A new id made at `wall_ms`, milliseconds since 1970.
    pub fn v7(wall_ms: u64) -> Id {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&wall_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random_10());
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Id(bytes)
    }

    /// The millisecond the id says it was made in. Only meaningful for a UUIDv7.
    pub fn unix_ms(self) -> u64 {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&self.0[..6]);
        u64::from_be_bytes(ms)
    }

    pub fn is_nil(self) -> bool {
        self == Id::NIL
    }
}

fn random_10() -> [u8; 10] {
    POOL.with_borrow_mut(|(used, pool)| {
        if *used + 10 > POOL_BYTES {
            fill_random(pool).expect("Linux has this system call since 3.17");
            *used = 0;
        }
        let mut out = [0; 10];
        out.copy_from_slice(&pool[*used..*used + 10]);
        *used += 10;
        out
    })
}

impl Id {
    /// As text: eight, four, four, four and twelve lower-case digits with dashes between.
    pub fn text(self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (mut text, mut end) = ([b'-'; 36], 0);
        for (at, byte) in self.0.iter().enumerate() {
            end += usize::from(matches!(at, 4 | 6 | 8 | 10));
            text[end] = DIGITS[usize::from(byte >> 4)];
            text[end + 1] = DIGITS[usize::from(byte & 15)];
            end += 2;
        }
        text
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).expect("digits and dashes are text"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not 32 hexadecimal digits, with or without hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: expected 32 hexadecimal digits, hyphens allowed")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Id, NotAnId> {
        let mut digits = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let (high, low) = (digits.next().flatten(), digits.next().flatten());
            *byte = (high.ok_or(NotAnId)? * 16 + low.ok_or(NotAnId)?) as u8;
        }
        if digits.next().is_some() { Err(NotAnId) } else { Ok(Id(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_millisecond_and_reads_back_from_text() {
        let id = Id::v7(1_763_800_000_123);
        assert_eq!(id.unix_ms(), 1_763_800_000_123);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().as_bytes()[14], b'7');
    }

    #[test]
    fn two_ids_of_one_millisecond_differ() {
        assert_ne!(Id::v7(1), Id::v7(1));
    }

    #[test]
    fn a_text_of_the_wrong_length_or_alphabet_is_no_id() {
        assert_eq!("0123".parse::<Id>(), Err(NotAnId));
        assert_eq!("g".repeat(32).parse::<Id>(), Err(NotAnId));
        assert_eq!("0".repeat(33).parse::<Id>(), Err(NotAnId));
    }
}
