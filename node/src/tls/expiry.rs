//! Until when a certificate holds: the one field of X.509 (RFC 5280 §4.1.2.5) that an operator has to be told of. Pure.
//!
//! Walks DER as far as that field and no further. Whether the certificate is otherwise as it should be, rustls finds out.

use std::fmt;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A moment in UTC, to the second; moments sort as they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
}

impl Moment {
    /// Days become a date by counting from March, so that a leap day is the last of its year.
    pub(crate) fn of_unix_s(unix_s: u64) -> Moment {
        let days = unix_s / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Moment { year, month, day, second_of_day: unix_s % 86_400 }
    }

    /// Year, month and day.
    pub(crate) fn date(&self) -> (i32, u8, u8) {
        (self.year as i32, self.month as u8, self.day as u8)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moment { year, month, day, second_of_day: at } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", at / 3600, at / 60 % 60, at % 60)
    }
}

/// The end of the certificate's validity; nothing where it cannot be read.
pub(crate) fn not_after(der: &[u8]) -> Option<Moment> {
    let certificate = inside(&mut &*der, SEQUENCE)?;
    let mut fields = inside(&mut &*certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        element(&mut fields)?;
    }
    let mut validity = inside(&mut fields, SEQUENCE)?;
    element(&mut validity)?;
    let (tag, text) = element(&mut validity)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

fn moment(tag: u8, text: &str) -> Option<Moment> {
    let (year, rest) = match tag {
        // Two digits of a year stand for 1950 to 2049.
        UTC_TIME => {
            (number(text.get(..2)?).map(|year| year + if year < 50 { 2000 } else { 1900 })?, text.get(2..)?)
        }
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| number(rest.get(at..at + 2)?);
    let second_of_day = part(4)? * 3600 + part(6)? * 60 + part(8)?;
    Some(Moment { year, month: part(0)?, day: part(2)?, second_of_day })
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The content of the next element, which has this tag.
fn inside<'a>(rest: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

/// Takes the next element: its tag and its content.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, short, after) = (*rest.first()?, *rest.get(1)?, rest.get(2..)?);
    let (length, content) = if short < 0x80 {
        (usize::from(short), after)
    } else {
        let digits = usize::from(short & 0x7f);
        let digits = (1..=4).contains(&digits).then(|| after.split_at_checked(digits))??;
        (digits.0.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), digits.1)
    };
    let (content, behind) = content.split_at_checked(length)?;
    *rest = behind;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_since_1970_are_a_date() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Moment::of_unix_s(unix_s).to_string(), text);
        }
    }

    #[test]
    fn both_ways_of_writing_a_time_are_read_and_others_are_not() {
        let read = |tag, text| moment(tag, text).map(|moment| moment.to_string());
        assert_eq!(read(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(read(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z").as_deref(), Some("2050-01-01T00:00:00Z"));
        for (tag, text) in
            [(UTC_TIME, "4912"), (UTC_TIME, "49123123595"), (GENERALIZED_TIME, "205x0101000000Z"), (2, "")]
        {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let lengths: [&[u8]; 6] = [
            &[],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[0x30, 0x84, 255, 255, 255, 255],
            &[0x30, 2, 0x30, 9],
        ];
        assert!(lengths.iter().all(|bytes| not_after(bytes).is_none()));
    }
}
