//! The node once a second: readiness, accounts, sinks, waits, as one small value, and the last minutes of its numbers for charts.
//!
//! Reads what others count and keeps no count of its own. Takes the wall clock and `/proc`.

use crate::admin::View;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_kernel_journal::Durations;
use tidegate_kernel_plug::Readiness;
use tidegate_service_ingest::{Accounts, Class, SinkAccount};

/// Between two beats.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// Beats whose numbers are kept.
const BEATS_MAX: usize = 600;
/// Sinks whose numbers are kept; configuration allows fewer.
const SINKS_MAX: usize = 100;

/// One beat, as the event `pulse` has it. Counts are over all starts of the data folder.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Beat {
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    ready: bool,
    reasons: Vec<Reason>,
    /// Of the configuration.
    generation: u64,
    received: u64,
    accepted: u64,
    derived: u64,
    quarantined: u64,
    malformed: u64,
    refused: u64,
    /// Readings taken, those that rules made included.
    taken: ByClass,
    wait_us: Waits,
    /// All differences of all accounts, added up without their signs.
    difference: u64,
    crashes: u64,
    lost_at_crash_max: u64,
    sinks: Vec<SinkBeat>,
    alarms: Alarms,
    dead_letters: u64,
    connections: u64,
    log_bytes: u64,
    resident_bytes: u64,
    /// CPU time of the process, all threads together.
    cpu_ms: u64,
}

/// Why a capability does not do what it is there for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reason {
    pub(crate) capability: &'static str,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct ByClass {
    critical: u64,
    process: u64,
    telemetry: u64,
}

/// How long 99 % of the batches of the last second kept their first reading waiting, in microseconds; nothing where there was none.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Waits {
    /// Until it was synced.
    critical: Option<u64>,
    /// Until it was written.
    process: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
struct SinkBeat {
    sink: String,
    running: bool,
    breaker: &'static str,
    limit: usize,
    catching_up: bool,
    failures: u64,
    delivered: u64,
    dead_lettered: u64,
    shed: u64,
    lag: u64,
    in_flight: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Alarms {
    active: u64,
    unacknowledged: u64,
    shelved: u64,
}

/// The last minutes as columns, oldest first, each as long as `at_ms`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Trend {
    every_ms: u64,
    at_ms: Vec<u64>,
    received: Vec<u64>,
    taken: BTreeMap<&'static str, Vec<u64>>,
    wait_us: BTreeMap<&'static str, Vec<Option<u64>>>,
    cpu_ms: Vec<u64>,
    resident_bytes: Vec<u64>,
    /// By sink; nothing where there was no such sink yet.
    lag: BTreeMap<String, Vec<Option<u64>>>,
    delivered: BTreeMap<String, Vec<Option<u64>>>,
}

/// Makes beats and keeps the last of them.
#[derive(Debug)]
pub(crate) struct Pulse {
    view: View,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    beats: VecDeque<Beat>,
    until_synced: Durations,
    until_written: Durations,
}

impl Pulse {
    pub(crate) fn new(view: View) -> Pulse {
        Pulse { view, state: Mutex::default() }
    }

    /// Looks at everything once and keeps what it saw.
    pub(crate) fn beat(&self) -> Beat {
        let accounts = self.view.ingest.accounts();
        let tallies = self.view.storage.queues().tallies;
        let mut state = self.state();
        let wait_us = Waits {
            critical: slowest(&tallies.until_synced.since(&state.until_synced)),
            process: slowest(&tallies.until_written.since(&state.until_written)),
        };
        (state.until_synced, state.until_written) = (tallies.until_synced, tallies.until_written);
        let beat = self.seen(&accounts, wait_us);
        state.beats.push_back(beat.clone());
        let surplus = state.beats.len().saturating_sub(BEATS_MAX);
        state.beats.drain(..surplus);
        beat
    }

    fn seen(&self, accounts: &Accounts, wait_us: Waits) -> Beat {
        let reasons = unready(&self.view);
        let admission = &accounts.admission;
        let alarms = self.view.ingest.rules().map(|rules| rules.alarms().counts()).unwrap_or_default();
        let (resident_bytes, cpu_ms) = self.view.vitals.costs();
        Beat {
            at_ms: wall_ms(),
            ready: reasons.is_empty(),
            reasons,
            generation: self.view.reloader.standing().generation,
            received: admission.received,
            accepted: admission.accepted,
            derived: accounts.routing.derived,
            quarantined: admission.quarantined,
            malformed: admission.malformed,
            refused: admission.refused,
            taken: taken(accounts),
            wait_us,
            difference: difference(accounts),
            crashes: admission.crashes,
            lost_at_crash_max: admission.lost_at_crash_max,
            sinks: sinks(accounts),
            alarms: Alarms {
                active: alarms.active,
                unacknowledged: alarms.unacknowledged,
                shelved: alarms.shelved,
            },
            dead_letters: self.view.ingest.dead_letters_kept(),
            connections: self.view.mqtt.as_ref().map_or(0, |mqtt| mqtt.connections()),
            log_bytes: self.view.storage.queues().log_bytes,
            resident_bytes,
            cpu_ms,
        }
    }

