//! The journal's own records, on stream 0: the state of each cursor, registers, counts, the window, the mode.
//!
//! Each states an absolute value, never a difference, so reading one twice is reading it once. The first batch of a segment
//! ends with all of them restated (a checkpoint), so the newest segment alone tells where every cursor stands. Pure.

use crate::account::{Account, Counts, Tally};
use crate::record::{self, u16_at, u64_at};
use std::collections::BTreeMap;

/// The stream of the journal's own records.
pub(crate) const CONTROL: u16 = 0;

/// What the control records add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    /// By cursor id, given out from 0 without gaps.
    pub(crate) cursors: BTreeMap<u8, CursorState>,
    pub(crate) registers: BTreeMap<String, Vec<u8>>,
    /// Records appended per stream, ever.
    pub(crate) counts: BTreeMap<u16, Counts>,
    pub(crate) window: Fact,
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
    /// Where it ends, if it does: what comes later is another cursor's.
    pub(crate) until: Option<Bound>,
}

/// The end of a cursor's part of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) seq: u64,
    /// What the stream had counted there.
    pub(crate) counts: Counts,
}

/// One control record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Cursor(CursorState),
    Register {
        name: String,
        value: Vec<u8>,
    },
    Counts {
        stream: u16,
        counts: Counts,
    },
    /// From where the ids of the window are read again, and what is too old for it.
    Window {
        oldest_seq: Option<u64>,
        floor_ms: u64,
    },
    /// Appends were refused from here on, or taken again.
    Mode {
        writable: bool,
        why: String,
    },
}

const CURSOR: u16 = 2;
const REGISTER: u16 = 3;
const COUNTS: u16 = 4;
const WINDOW: u16 = 5;
const MODE: u16 = 6;

const CURSOR_FIXED_BYTES: usize = 1 + 2 + 8 + 16 + 6 * 16;
/// Behind the name of a cursor that ends: number u64, counts.
const BOUND_BYTES: usize = 24;
const COUNTS_BYTES: usize = 18;
const WINDOW_BYTES: usize = 16;
const WHY_BYTES_MAX: usize = 200;

impl Default for Control {
    fn default() -> Control {
        Control {
            cursors: BTreeMap::new(),
            registers: BTreeMap::new(),
            counts: BTreeMap::new(),
            window: Fact::Window { oldest_seq: None, floor_ms: 0 },
        }
    }
}

