//! Readings of class `telemetry`: in memory only, the latest of each topic, bounded in keys and bytes.
//!
//! Each sink has a place of its own in one list that is ordered by when a topic last had news. A topic with news moves to the
//! end: for a sink that had not taken what was there before, that one is *coalesced*. Points are not lost by it: those that the
//! newer reading lacks stay. What goes for lack of room is *shed* for every sink that had not taken it. So for each sink
//! `routed = delivered + coalesced + shed + dead_lettered + lag + in_flight` holds at any moment.
//!
//! Holds one lock for the time it takes to move a reading; reads no clock. What was here at a crash is gone, and within the bound
//! that admission promises.

use crate::class::Class;
use crate::reading::{Body, Reading};
use crate::shelf::{News, Place, Shelf};
use crate::sink::Row;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_kernel_journal::Id;
use tokio::sync::Notify;

pub use crate::shelf::TelemetryLimits;

/// How telemetry left for one sink, and what has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TelemetryTally {
    pub delivered: u64,
    /// Replaced by a newer reading of the same topic.
    pub coalesced: u64,
    /// Gone for lack of room, or with the end of the process.
    pub shed: u64,
    pub dead_lettered: u64,
    pub lag: u64,
    pub in_flight: u64,
}

impl TelemetryTally {
    pub fn settled(&self) -> u64 {
        self.delivered + self.coalesced + self.shed + self.dead_lettered
    }
}

/// The latest readings of all topics, and how far each sink is.
#[derive(Debug)]
pub struct Telemetry {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Debug)]
struct Inner {
    shelf: Shelf,
    sinks: BTreeMap<String, Drain>,
}

/// One sink's place.
#[derive(Debug, Default)]
struct Drain {
    tally: TelemetryTally,
    /// Everything up to this version was taken.
    taken: u64,
    /// The first place that was not.
    next: Option<Place>,
    /// What a delivery under way holds: place and version, in order.
    held: Vec<(Place, u64)>,
}

/// One sink's hold on the telemetry: take, then settle or put back. There is one of a name at a time.
#[derive(Debug)]
pub struct Tap {
    telemetry: Arc<Telemetry>,
    sink: String,
}

impl Telemetry {
    pub fn new(limits: TelemetryLimits) -> Telemetry {
        Telemetry { inner: Mutex::new(Inner::new(limits)), news: Notify::new() }
    }

    /// Puts a reading where its topic's last one was.
    pub fn put(&self, reading: Reading, received_ms: u64) {
        let was_empty = self.lock().put(reading, received_ms);
        if was_empty {
            self.news.notify_waiters();
        }
    }

    /// The same with points instead of the reading's body. `place` is where the topic was the last time, and is again.
    pub(crate) fn put_points(&self, news: &News<'_>, place: &mut Option<Place>) {
        let was_empty = self.lock().put_points(news, place);
        if was_empty {
            self.news.notify_waiters();
        }
    }

    /// A tap for this sink, in place of any before. It goes on from `before`; what came until now is not for it.
    pub fn tap(self: &Arc<Telemetry>, sink: &str, before: TelemetryTally) -> Tap {
        let mut inner = self.lock();
        let taken = inner.shelf.version();
        inner.sinks.insert(sink.to_owned(), Drain { tally: before, taken, ..Drain::default() });
        Tap { telemetry: self.clone(), sink: sink.to_owned() }
    }

    /// The tap of a sink that has one already, for a pump that was started anew: what the last one held is put back.
    pub fn tap_again(self: &Arc<Telemetry>, sink: &str) -> Tap {
        let tap = Tap { telemetry: self.clone(), sink: sink.to_owned() };
        tap.put_back();
        tap
    }

    /// Lets go of every reading and every tap: what a sink is in the middle of counts for nothing any more.
    pub(crate) fn clear(&self, limits: TelemetryLimits) {
        *self.lock() = Inner::new(limits);
    }

    /// What became of the telemetry of one sink; nothing where it has no tap.
    pub fn tally(&self, sink: &str) -> Option<TelemetryTally> {
        self.lock().sinks.get(sink).map(|drain| drain.tally)
    }

    pub fn tallies(&self) -> BTreeMap<String, TelemetryTally> {
        self.lock().sinks.iter().map(|(sink, drain)| (sink.clone(), drain.tally)).collect()
    }

