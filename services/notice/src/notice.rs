//! One thing to be told: what became of an alarm, and its form in the journal. Pure.
//!
//! ```text
//! stream 12, kind 1, version 1, little-endian
//! 0 change u8     1 raised, 2 cleared, 3 acknowledged
//! 1 severity u8   0 low to 3 critical
//! 2 time u64      milliseconds since 1970, of the change
//!   alarm, origin, value, text, by: each u16, then UTF-8
//! ```
//! The record's id is that of the change, so that a change told twice is one record.

use bytes::Buf;
use std::fmt;
use tidegate_kernel_journal::Id;

/// The stream of all notices.
pub const NOTICES: u16 = 12;
pub(crate) const KIND: u16 = 1;
pub(crate) const VERSION: u8 = 1;
/// Of each text of a notice; what is longer is cut.
const TEXT_BYTES_MAX: usize = 2048;

/// How much an alarm matters; later ones matter more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Raised,
    Cleared,
    Acknowledged,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Of the change; stands in every message, so that one that comes twice is known as such.
    pub id: Id,
    pub change: Change,
    pub severity: Severity,
    pub at_ms: u64,
    /// What the alarm is called.
    pub alarm: String,
    /// Device and tag, or nothing.
    pub origin: String,
    /// The value that was the cause, with its unit, or nothing.
    pub value: String,
    pub text: String,
    /// Who acknowledged it, or nobody.
    pub by: String,
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    /// As the configuration file writes them.
    pub const NAMES: [&str; 4] = ["low", "medium", "high", "critical"];

    pub fn name(self) -> &'static str {
        Severity::NAMES[self as usize]
    }

    pub fn named(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Change {
    const ALL: [Change; 3] = [Change::Raised, Change::Cleared, Change::Acknowledged];

    pub fn name(self) -> &'static str {
        match self {
            Change::Raised => "raised",
            Change::Cleared => "cleared",
            Change::Acknowledged => "acknowledged",
        }
    }
}

impl Notice {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.change as u8 + 1, self.severity as u8];
        out.extend_from_slice(&self.at_ms.to_le_bytes());
        for text in [&self.alarm, &self.origin, &self.value, &self.text, &self.by] {
            let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    /// Nothing for bytes that [`Notice::encode`] did not write.
    pub(crate) fn decode(id: Id, mut from: &[u8]) -> Option<Notice> {
        let change = from.try_get_u8().ok()?.checked_sub(1)?;
        let severity = from.try_get_u8().ok()?;
        let notice = Notice {
            id,
            change: *Change::ALL.get(usize::from(change))?,
            severity: *Severity::ALL.get(usize::from(severity))?,
            at_ms: from.try_get_u64_le().ok()?,
            alarm: take_text(&mut from)?,
            origin: take_text(&mut from)?,
            value: take_text(&mut from)?,
            text: take_text(&mut from)?,
            by: take_text(&mut from)?,
        };
        from.is_empty().then_some(notice)
    }
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    let bytes = usize::from(from.try_get_u16_le().ok()?);
    let (text, rest) = from.split_at_checked(bytes)?;
    *from = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
pub(crate) fn sample(number: u64, severity: Severity) -> Notice {
    Notice {
        id: Id::v7(number),
        change: Change::Raised,
        severity,
        at_ms: number,
        alarm: format!("boiler/{number}"),
        origin: "line/7/temp".to_owned(),
        value: "93.5".to_owned(),
        text: "温度过高 above 90".to_owned(),
        by: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_reads_back_as_written_and_a_cut_one_is_none() {
        let notice = Notice { by: "ada".to_owned(), ..sample(7, Severity::High) };
        let bytes = notice.encode();
        assert_eq!(Notice::decode(notice.id, &bytes), Some(notice.clone()));
        assert!((0..bytes.len()).all(|end| Notice::decode(notice.id, &bytes[..end]).is_none()));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let notice = Notice { text: "温".repeat(2000), ..sample(7, Severity::Low) };
        let read = Notice::decode(notice.id, &notice.encode()).unwrap();
        assert_eq!((read.text.len(), read.text.chars().all(|letter| letter == '温')), (2046, true));
    }
}
