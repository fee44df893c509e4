//! `GET /api/v1/events`: what goes on in the node, as server-sent events (WHATWG HTML, server-sent events).
//!
//! ```text
//!   once a second: pulse, alarm, log ──> ring of the last events, numbered ──> each stream, from where it is
//!                                                                    history ──> values, for a stream that names a device
//! ```
//! A stream pulls from the ring at its own pace. One that falls behind more than the ring holds is told so by an event, and that is
//! counted. Only alarms have an `id`: the offset of their feed, from which a client goes on with `Last-Event-ID`.

mod stream;

#[cfg(test)]
pub(crate) use stream::Pieces;

use crate::admin::View;
use crate::logs::Recent;
use crate::pulse::{EVERY, Pulse};
use crate::rules::told;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_kernel_plug::{Family, Need, Route, Routes};
use tidegate_service_history::History;
use tidegate_service_ingest::AlarmEvent;
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

/// Streams at once.
pub(crate) const STREAMS_MAX: usize = 32;
/// Events that are kept for streams that are slow.
const EVENTS_MAX: usize = 64;

/// An event as it is written, all but its id.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    name: &'static str,
    /// One line of JSON.
    data: Arc<str>,
    /// Of an alarm, its offset.
    id: Option<u64>,
}

impl Event {
    fn new(name: &'static str, value: &impl Serialize) -> Event {
        let data = serde_json::to_string(value).expect("what the node says of itself is JSON");
        Event { name, data: data.into(), id: None }
    }

    fn of_alarm(event: &AlarmEvent) -> Event {
        Event { id: Some(event.offset), ..Event::new("alarm", &told(event)) }
    }

    fn text(&self) -> String {
        let id = self.id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        format!("event: {}\n{id}data: {}\n\n", self.name, self.data)
    }
}

/// Where events come from and who listens.
#[derive(Debug)]
pub(crate) struct Events {
    view: View,
    pulse: Arc<Pulse>,
    recent: Recent,
    /// Nothing where no device has a model.
    history: Option<Arc<History>>,
    ring: Mutex<Ring>,
    /// How many events there were; changes with each beat.
    head: watch::Sender<u64>,
    seats: Arc<Semaphore>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Event>,
    /// The number behind the last event.
    next: u64,
}

impl Ring {
    /// Gives the number behind the last event.
    fn put(&mut self, events: Vec<Event>) -> u64 {
        self.next += events.len() as u64;
        self.events.extend(events);
        let surplus = self.events.len().saturating_sub(EVENTS_MAX);
        self.events.drain(..surplus);
        self.next
    }

    /// Events from this number on that are kept still, and how many are not.
    fn since(&self, number: u64) -> (Vec<Event>, u64) {
        let first = self.next - self.events.len() as u64;
        let skipped = number.saturating_sub(first) as usize;
        (self.events.iter().skip(skipped).cloned().collect(), first.saturating_sub(number))
    }
}

/// What became of streams, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    opened: AtomicU64,
    refused: AtomicU64,
    missed: AtomicU64,
}

/// How far the sources were looked at.
struct Seen {
    alarms: u64,
    lines: u64,
}

impl Events {
    pub(crate) fn new(
        view: View,
        pulse: Arc<Pulse>,
        recent: Recent,
        history: Option<Arc<History>>,
    ) -> Events {
        Events {
            view,
            pulse,
            recent,
            history,
            ring: Mutex::default(),
            head: watch::Sender::new(0),
            seats: Arc::new(Semaphore::new(STREAMS_MAX)),
            counts: Counts::default(),
        }
    }