    /// Topics held, and about how many bytes they take.
    pub fn size(&self) -> (usize, usize) {
        self.lock().shelf.size()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(limits: TelemetryLimits) -> Inner {
        Inner { shelf: Shelf::new(limits), sinks: BTreeMap::new() }
    }

    /// Whether a sink that had nothing to take now has.
    fn put(&mut self, reading: Reading, received_ms: u64) -> bool {
        if let Some(place) = self.shelf.find(&reading.topic) {
            self.leave(place, Left::Coalesced);
            self.shelf.replace(place, reading, received_ms);
            return self.arrive(place);
        }
        let place = self.shelf.add(reading, received_ms);
        let was_empty = self.arrive(place);
        while let Some(oldest) = self.shelf.over_limit() {
            self.leave(oldest, Left::Shed);
            self.shelf.remove(oldest);
        }
        was_empty
    }

    fn put_points(&mut self, news: &News<'_>, hint: &mut Option<Place>) -> bool {
        *hint = self.shelf.find_again(*hint, &news.reading.topic);
        let Some(place) = *hint else {
            let reading = news.reading.saying(Body::Points(news.points()));
            return self.put(reading, news.received_ms);
        };
        self.leave(place, Left::Coalesced);
        self.shelf.renew(place, news);
        self.arrive(place)
    }

    /// What is at `place` will not be there any more.
    fn leave(&mut self, place: Place, way: Left) {
        let version = self.shelf.version_at(place);
        let following = self.shelf.following(place);
        let mut wanted = false;
        for drain in self.sinks.values_mut().filter(|drain| drain.taken < version) {
            wanted = true;
            drain.tally.lag -= 1;
            match way {
                Left::Coalesced => drain.tally.coalesced += 1,
                Left::Shed => drain.tally.shed += 1,
            }
            if drain.next == Some(place) {
                drain.next = following;
            }
        }
        self.shelf.set_wanted(place, wanted);
    }

    fn arrive(&mut self, place: Place) -> bool {
        let mut was_empty = false;
        for drain in self.sinks.values_mut() {
            was_empty |= drain.tally.lag == 0;
            drain.tally.lag += 1;
            drain.next = drain.next.or(Some(place));
        }
        was_empty
    }
}

#[derive(Debug, Clone, Copy)]
enum Left {
    Coalesced,
    Shed,
}

impl Tap {
    /// The readings that have waited longest, at most so many. They are in flight until they are settled or put back.
    pub fn take(&self, rows_max: usize) -> Vec<Row> {
        let mut guard = self.telemetry.lock();
        let Inner { shelf, sinks } = &mut *guard;
        let Some(drain) = sinks.get_mut(&self.sink) else { return Vec::new() };
        let mut rows = Vec::new();
        while let Some(place) = drain.next.filter(|_| rows.len() < rows_max) {
            let (version, received_ms, reading) = shelf.at(place);
            rows.push(row(version, received_ms, reading.clone()));
            drain.held.push((place, version));
            drain.taken = version;
            drain.next = shelf.following(place);
        }
        drain.tally.lag -= rows.len() as u64;
        drain.tally.in_flight += rows.len() as u64;
        rows
    }

    /// What was taken is done with: all of it delivered, but for so many that the sink will never take.
    pub fn settle(&self, dead_lettered: u64) {
        self.with(|drain, _| {
            let held = std::mem::take(&mut drain.held).len() as u64;
            let dead_lettered = dead_lettered.min(held);
            drain.tally.in_flight -= held;
            drain.tally.delivered += held - dead_lettered;
            drain.tally.dead_lettered += dead_lettered;
        });
    }

    /// What was taken could not be delivered. What has had no news since then waits again.
    pub fn put_back(&self) {
        self.with(|drain, shelf| {
            let held = std::mem::take(&mut drain.held);
            drain.tally.in_flight -= held.len() as u64;
            if let Some((_, first)) = held.first() {
                drain.taken = first - 1;
            }
            for (place, version) in held {
                match shelf.fate(place, version) {
                    crate::shelf::Fate::There => drain.tally.lag += 1,
                    crate::shelf::Fate::Replaced => drain.tally.coalesced += 1,
                    crate::shelf::Fate::Gone => drain.tally.shed += 1,
                }
            }
            drain.next = shelf.first_after(drain.taken);
        });
    }

    /// Whether there is anything to take.
    pub fn is_empty(&self) -> bool {
        self.telemetry.tally(&self.sink).is_none_or(|tally| tally.lag == 0)
    }

    /// Resolves when there is something to take.
    pub async fn available(&self) {
        loop {
            let mut news = std::pin::pin!(self.telemetry.news.notified());
            // Before the look, so that news between the two is not missed.
            news.as_mut().enable();
            if !self.is_empty() {
                return;
            }
            news.await;
        }
    }

