//! What a sink's pump tells the rest of the node: breaker, failures, how long deliveries take.
//!
//! Holds a lock for as long as it takes to copy a few numbers; reads the wall clock when a delivery fails.

use crate::accounts::{LastError, SinkReport};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_kernel_flow::BreakerState;
use tidegate_kernel_plug::Histogram;

const BATCH_SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// Shared between a pump and those who ask about it.
#[derive(Debug)]
pub(crate) struct SinkState {
    pub(crate) name: Arc<str>,
    facts: Mutex<Facts>,
}

/// The numbers of one sink since the start.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) running: bool,
    pub(crate) breaker: BreakerState,
    pub(crate) limit: usize,
    pub(crate) catching_up: bool,
    pub(crate) failures: u64,
    pub(crate) restarts: u64,
    pub(crate) repairs: u64,
    pub(crate) last_error: Option<LastError>,
    pub(crate) batch_seconds: Histogram,
}

impl SinkState {
    pub(crate) fn new(name: &str) -> SinkState {
        let facts = Facts {
            running: true,
            breaker: BreakerState::Closed,
            limit: 1,
            catching_up: false,
            failures: 0,
            restarts: 0,
            repairs: 0,
            last_error: None,
            batch_seconds: Histogram::new(BATCH_SECONDS),
        };
        SinkState { name: name.into(), facts: Mutex::new(facts) }
    }

    pub(crate) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    pub(crate) fn report(&self) -> SinkReport {
        let facts = self.lock();
        SinkReport {
            sink: self.name.to_string(),
            running: facts.running,
            breaker: facts.breaker.name(),
            limit: facts.limit,
            catching_up: facts.catching_up,
            failures: facts.failures,
            last_error: facts.last_error.clone(),
        }
    }

    pub(crate) fn delivered(&self, took: Duration) {
        self.lock().batch_seconds.record(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, code: &'static str, message: String) {
        let mut facts = self.lock();
        facts.failures += 1;
        facts.last_error = Some(LastError { code, message, at_ms: wall_ms() });
    }

    pub(crate) fn set_breaker(&self, breaker: BreakerState) {
        self.lock().breaker = breaker;
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.lock().limit = limit;
    }

    pub(crate) fn set_catching_up(&self, catching_up: bool) {
        self.lock().catching_up = catching_up;
    }

    pub(crate) fn add_repairs(&self, repairs: u64) {
        self.lock().repairs += repairs;
    }

    pub(crate) fn restarted(&self) {
        self.lock().restarts += 1;
    }

    pub(crate) fn ended(&self) {
        self.lock().running = false;
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970 by the wall clock; zero before it.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