    /// Looks around once a second, until it is dropped.
    pub(crate) async fn run(self: Arc<Events>) {
        let mut seen = Seen { alarms: self.view.storage.queues().head_seq, lines: self.recent.last() };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut events = vec![Event::new("pulse", &self.pulse.beat())];
            events.extend(self.alarms(&mut seen).await);
            events.extend(self.lines(&mut seen));
            self.put(events);
        }
    }

    /// Alarms since the last look. Reads the disk only where there are any, and of it only what is new.
    async fn alarms(&self, seen: &mut Seen) -> Vec<Event> {
        let head = self.view.storage.queues().head_seq;
        let Some(rules) = self.view.ingest.rules() else { return Vec::new() };
        if rules.alarms().head() <= seen.alarms {
            seen.alarms = seen.alarms.max(head);
            return Vec::new();
        }
        let (ingest, after) = (self.view.ingest.clone(), seen.alarms);
        let read = move || ingest.rules().map(|rules| rules.alarms().since(after));
        match tokio::task::spawn_blocking(read).await {
            Ok(Some(Ok(page))) => {
                seen.alarms = page.next;
                page.events.iter().map(Event::of_alarm).collect()
            }
            Ok(Some(Err(error))) => {
                tracing::warn!(code = error.code(), "alarms could not be read for the console: {error}");
                seen.alarms = head;
                Vec::new()
            }
            Ok(None) | Err(_) => Vec::new(),
        }
    }

    fn lines(&self, seen: &mut Seen) -> Vec<Event> {
        let lines = self.recent.since(seen.lines);
        seen.lines = lines.last().map_or(seen.lines, |line| line.number);
        lines.iter().map(|line| Event::new("log", line)).collect()
    }

    fn put(&self, events: Vec<Event>) {
        let next = self.ring().put(events);
        self.head.send_replace(next);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Streams that are open now.
    pub(crate) fn open(&self) -> usize {
        STREAMS_MAX - self.seats.available_permits()
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let whole = |name, help, count| Family::counter(name, help).with(&[], of(count));
        vec![
            Family::gauge("tidegate_events_open_streams", "Streams of events that are open.")
                .with(&[], self.open() as u64),
            whole(
                "tidegate_events_streams_total",
                "Streams of events that were opened.",
                &self.counts.opened,
            ),
            whole(
                "tidegate_events_refused_streams_total",
                "Streams of events that were refused, for there were too many.",
                &self.counts.refused,
            ),
            whole(
                "tidegate_events_missed_total",
                "Events that a stream did not get because it was behind.",
                &self.counts.missed,
            ),
        ]
    }
}

pub(crate) fn routes(events: Arc<Events>) -> Routes {
    let trend = Route::get("/api/v1/pulse", Need::Authenticated, "The last minutes of the node's numbers.");
    let pulse = events.pulse.clone();
    Routes::new()
        .with(
            Route::get("/api/v1/events", Need::Authenticated, "What goes on, as server-sent events."),
            stream::open,
            events,
        )
        .with(
            trend,
            async |axum::extract::State(pulse): axum::extract::State<Arc<Pulse>>| axum::Json(pulse.trend()),
            pulse,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(events: usize) -> Vec<Event> {
        (0..events).map(|at| Event::new("log", &at)).collect()
    }

    #[test]
    fn who_is_behind_gets_what_is_kept_and_the_number_of_what_is_not() {
        let mut ring = Ring::default();
        assert_eq!(ring.put(many(EVENTS_MAX)), 64);
        let (all, missed) = ring.since(0);
        assert_eq!((all.len(), missed), (EVENTS_MAX, 0));
        ring.put(many(10));
        let (kept, missed) = ring.since(3);
        assert_eq!((kept.len(), missed), (EVENTS_MAX, 7));
        let (news, missed) = ring.since(72);
        assert_eq!((news.len(), missed), (2, 0));
        assert_eq!(ring.since(74).0.len(), 0);
    }

    #[test]
    fn only_an_alarm_has_an_id() {
        let event = Event::new("pulse", &1);
        assert_eq!(event.text(), "event: pulse\ndata: 1\n\n");
        assert_eq!(Event { id: Some(7), ..event }.text(), "event: pulse\nid: 7\ndata: 1\n\n");
    }
}
