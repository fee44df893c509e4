//! What the journal keeps of admission between two starts: the register `ingest.admission`. Written by hand. Pure.
//!
//! ```text
//! version u8, 2         1 had numbers of 8 bytes and no line marked with a +; it is still read
//! clean u8              1 after an orderly end
//! ceiling               at most so much was received before the next register
//! crashes, lost_max
//! malformed             count u16, then each: length u8, code, number
//! refused               the same
//! recent crashes        count u8, then each: noticed_ms, lost_max
//! + as_of_seq           the last record of ours that is counted in what follows
//! + sources             count u8, then each: source u8, kept by class, absorbed by class: 3 numbers each
//! + quarantine          readings held, bytes held, record from which on, last record
//! ```
//!
//! A number is LEB128: seven bits a byte, the lowest first, the high bit set on all but the last.

use crate::accounts::Crash;
use crate::quarantine::Held;
use crate::reading::Source;
use crate::sources::{Sources, Taken};
use bytes::Buf;
use std::collections::BTreeMap;

/// The register's name in the journal.
pub(crate) const NAME: &str = "ingest.admission";

const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;
/// Reasons told apart; what comes beyond counts as [`OTHER`].
const REASONS_MAX: usize = 64;
const OTHER: &str = "other";
/// Crashes remembered one by one.
pub(crate) const RECENT_CRASHES_MAX: usize = 8;
/// What the journal lets a register have.
const BYTES_MAX: usize = 1024;

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

    /// Counts the reason with the fewest as [`OTHER`]; false where there is nothing to gain.
    fn join_rarest(&mut self) -> bool {
        let rarest = self.0.iter().filter(|(reason, _)| *reason != OTHER).min_by_key(|(_, count)| **count);
        let Some(reason) = rarest.map(|(reason, _)| reason.clone()) else { return false };
        let count = self.0.remove(&reason).unwrap_or(0);
        *self.0.entry(OTHER.to_owned()).or_default() += count;
        true
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
    /// Nothing in a register of version 1, which counted no sources.
    pub(crate) as_of_seq: Option<u64>,
    pub(crate) sources: Sources,
    pub(crate) held: Held,
}

impl Register {
    /// What is counted here alone and not recounted from the journal's records; what rules made was never received.
    pub(crate) fn malformed_and_refused(&self) -> u64 {
        self.malformed.total() + self.refused.total()
    }

