//! What is counted, for metrics. Relaxed counters; a lock for the reasons of ends, which are rare.

use crate::fault::Fault;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// How calls that went as they should are counted.
const OK: &str = "";

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Count,
    pub(crate) connections_refused: Count,
    pub(crate) accept_errors: Count,
    pub(crate) calls: Count,
    pub(crate) messages: Count,
    pub(crate) acks: Count,
    pub(crate) holds: Count,
    /// Readings of calls that ended before they were acknowledged.
    pub(crate) unanswered: Count,
    readings: Count,
    duplicates: Count,
    ends: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, many: u64) {
        self.0.fetch_add(many, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counts at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    pub connections_open: u64,
    pub connections_total: u64,
    pub connections_refused: u64,
    pub accept_errors: u64,
    pub calls_open: u64,
    pub calls_total: u64,
    /// Calls that ended, by code; no code where all went as it should.
    pub ended: Vec<(&'static str, u64)>,
    pub messages: u64,
    pub readings: u64,
    pub duplicates: u64,
    pub acks: u64,
    pub holds: u64,
    pub unanswered: u64,
    pub streams: u64,
    pub streams_forgotten: u64,
}

impl Counters {
    pub(crate) fn readings(&self, many: u64, duplicates: u64) {
        self.readings.add(many);
        self.duplicates.add(duplicates);
    }

    pub(crate) fn ended(&self, end: &Result<(), Fault>) {
        let code = end.as_ref().map_or_else(Fault::code, |()| OK);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.entry(code).or_default() += 1;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            connections_total: self.connections.get(),
            connections_refused: self.connections_refused.get(),
            accept_errors: self.accept_errors.get(),
            calls_total: self.calls.get(),
            ended: ends.iter().map(|(code, count)| (*code, *count)).collect(),
            messages: self.messages.get(),
            readings: self.readings.get(),
            duplicates: self.duplicates.get(),
            acks: self.acks.get(),
            holds: self.holds.get(),
            unanswered: self.unanswered.get(),
            ..Snapshot::default()
        }
    }
}
