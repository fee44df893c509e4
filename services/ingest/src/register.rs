//! What the journal keeps of admission between two starts: the register `ingest.admission`. Written by hand. Pure.
//!
//! ```text
//! version u8, 1
//! clean u8              1 after an orderly end
//! ceiling u64           at most so much was received before the next register
//! crashes u64, lost_max u64
//! malformed             count u16, then each: length u8, code, number u64
//! refused               the same
//! recent crashes        count u8, then each: noticed_ms u64, lost_max u64
//! ```

use crate::accounts::Crash;
use bytes::Buf;
use std::collections::BTreeMap;

/// The register's name in the journal.
pub(crate) const NAME: &str = "ingest.admission";

const VERSION: u8 = 1;
/// Reasons told apart; what comes beyond counts as [`OTHER`].
const REASONS_MAX: usize = 64;
const OTHER: &str = "other";
/// Crashes remembered one by one.
pub(crate) const RECENT_CRASHES_MAX: usize = 8;

/// Counts by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reasons(pub(crate) BTreeMap<String, u64>);

impl Reasons {
    pub(crate) fn add(&mut self, reason: &str) {
        if let Some(count) = self.0.get_mut(reason) {
            *count += 1;
            return;
        }
        let name = if self.0.len() < REASONS_MAX && reason.len() <= 255 { reason } else { OTHER };
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// The register's value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Register {
    pub(crate) clean: bool,
    pub(crate) ceiling: u64,
    pub(crate) crashes: u64,
    /// The sum over all crashes.
    pub(crate) lost_max: u64,
    pub(crate) malformed: Reasons,
    pub(crate) refused: Reasons,
    pub(crate) recent: Vec<Crash>,
}

impl Register {
    /// What is counted here and not recounted from the journal's records.
    pub(crate) fn not_accepted(&self) -> u64 {
        self.malformed.total() + self.refused.total()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.clean)];
        for number in [self.ceiling, self.crashes, self.lost_max] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_reasons(&mut out, &self.malformed);
        put_reasons(&mut out, &self.refused);
        out.push(self.recent.len() as u8);
        for crash in &self.recent {
            out.extend_from_slice(&crash.noticed_ms.to_le_bytes());
            out.extend_from_slice(&crash.lost_max.to_le_bytes());
        }
        out
    }

    /// Nothing for a later version or a value that is too short or too long.
    pub(crate) fn decode(mut value: &[u8]) -> Option<Register> {
        if value.try_get_u8().ok()? != VERSION {
            return None;
        }
        let mut register = Register { clean: value.try_get_u8().ok()? != 0, ..Register::default() };
        register.ceiling = value.try_get_u64_le().ok()?;
        register.crashes = value.try_get_u64_le().ok()?;
        register.lost_max = value.try_get_u64_le().ok()?;
        register.malformed = take_reasons(&mut value)?;
        register.refused = take_reasons(&mut value)?;
        for _ in 0..value.try_get_u8().ok()? {
            let noticed_ms = value.try_get_u64_le().ok()?;
            register.recent.push(Crash { noticed_ms, lost_max: value.try_get_u64_le().ok()? });
        }
        value.is_empty().then_some(register)
    }
}

fn put_reasons(out: &mut Vec<u8>, reasons: &Reasons) {
    out.extend_from_slice(&(reasons.0.len() as u16).to_le_bytes());
    for (reason, count) in &reasons.0 {
        out.push(reason.len() as u8);
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(&count.to_le_bytes());
    }
}

fn take_reasons(value: &mut &[u8]) -> Option<Reasons> {
    let mut reasons = Reasons::default();
    for _ in 0..value.try_get_u16_le().ok()? {
        let bytes = usize::from(value.try_get_u8().ok()?);
        let (reason, rest) = value.split_at_checked(bytes)?;
        *value = rest;
        let reason = std::str::from_utf8(reason).ok()?.to_owned();
        reasons.0.insert(reason, value.try_get_u64_le().ok()?);
    }
    Some(reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Register {
        let mut register = Register { ceiling: 99, crashes: 2, lost_max: 7, ..Register::default() };
        register.malformed.add("TG-MQ-003");
        register.refused.add("stalled");
        register.refused.add("stalled");
        register.recent = vec![Crash { noticed_ms: 5, lost_max: 7 }];
        register
    }

    #[test]
    fn a_register_reads_back_as_written() {
        assert_eq!(Register::decode(&sample().encode()), Some(sample()));
        let clean = Register { clean: true, ..sample() };
        assert_eq!(Register::decode(&clean.encode()), Some(clean));
    }

    #[test]
    fn a_cut_or_prolonged_or_later_register_is_none() {
        let mut bytes = sample().encode();
        assert!((0..bytes.len()).all(|end| Register::decode(&bytes[..end]).is_none()));
        bytes.push(0);
        assert_eq!(Register::decode(&bytes), None);
        bytes.pop();
        bytes[0] = 2;
        assert_eq!(Register::decode(&bytes), None);
    }

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut reasons = Reasons::default();
        (0..100).for_each(|at| reasons.add(&at.to_string()));
        assert_eq!((reasons.0.len(), reasons.total(), reasons.0[OTHER]), (65, 100, 36));
    }
}
