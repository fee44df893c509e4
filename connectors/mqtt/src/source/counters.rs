//! What is counted of a link, and what it is doing now.

use super::error::Setback;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    pub connected: bool,
    pub connections: u64,
    /// Publications by quality, and whether the broker said it may have sent them before.
    pub publications: BTreeMap<(u8, bool), u64>,
    pub acks: u64,
    /// Publications of QoS 2 that the broker released and sent again all the same; they were taken again, marked.
    pub repeats: u64,
    /// Times nothing was read because the pipeline had no room.
    pub holds: u64,
    /// Publications of connections that ended before they were acknowledged; the broker sends them again.
    pub unanswered: u64,
    /// Connections at which the broker knew nothing of a session that there was before.
    pub sessions_lost: u64,
    /// Filters of the present session that the broker refused.
    pub filters_refused: u64,
    pub setbacks: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Snapshot>);

impl Counters {
    pub(super) fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    pub(super) fn connected(&self, connected: bool) {
        let mut counts = self.lock();
        counts.connected = connected;
        counts.connections += u64::from(connected);
    }

    pub(super) fn setback(&self, setback: &Setback) {
        *self.lock().setbacks.entry(setback.code()).or_default() += 1;
    }

    pub(super) fn publication(&self, qos: u8, dup: bool) {
        *self.lock().publications.entry((qos, dup)).or_default() += 1;
    }

    pub(super) fn acks(&self, many: u64) {
        self.lock().acks += many;
    }

    pub(super) fn repeat(&self) {
        self.lock().repeats += 1;
    }

    pub(super) fn hold(&self) {
        self.lock().holds += 1;
    }

    pub(super) fn unanswered(&self, many: u64) {
        self.lock().unanswered += many;
    }

    pub(super) fn session_lost(&self) {
        self.lock().sessions_lost += 1;
    }

    pub(super) fn filters_refused(&self, many: u64) {
        self.lock().filters_refused = many;
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