    /// At most as long as the journal takes; rare reasons are joined where there are too many of them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_whole();
        let mut fitted = self.clone();
        while bytes.len() > BYTES_MAX && (fitted.malformed.join_rarest() | fitted.refused.join_rarest()) {
            bytes = fitted.encode_whole();
        }
        bytes
    }

    fn encode_whole(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.clean)];
        [self.ceiling, self.crashes, self.lost_max]
            .into_iter()
            .for_each(|number| put_number(&mut out, number));
        put_reasons(&mut out, &self.malformed);
        put_reasons(&mut out, &self.refused);
        out.push(self.recent.len() as u8);
        for crash in &self.recent {
            [crash.noticed_ms, crash.lost_max].into_iter().for_each(|number| put_number(&mut out, number));
        }
        put_number(&mut out, self.as_of_seq.unwrap_or(0));
        put_sources(&mut out, &self.sources);
        let Held { readings, bytes, from_seq, last_seq } = self.held;
        [readings, bytes, from_seq, last_seq].into_iter().for_each(|number| put_number(&mut out, number));
        out
    }

    /// Nothing for a later version or a value that is too short or too long.
    pub(crate) fn decode(mut value: &[u8]) -> Option<Register> {
        let version = value.try_get_u8().ok()?;
        let number: fn(&mut &[u8]) -> Option<u64> = match version {
            VERSION => take_number,
            FIRST_VERSION => |value| value.try_get_u64_le().ok(),
            _ => return None,
        };
        let value = &mut value;
        let mut register = Register { clean: value.try_get_u8().ok()? != 0, ..Register::default() };
        register.ceiling = number(value)?;
        register.crashes = number(value)?;
        register.lost_max = number(value)?;
        register.malformed = take_reasons(value, number)?;
        register.refused = take_reasons(value, number)?;
        for _ in 0..value.try_get_u8().ok()? {
            register.recent.push(Crash { noticed_ms: number(value)?, lost_max: number(value)? });
        }
        if version == VERSION {
            register.as_of_seq = Some(number(value)?);
            register.sources = take_sources(value)?;
            register.held = take_held(value)?;
        }
        value.is_empty().then_some(register)
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(value: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = value.try_get_u8().ok()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn put_reasons(out: &mut Vec<u8>, reasons: &Reasons) {
    out.extend_from_slice(&(reasons.0.len() as u16).to_le_bytes());
    for (reason, count) in &reasons.0 {
        out.push(reason.len() as u8);
        out.extend_from_slice(reason.as_bytes());
        put_number(out, *count);
    }
}

fn take_reasons(value: &mut &[u8], number: fn(&mut &[u8]) -> Option<u64>) -> Option<Reasons> {
    let mut reasons = Reasons::default();
    for _ in 0..value.try_get_u16_le().ok()? {
        let bytes = usize::from(value.try_get_u8().ok()?);
        let (reason, rest) = value.split_at_checked(bytes)?;
        *value = rest;
        let reason = std::str::from_utf8(reason).ok()?.to_owned();
        reasons.0.insert(reason, number(value)?);
    }
    Some(reasons)
}

fn put_sources(out: &mut Vec<u8>, sources: &Sources) {
    out.push(Source::ALL.len() as u8);
    for (source, taken) in Source::ALL.iter().zip(&sources.0) {
        out.push(source.code());
        taken.kept.iter().chain(&taken.absorbed).for_each(|number| put_number(out, *number));
    }
}

fn take_sources(value: &mut &[u8]) -> Option<Sources> {
    let mut sources = Sources::default();
    for _ in 0..value.try_get_u8().ok()? {
        let source = Source::of_code(value.try_get_u8().ok()?)?;
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = take_number(value)?;
        }
        let [a, b, c, d, e, f] = numbers;
        sources.0[source.index()] = Taken { kept: [a, b, c], absorbed: [d, e, f] };
    }
    Some(sources)
}

fn take_held(value: &mut &[u8]) -> Option<Held> {
    let mut number = || take_number(value);
    Some(Held { readings: number()?, bytes: number()?, from_seq: number()?, last_seq: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    fn sample() -> Register {
        let mut register = Register { ceiling: 99, crashes: 2, lost_max: 700, ..Register::default() };
        register.malformed.add("TG-MQ-003");
        register.refused.add("stalled");
        register.refused.add("stalled");
        register.recent = vec![Crash { noticed_ms: 5, lost_max: 700 }];
        register.as_of_seq = Some(1 << 40);
        register.sources.keep(Source::Grpc, Class::Critical);
        register.sources.absorb(Source::Rule, Class::Telemetry);
        register.held = Held { readings: 3, bytes: 300, from_seq: 7, last_seq: u64::MAX };
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
        bytes[0] = 3;
        assert_eq!(Register::decode(&bytes), None);
    }

    #[test]
    fn a_register_of_the_first_version_is_still_read() {
        let mut bytes = vec![1, 1];
        [99, 2, 700_u64].into_iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.extend_from_slice(b"\x01\0\x09TG-MQ-003\x04\0\0\0\0\0\0\0\0\0\0");
        let register = Register::decode(&bytes).unwrap();
        assert_eq!((register.ceiling, register.malformed.total(), register.as_of_seq), (99, 4, None));
    }

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut reasons = Reasons::default();
        (0..100).for_each(|at| reasons.add(&at.to_string()));
        assert_eq!((reasons.0.len(), reasons.total(), reasons.0[OTHER]), (65, 100, 36));
    }

    #[test]
    fn a_register_with_everything_in_it_still_fits_and_loses_no_count() {
        let mut register = sample();
        for at in 0..60 {
            (0..at).for_each(|_| register.malformed.add(&format!("TG-MQ-{at:03}")));
            register.refused.add(&format!("a reason that is rather long, {at}"));
        }
        register.recent = vec![Crash { noticed_ms: u64::MAX, lost_max: u64::MAX }; RECENT_CRASHES_MAX];
        register.sources.0 =
            [Taken { kept: [u64::MAX >> 16; 3], absorbed: [u64::MAX >> 16; 3] }; Source::ALL.len()];
        let bytes = register.encode();
        assert!(bytes.len() <= BYTES_MAX, "{}", bytes.len());
        let found = Register::decode(&bytes).unwrap();
        assert_eq!(found.malformed_and_refused(), register.malformed_and_refused());
    }
}
