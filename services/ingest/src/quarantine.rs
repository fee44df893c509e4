//! Readings of devices nobody knows: kept apart in the journal until somebody looks, within a quota. Pure but for the journal's
//! records, which are handed in.
//!
//! They lie on a stream of their own, 14, in the form of any reading, and no sink sees them. What is held counts against the
//! quota until it is let go of; over it, such readings are refused. As with `accepted`, how many were quarantined is what the
//! journal counts itself. A segment that the journal gives up takes what was held in it along.

use crate::layout;
use crate::reading::Reading;
use tidegate_kernel_journal::{Id, Record};

/// The stream of quarantined readings.
pub const QUARANTINE: u16 = 14;

/// What becomes of readings whose device has no model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownDevices {
    /// They go the way of all readings, as the bytes they are.
    #[default]
    Admit,
    Quarantine,
    Refuse,
}

/// A reading in quarantine.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    pub seq: u64,
    pub id: Id,
    /// When it was received.
    pub stamp_ms: u64,
    pub reading: Reading,
}

/// How much is in quarantine and has not been let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Held {
    pub readings: u64,
    pub bytes: u64,
    /// Records up to this one are let go of.
    #[serde(skip)]
    pub(crate) from_seq: u64,
    #[serde(skip)]
    pub(crate) last_seq: u64,
}

impl Held {
    pub(crate) fn add(&mut self, seq: u64, bytes: u64) {
        self.readings += 1;
        self.bytes += bytes;
        self.last_seq = seq;
    }

    /// Everything up to the last record is let go of.
    pub(crate) fn release(&mut self) -> u64 {
        let readings = self.readings;
        *self = Held { from_seq: self.last_seq, last_seq: self.last_seq, ..Held::default() };
        readings
    }
}

pub(crate) fn of_record(record: &Record) -> Option<Quarantined> {
    let reading = layout::of_record(record).ok()?;
    Some(Quarantined { seq: record.head.seq, id: record.head.id, stamp_ms: record.head.stamp_ms, reading })
}