    fn with(&self, change: impl FnOnce(&mut Drain, &Shelf)) {
        let mut guard = self.telemetry.lock();
        let Inner { shelf, sinks } = &mut *guard;
        if let Some(drain) = sinks.get_mut(&self.sink) {
            change(drain, shelf);
        }
    }
}

/// Telemetry has a number of its own, which counts from the start of the process.
fn row(seq: u64, stamp_ms: u64, reading: Reading) -> Row {
    Row { seq, id: Id::v7(stamp_ms), stamp_ms, class: Class::Telemetry, replay: false, reading }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Source;
    use proptest::prelude::*;

    fn reading(topic: u8, payload: &str) -> Reading {
        Reading::raw(Source::Mqtt, format!("t/{topic}").parse().unwrap(), payload.to_owned())
    }

    fn store(keys_max: usize) -> Arc<Telemetry> {
        Arc::new(Telemetry::new(TelemetryLimits { keys_max, bytes_max: 1 << 20 }))
    }

    fn payloads(rows: &[Row]) -> Vec<String> {
        let text = |row: &Row| String::from_utf8_lossy(row.reading.payload().unwrap()).into_owned();
        rows.iter().map(text).collect()
    }

    #[test]
    fn a_sink_takes_the_latest_of_each_topic_in_the_order_of_their_news() {
        let telemetry = store(10);
        let tap = telemetry.tap("a", TelemetryTally::default());
        for (topic, payload) in [(1, "old"), (2, "two"), (1, "new")] {
            telemetry.put(reading(topic, payload), 5);
        }
        assert_eq!(payloads(&tap.take(9)), ["two", "new"]);
        let tally = telemetry.tally("a").unwrap();
        assert_eq!((tally.coalesced, tally.lag, tally.in_flight), (1, 0, 2));
        tap.settle(0);
        assert_eq!(telemetry.tally("a").unwrap().delivered, 2);
        assert!(tap.take(9).is_empty());
    }

    #[test]
    fn what_came_before_a_tap_is_not_for_it_and_what_goes_for_lack_of_room_is_shed() {
        let telemetry = store(2);
        telemetry.put(reading(9, "early"), 5);
        let tap = telemetry.tap("a", TelemetryTally::default());
        (1..=3).for_each(|topic| telemetry.put(reading(topic, "x"), 5));
        assert_eq!((telemetry.size().0, telemetry.tally("a").unwrap().shed), (2, 1));
        assert_eq!(tap.take(9).len(), 2);
    }

    #[test]
    fn a_failed_delivery_waits_again_unless_there_was_news_meanwhile() {
        let telemetry = store(10);
        let tap = telemetry.tap("a", TelemetryTally::default());
        (1..=3).for_each(|topic| telemetry.put(reading(topic, "x"), 5));
        assert_eq!(tap.take(2).len(), 2);
        telemetry.put(reading(1, "y"), 6);
        tap.put_back();
        assert_eq!(payloads(&tap.take(9)), ["x", "x", "y"]);
        assert_eq!(telemetry.tally("a").unwrap().coalesced, 1);
    }

    #[tokio::test]
    async fn a_tap_that_waits_is_woken_by_news() {
        let telemetry = store(10);
        let tap = telemetry.tap("a", TelemetryTally::default());
        let waiting = tokio::spawn(async move { tap.available().await });
        tokio::task::yield_now().await;
        telemetry.put(reading(1, "x"), 5);
        tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap().unwrap();
    }

    proptest! {
        /// Against a model that keeps, for each sink, the list of what it has not taken.
        #[test]
        fn every_reading_leaves_each_sink_by_one_way(steps in prop::collection::vec((0..6_u8, 0..2_usize, 0..12_u8), 1..200)) {
            let telemetry = store(5);
            let taps = ["a", "b"].map(|sink| telemetry.tap(sink, TelemetryTally::default()));
            let mut routed = 0;
            let mut held = [false; 2];
            for (step, sink, topic) in steps {
                match step {
                    0 if !held[sink] => held[sink] = !taps[sink].take(3).is_empty(),
                    1 => { taps[sink].settle(u64::from(topic == 0)); held[sink] = false }
                    2 => { taps[sink].put_back(); held[sink] = false }
                    _ => { telemetry.put(reading(topic, "x"), 5); routed += 1 }
                }
                for (name, tally) in telemetry.tallies() {
                    prop_assert_eq!(routed, tally.settled() + tally.lag + tally.in_flight, "sink {}", name);
                }
            }
            for (at, tap) in taps.iter().enumerate() {
                if held[at] { tap.settle(0) }
                let lag = telemetry.tallies()[["a", "b"][at]].lag;
                prop_assert_eq!(tap.take(100).len() as u64, lag);
            }
        }
    }
}