impl Fact {
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Fact::Cursor(_) => CURSOR,
            Fact::Register { .. } => REGISTER,
            Fact::Counts { .. } => COUNTS,
            Fact::Window { .. } => WINDOW,
            Fact::Mode { .. } => MODE,
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
            Fact::Window { oldest_seq, floor_ms } => {
                out.extend_from_slice(&oldest_seq.unwrap_or(0).to_le_bytes());
                out.extend_from_slice(&floor_ms.to_le_bytes());
            }
            Fact::Mode { writable, why } => {
                out.push(u8::from(*writable));
                let end = why.floor_char_boundary(WHY_BYTES_MAX);
                put_text(&mut out, &why[..end]);
            }
        }
        out
    }

    /// What the record takes in a segment.
    pub(crate) fn padded_bytes(&self) -> usize {
        record::padded_bytes(self.encode().len())
    }

    /// Nothing for a kind of a later version or a payload that is too short.
    pub(crate) fn decode(kind: u16, payload: &[u8]) -> Option<Fact> {
        match kind {
            CURSOR => CursorState::decode(payload).map(Fact::Cursor),
            REGISTER => {
                let (name, value) = take_text(payload)?;
                Some(Fact::Register { name, value: value.to_vec() })
            }
            COUNTS if payload.len() == COUNTS_BYTES => {
                Some(Fact::Counts { stream: u16_at(payload, 0), counts: counts_at(payload, 2) })
            }
            WINDOW if payload.len() == WINDOW_BYTES => {
                let oldest_seq = Some(u64_at(payload, 0)).filter(|seq| *seq != 0);
                Some(Fact::Window { oldest_seq, floor_ms: u64_at(payload, 8) })
            }
            MODE => {
                let (writable, text) = payload.split_first()?;
                Some(Fact::Mode { writable: *writable != 0, why: take_text(text)?.0 })
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
        if let Some(bound) = self.until {
            out.extend_from_slice(&bound.seq.to_le_bytes());
            put_counts(out, bound.counts);
        }
    }

    fn decode(payload: &[u8]) -> Option<CursorState> {
        let (fixed, text) = payload.split_at_checked(CURSOR_FIXED_BYTES)?;
        let columns = std::array::from_fn(|at| counts_at(fixed, 27 + at * 16));
        let (name, rest) = take_text(text)?;
        let until = match rest.len() {
            0 => None,
            BOUND_BYTES => Some(Bound { seq: u64_at(rest, 0), counts: counts_at(rest, 8) }),
            _ => return None,
        };
        Some(CursorState {
            id: fixed[0],
            stream: u16_at(fixed, 1),
            position: u64_at(fixed, 3),
            opened_at: counts_at(fixed, 11),
            tally: Tally::from_columns(columns),
            name,
            until,
        })
    }

    /// The last number that can be this cursor's.
    pub(crate) fn end(&self) -> u64 {
        self.until.map_or(u64::MAX, |bound| bound.seq)
    }

    fn encoded_bytes(&self) -> usize {
        CURSOR_FIXED_BYTES + 1 + self.name.len() + self.until.map_or(0, |_| BOUND_BYTES)
    }
}

impl Control {
    /// Takes one control record in. Total: what it does not know it passes over.
    pub(crate) fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Cursor(state) => {
                self.cursors.insert(state.id, state);
            }
            Fact::Register { name, value } => {
                self.registers.insert(name, value);
            }
            Fact::Counts { stream, counts } => {
                self.counts.insert(stream, counts);
            }
            Fact::Window { .. } => self.window = fact,
            Fact::Mode { .. } => {}
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
        let cursors = self.cursors.values().cloned().map(Fact::Cursor);
        counts.chain(cursors).chain(registers).chain([self.window.clone()]).collect()
    }

    /// The account of one cursor; `in_flight` is what its consumer holds now.
    pub(crate) fn account(&self, cursor: &CursorState, in_flight: Counts) -> Account {
        let appended = self.counts.get(&cursor.stream).copied().unwrap_or_default();
        let routed = cursor.until.map_or(appended, |bound| bound.counts) - cursor.opened_at;
        Account {
            cursor: cursor.name.clone(),
            stream: cursor.stream,
            position: cursor.position,
            routed,
            tally: cursor.tally,
            in_flight,
            lag: routed - cursor.tally.settled() - in_flight,
        }
    }

    /// What a checkpoint takes in a segment.
    pub(crate) fn checkpoint_bytes(&self) -> usize {
        let cursors = self.cursors.values().map(CursorState::encoded_bytes);
        let registers = self.registers.iter().map(|(name, value)| 1 + name.len() + value.len());
        let counts = self.counts.keys().map(|_| COUNTS_BYTES);
        cursors.chain(registers).chain(counts).chain([WINDOW_BYTES]).map(record::padded_bytes).sum()
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
        CursorState {
            id: 3,
            stream: 16,
            position: 9,
            opened_at: one,
            tally,
            name: "file".into(),
            until: None,
        }
    }

    fn bounded() -> CursorState {
        let until = Some(Bound { seq: 12, counts: Counts { process: 9, critical: 9 } });
        CursorState { id: 4, until, ..cursor() }
    }

    #[test]
    fn every_control_record_reads_back_as_written() {
        let register = Fact::Register { name: "admission".into(), value: vec![1, 2, 3] };
        let counts = Fact::Counts { stream: 5, counts: Counts { process: 7, critical: 8 } };
        let window = Fact::Window { oldest_seq: Some(4), floor_ms: 5 };
        let mode = Fact::Mode { writable: false, why: "满".repeat(100).chars().take(66).collect() };
        for fact in [Fact::Cursor(cursor()), Fact::Cursor(bounded()), register, counts, window, mode] {
            assert_eq!(Fact::decode(fact.kind(), &fact.encode()), Some(fact));
        }
    }

    #[test]
    fn a_checkpoint_restores_everything_and_applying_it_twice_changes_nothing() {
        let mut control = Control::default();
        control.apply(Fact::Cursor(cursor()));
        control.apply(Fact::Cursor(bounded()));
        control.apply(Fact::Register { name: "a".into(), value: vec![1] });
        control.apply(Fact::Counts { stream: 5, counts: Counts::one(true) });
        let mut copy = Control::default();
        control.checkpoint().into_iter().for_each(|fact| copy.apply(fact));
        control.checkpoint().into_iter().for_each(|fact| copy.apply(fact));
        assert_eq!(copy, control);
        let padded: usize = control.checkpoint().iter().map(Fact::padded_bytes).sum();
        assert_eq!(control.checkpoint_bytes(), padded);
    }

    #[test]
    fn a_short_or_unknown_control_record_is_passed_over() {
        let bytes = Fact::Cursor(cursor()).encode();
        assert!((0..bytes.len()).all(|end| Fact::decode(CURSOR, &bytes[..end]).is_none()));
        let longer = Fact::Cursor(bounded()).encode();
        assert!((bytes.len() + 1..longer.len()).all(|end| Fact::decode(CURSOR, &longer[..end]).is_none()));
        assert_eq!(Fact::decode(999, &bytes), None);
    }
}