    /// The numbers of the beats that are kept.
    pub(crate) fn trend(&self) -> Trend {
        let state = self.state();
        let mut trend = Trend { every_ms: EVERY.as_millis() as u64, ..Trend::default() };
        for (at, beat) in state.beats.iter().enumerate() {
            trend.add(at, beat);
        }
        trend
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trend {
    fn add(&mut self, at: usize, beat: &Beat) {
        self.at_ms.push(beat.at_ms);
        self.received.push(beat.received);
        self.cpu_ms.push(beat.cpu_ms);
        self.resident_bytes.push(beat.resident_bytes);
        let ByClass { critical, process, telemetry } = beat.taken;
        for (class, count) in [("critical", critical), ("process", process), ("telemetry", telemetry)] {
            self.taken.entry(class).or_default().push(count);
        }
        for (class, wait) in [("critical", beat.wait_us.critical), ("process", beat.wait_us.process)] {
            self.wait_us.entry(class).or_default().push(wait);
        }
        for sink in beat.sinks.iter().take(SINKS_MAX) {
            put(&mut self.lag, &sink.sink, at, sink.lag + sink.in_flight);
            put(&mut self.delivered, &sink.sink, at, sink.delivered);
        }
        for column in self.lag.values_mut().chain(self.delivered.values_mut()) {
            column.resize(at + 1, None);
        }
    }
}

fn put(columns: &mut BTreeMap<String, Vec<Option<u64>>>, sink: &str, at: usize, value: u64) {
    let column = columns.entry(sink.to_owned()).or_default();
    column.resize(at, None);
    column.push(Some(value));
}

/// What is not ready, and why.
pub(crate) fn unready(view: &View) -> Vec<Reason> {
    let reason = |capability: &Arc<dyn tidegate_kernel_plug::Capability>| match capability.readiness() {
        Readiness::Ready => None,
        Readiness::Unready(reason) => Some(Reason { capability: capability.name(), reason }),
    };
    view.capabilities.iter().filter_map(reason).chain(view.supervisor.reasons()).collect()
}

fn taken(accounts: &Accounts) -> ByClass {
    let of = |class| {
        let of_class = accounts.admission.sources.iter().filter(|account| account.class == class);
        of_class.map(|account| account.accepted).sum()
    };
    ByClass { critical: of(Class::Critical), process: of(Class::Process), telemetry: of(Class::Telemetry) }
}

fn difference(accounts: &Accounts) -> u64 {
    let admission = &accounts.admission;
    let whole = [admission.difference, admission.sources_difference, accounts.routing.difference];
    let sinks = accounts.sinks.iter().map(|account| account.difference);
    whole.into_iter().chain(sinks).map(i64::unsigned_abs).sum()
}

fn sinks(accounts: &Accounts) -> Vec<SinkBeat> {
    let beat = |state: &tidegate_service_ingest::SinkReport| {
        let of_sink = || accounts.sinks.iter().filter(|account| account.sink == state.sink);
        let sum = |of: fn(&SinkAccount) -> u64| of_sink().map(of).sum();
        SinkBeat {
            sink: state.sink.clone(),
            running: state.running,
            breaker: state.breaker,
            limit: state.limit,
            catching_up: state.catching_up,
            failures: state.failures,
            delivered: sum(|account| account.delivered),
            dead_lettered: sum(|account| account.dead_lettered),
            shed: sum(|account| account.shed),
            lag: sum(|account| account.lag),
            in_flight: sum(|account| account.in_flight),
        }
    };
    accounts.sink_states.iter().map(beat).collect()
}

/// What 99 % of them did not exceed, in microseconds.
fn slowest(durations: &Durations) -> Option<u64> {
    durations.quantile(0.99).map(|duration| duration.as_micros() as u64)
}

pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_came_later_has_nothing_before_and_each_column_is_as_long_as_the_times() {
        let mut trend = Trend::default();
        put(&mut trend.lag, "late", 3, 7);
        assert_eq!(trend.lag["late"], [None, None, None, Some(7)]);
    }
}
