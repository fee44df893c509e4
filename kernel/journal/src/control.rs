//! The journal's own records, on stream 0: the state of each cursor, registers, counts.
//!
//! Each states an absolute value, never a difference, so reading one twice is reading it once. A new segment starts with all
//! of them (a checkpoint), so the newest segment alone tells where every cursor stands. Pure.

use crate::account::{Counts, Tally};
use crate::record::{u16_at, u64_at};
use std::collections::BTreeMap;

/// The stream of the journal's own records.
pub(crate) const CONTROL: u16 = 0;

/// What the control records add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// By cursor id, which is its index.
    pub(crate) cursors: Vec<CursorState>,
    pub(crate) registers: BTreeMap<String, Vec<u8>>,
    /// Records appended per stream, ever.
    pub(crate) counts: BTreeMap<u16, Counts>,
}

/// A consumer's durable place on a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CursorState {
    pub(crate) id: u8,
    pub(crate) stream: u16,
    pub(crate) position: u64,
    /// What its stream had counted when the cursor was first opened.
    pub(crate) opened_at: Counts,
    pub(crate) tally: Tally,
    pub(crate) name: String,
}

/// One control record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Cursor(CursorState),
    Register { name: String, value: Vec<u8> },
    Counts { stream: u16, counts: Counts },
}

const CURSOR: u16 = 2;
const REGISTER: u16 = 3;
const COUNTS: u16 = 4;

impl Fact {
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Fact::Cursor(_) => CURSOR,
            Fact::Register { .. } => REGISTER,
            Fact::Counts { .. } => COUNTS,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Fact::Cursor(state) => state.encode(&mut out),
            Fact::Register { name, value } => {
                put_text(&mut out, name);
                out.extend_from_slice(value);
            }
            Fact::Counts { stream, counts } => {
                out.extend_from_slice(&stream.to_le_bytes());
                put_counts(&mut out, *counts);
            }
        }
        out
    }

    /// Nothing for a kind of a later version or a payload that is too short.
    pub(crate) fn decode(kind: u16, payload: &[u8]) -> Option<Fact> {
        match kind {
            CURSOR => CursorState::decode(payload).map(Fact::Cursor),
            REGISTER => {
                let (name, value) = take_text(payload)?;
                Some(Fact::Register { name, value: value.to_vec() })
            }
            COUNTS if payload.len() == 18 => {
                Some(Fact::Counts { stream: u16_at(payload, 0), counts: counts_at(payload, 2) })
            }
            _ => None,
        }
    }
}

impl CursorState {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.id);
        out.extend_from_slice(&self.stream.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        put_counts(out, self.opened_at);
        self.tally.columns().into_iter().for_each(|counts| put_counts(out, counts));
        put_text(out, &self.name);
    }

    fn decode(payload: &[u8]) -> Option<CursorState> {
        const FIXED: usize = 1 + 2 + 8 + 16 + 6 * 16;
        let (fixed, text) = payload.split_at_checked(FIXED)?;
        let columns = std::array::from_fn(|at| counts_at(fixed, 27 + at * 16));
        Some(CursorState {
            id: fixed[0],
            stream: u16_at(fixed, 1),
            position: u64_at(fixed, 3),
            opened_at: counts_at(fixed, 11),
            tally: Tally::from_columns(columns),
            name: take_text(text)?.0,
        })
    }
}

impl Control {
    /// Takes one control record in. Total: what it does not know it passes over.
    pub(crate) fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Cursor(state) => match self.cursors.iter_mut().find(|cursor| cursor.id == state.id) {
                Some(cursor) => *cursor = state,
                None => self.cursors.push(state),
            },
            Fact::Register { name, value } => {
                self.registers.insert(name, value);
            }
            Fact::Counts { stream, counts } => {
                self.counts.insert(stream, counts);
            }
        }
    }

    /// Everything, as the records a new segment starts with.
    pub(crate) fn checkpoint(&self) -> Vec<Fact> {
        let counts =
            self.counts.iter().map(|(stream, counts)| Fact::Counts { stream: *stream, counts: *counts });
        let registers = self
            .registers
            .iter()
            .map(|(name, value)| Fact::Register { name: name.clone(), value: value.clone() });
        counts.chain(self.cursors.iter().cloned().map(Fact::Cursor)).chain(registers).collect()
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

fn put_counts(out: &mut Vec<u8>, counts: Counts) {
    out.extend_from_slice(&counts.process.to_le_bytes());
    out.extend_from_slice(&counts.critical.to_le_bytes());
}

fn counts_at(bytes: &[u8], at: usize) -> Counts {
    Counts { process: u64_at(bytes, at), critical: u64_at(bytes, at + 8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> CursorState {
        let one = Counts { process: 1, critical: 2 };
        let tally = Tally { delivered: one, shed: one + one, ..Tally::default() };
        CursorState { id: 3, stream: 16, position: 9, opened_at: one, tally, name: "file".into() }
    }

    #[test]
    fn every_control_record_reads_back_as_written() {
        let register = Fact::Register { name: "admission".into(), value: vec![1, 2, 3] };
        let counts = Fact::Counts { stream: 5, counts: Counts { process: 7, critical: 8 } };
        for fact in [Fact::Cursor(cursor()), register, counts] {
            assert_eq!(Fact::decode(fact.kind(), &fact.encode()), Some(fact));
        }
    }

    #[test]
    fn a_checkpoint_restores_everything_and_applying_it_twice_changes_nothing() {
        let mut control = Control::default();
        control.apply(Fact::Cursor(cursor()));
        control.apply(Fact::Register { name: "a".into(), value: vec![1] });
        control.apply(Fact::Counts { stream: 5, counts: Counts::one(true) });
        let mut copy = Control::default();
        control.checkpoint().into_iter().for_each(|fact| copy.apply(fact));
        control.checkpoint().into_iter().for_each(|fact| copy.apply(fact));
        assert_eq!(copy, control);
    }

    #[test]
    fn a_short_or_unknown_control_record_is_passed_over() {
        let bytes = Fact::Cursor(cursor()).encode();
        assert!((0..bytes.len()).all(|end| Fact::decode(CURSOR, &bytes[..end]).is_none()));
        assert_eq!(Fact::decode(999, &bytes), None);
    }
}
