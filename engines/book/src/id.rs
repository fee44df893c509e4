//! The 16 bytes a client gives an order: a UUIDv7 (RFC 9562 §5.7), kept by the client and sent again on a retry. Pure.

use std::fmt;

/// Names an order for ever; the first six bytes say in which millisecond it was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The millisecond since 1970 in which the id says it was made.
    pub fn unix_ms(self) -> u64 {
        self.halves()[0] >> 16
    }

    pub(crate) fn halves(self) -> [u64; 2] {
        let number = u128::from_be_bytes(self.0);
        [(number >> 64) as u64, number as u64]
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_a_uuid_and_says_its_millisecond() {
        let mut bytes = [0xab; 16];
        bytes[..6].copy_from_slice(&1_763_800_000_123_u64.to_be_bytes()[2..]);
        let id = Id(bytes);
        assert_eq!(id.unix_ms(), 1_763_800_000_123);
        assert_eq!(id.to_string(), "019aaaac-267b-abab-abab-abababababab");
    }
}
