//! Bytes and durations as people write them: a whole number and a unit. Pure.

use std::time::Duration;

const BYTES: &[(&str, u64)] =
    &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const MILLIS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

/// `64 MiB`, `512 B`, `65536`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| measured(text, BYTES))
}

/// `250 ms`, `2 s`, `10 min`. The unit is never left out.
pub(super) fn duration(text: &str) -> Option<Duration> {
    measured(text, MILLIS).map(Duration::from_millis)
}

pub(super) fn bytes_text(bytes: u64) -> String {
    text_of(bytes, BYTES)
}

pub(super) fn duration_text(duration: Duration) -> String {
    text_of(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), MILLIS)
}

fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest unit that leaves no remainder.
fn text_of(amount: u64, units: &[(&str, u64)]) -> String {
    let smallest = units.last().expect("there are units");
    let fits = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    let (unit, factor) = units.iter().find(fits).unwrap_or(smallest);
    format!("{} {unit}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_and_a_unit_is_read_with_or_without_the_space() {
        assert_eq!(bytes("64 MiB"), Some(64 << 20));
        assert_eq!((bytes("65536"), bytes("512B")), (Some(65_536), Some(512)));
        assert_eq!(duration("10 min"), Some(Duration::from_secs(600)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_number_with_a_unit_is_nothing() {
        for text in ["", "s", "1.5 s", "-1 s", "10", "10 sec", "1 s 2 ms", "99999999999999999999 s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!((bytes("1 MB"), bytes("20000000 TiB")), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(amount in 0..u64::MAX) {
            prop_assert_eq!(bytes(&bytes_text(amount)), Some(amount));
            prop_assert_eq!(duration(&duration_text(Duration::from_millis(amount))), Some(Duration::from_millis(amount)));
        }
    }
}
