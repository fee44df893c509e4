//! Moves readings from the journal into one sink: read, gather a batch, deliver it, commit the cursor.
//!
//! As many deliveries are under way as the limit allows; the breaker and the backoff say when there are none. After an outage that
//! left much behind, the cursor is split: a lane of new readings and one of old ones share the capacity until the old one is empty
//! and the two are joined again. Runs on the runtime for exporters: it reads the disk and the sink may block. Takes the monotonic
//! clock, and randomness for the waits.

use crate::delivery::LANDED_PER_FLIGHT_MAX;
use crate::errand::{Errand, Wait};
use crate::error::PumpError;
use crate::lane::{Committed, FlightState, Lane};
use crate::post::{Cursors, Order, Post};
use crate::sink::Sink;
use crate::telemetry::Tap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_flow::{self as flow, Backoff, Breaker, BreakerState, Limit, Share, Signal};
use tidegate_kernel_id::jitter;
use tidegate_kernel_journal::Refusal;
use tidegate_kernel_plug::{waiting_on, with_causes};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// Between two attempts to settle a batch while the journal is busy, and between two looks at a backlog's end.
const BUSY_WAIT: Duration = Duration::from_millis(5);
/// Where no new row came for so long, a backlog has all the capacity.
const LIVE_PAUSE: Duration = Duration::from_secs(1);
/// Telemetry goes out at most so often: what has news meanwhile goes once.
const TELEMETRY_WAIT: Duration = Duration::from_millis(50);
/// The number of a flight with telemetry, of which there is one at a time.
const TELEMETRY: u64 = u64::MAX;

pub(crate) struct Pump<S> {
    post: Post,
    sink: Arc<S>,
    live: Lane,
    backlog: Option<Lane>,
    share: Share,
    limit: Limit,
    breaker: Breaker,
    backoff: Backoff,
    flying: JoinSet<Landed>,
    next_flight: u64,
    /// Readings that are not in the journal, and when the next of them may go.
    tap: Tap,
    telemetry_at: Duration,
    has_telemetry: bool,
    /// The origin of all times here.
    started: Instant,
    /// Nothing is sent before.
    hold_until: Duration,
    /// When the last new row was read.
    live_at: Duration,
    /// While new rows come, no old ones are sent before.
    rest_until: Duration,
    /// The journal took no record.
    is_busy: bool,
    /// The first delivery that works decides whether there is a backlog.
    is_recovering: bool,
    /// Batches do not wait for their age.
    is_hurried: bool,
    repairs: u64,
}

/// A delivery that has ended.
struct Landed {
    flight: u64,
    errand: Errand,
    outcome: Result<(), Wait>,
    took: Duration,
}

impl<S: Sink> Pump<S> {
    pub(crate) fn new(post: Post, cursors: Cursors, sink: S) -> Pump<S> {
        let (delivery, config) = (post.delivery, &post.config);
        let lane = |cursor| Lane::new(cursor, delivery.batch());
        Pump {
            sink: Arc::new(sink),
            live: lane(cursors.live),
            backlog: cursors.backlog.map(lane),
            share: Share::new(delivery.live_share_percent),
            limit: Limit::new(delivery.limit),
            breaker: Breaker::new(config.breaker()).with_window(delivery.window()),
            backoff: Backoff::new(
                Duration::from_millis(config.retry_base_ms),
                Duration::from_millis(config.retry_cap_ms),
            ),
            flying: JoinSet::new(),
            next_flight: 0,
            tap: post.telemetry.tap_again(&post.state.name),
            telemetry_at: Duration::ZERO,
            has_telemetry: false,
            started: Instant::now(),
            hold_until: Duration::ZERO,
            live_at: Duration::ZERO,
            rest_until: Duration::ZERO,
            is_busy: false,
            is_recovering: true,
            is_hurried: false,
            repairs: 0,
            post,
        }
    }

    pub(crate) async fn run(mut self) {
        while self.has_orders() {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => waiting_on("readings, a delivery, or its time", self.wait()).await,
                Err(refusal) => {
                    self.post.state.failed(refusal.code(), refusal.to_string());
                    break;
                }
            }
        }
        // What is under way is dropped; it is not settled, so it comes again.
        self.flying.shutdown().await;
        self.tap.put_back();
        self.lanes().for_each(|lane| lane.cursor.rewind());
    }

    fn lanes(&mut self) -> impl Iterator<Item = &mut Lane> {
        std::iter::once(&mut self.live).chain(&mut self.backlog)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn has_orders(&mut self) -> bool {
        if self.post.orders.has_changed().is_err() {
            return false;
        }
        match *self.post.orders.borrow_and_update() {
            Order::Run => true,
            Order::CatchUp { through } => {
                self.is_hurried = true;
                self.backlog.is_some()
                    || self.live.through() < through
                    || self.has_telemetry
                    || !self.tap.is_empty()
            }
            Order::Stop => false,
        }
    }

    /// Does what can be done without waiting; whether that was anything.
    fn turn(&mut self) -> Result<bool, Refusal> {
        self.commit()?;
        let mut worked = self.join();
        if self.now() < self.hold_until {
            return Ok(worked);
        }
        worked |= self.gather();
        worked |= self.launch_telemetry();
        while self.flying.len() < self.limit.current() && self.launch() {
            worked = true;
        }
        Ok(worked)
    }

    fn commit(&mut self) -> Result<(), Refusal> {
        let (state, letters) = (self.post.state.clone(), self.post.letters.clone());
        self.is_busy = false;
        for lane in std::iter::once(&mut self.live).chain(&mut self.backlog) {
            let mut shelf = letters.hold();
            match lane.commit(&state.name, |id, seq, letter| shelf.add(id, seq, letter)) {
                Committed::All => {}
                Committed::Later => self.is_busy = true,
                Committed::Never(refusal) => return Err(refusal),
            }
        }
        Ok(())
    }

    /// Makes one of the two cursors again when nothing is left of the backlog.
    fn join(&mut self) -> bool {
        let Some(backlog) = self.backlog.as_ref().filter(|backlog| backlog.is_idle()) else { return false };
        let joined = self.live.cursor.join(&backlog.cursor).unwrap_or(false);
        if joined {
            tracing::info!(sink = &*self.post.state.name, "the backlog is delivered");
            self.backlog = None;
            self.post.state.set_catching_up(false);
        }
        joined
    }

    /// Flights of one lane, under way or landed behind one that takes longer; at so many it reads no more.
    fn flights_max(&self) -> usize {
        LANDED_PER_FLIGHT_MAX * (1 + self.limit.current())
    }

    fn gather(&mut self) -> bool {
        let (now, flights_max) = (self.now(), self.flights_max());
        let (mut worked, mut failure, sink) = (false, None, self.post.state.name.clone());
        let mut live_moved = false;
        for (at, lane) in self.lanes().enumerate().filter(|(_, lane)| lane.flights.len() < flights_max) {
            match lane.gather(&sink, now) {
                Ok(moved) => (worked, live_moved) = (worked | moved, live_moved | (moved && at == 0)),
                Err(error) => failure = Some(error),
            }
        }
        if live_moved {
            self.live_at = now;
        }
        if let Some(error) = failure {
            self.failed(&error, None, false);
        }
        worked
    }

    /// Sends one batch if there is one and the breaker admits it.
    fn launch(&mut self) -> bool {
        let now = self.now();
        let waits = self.lanes().any(|lane| lane.waiting().is_some());
        let lane = if waits { None } else { self.pick(now) };
        if !waits && lane.is_none() || !self.breaker.admits(now) {
            return false;
        }
        if let Some(lane) = lane {
            let number = self.next_flight;
            self.next_flight += 1;
            self.lane(lane).seal(number);
        }
        let flight = self.lanes().find_map(Lane::waiting).expect("one waits or was sealed");
        let number = flight.number;
        let state = std::mem::replace(&mut flight.state, FlightState::Airborne);
        let FlightState::Waiting(errand) = state else { unreachable!("it waits") };
        self.flying.spawn(self.flight(number, errand));
        true
    }

    /// A delivery with its span.
    fn flight(&self, number: u64, errand: Errand) -> impl Future<Output = Landed> + use<S> {
        let (sink, rows) = (&*self.post.state.name, errand.rows.len());
        let span =
            tracing::info_span!("delivery", kind = "client", sink, rows, code = Empty, failure = Empty);
        fly(self.sink.clone(), number, errand).instrument(span)
    }

    /// Sends what has news and is not in the journal, between two deliveries of what is.
    fn launch_telemetry(&mut self) -> bool {
        let now = self.now();
        let has_room = self.flying.len() < self.limit.current() && !self.has_telemetry;
        let is_due = now >= self.telemetry_at || self.is_hurried;
        if !has_room || !is_due || self.tap.is_empty() || !self.breaker.admits(now) {
            return false;
        }
        let rows = self.tap.take(self.post.delivery.batch_rows_max);
        (self.has_telemetry, self.telemetry_at) = (true, now + TELEMETRY_WAIT);
        self.flying.spawn(self.flight(TELEMETRY, Errand::new(rows)));
        true
    }

    /// What could not be delivered waits again, but for what has had news since.
    fn telemetry_landed(&mut self, errand: &Errand, outcome: &Result<(), Wait>) {
        self.has_telemetry = false;
        match outcome {
            Ok(()) => self.tap.settle(errand.poison.len() as u64),
            Err(_) => self.tap.put_back(),
        }
    }

    /// The lane whose turn it is, charged for the rows it has.
    fn pick(&mut self, now: Duration) -> Option<flow::Lane> {
        let is_hurried = self.is_hurried;
        let ready = |lane: &Lane| lane.due_in(now).is_some_and(|due| due.is_zero() || is_hurried);
        let (live, backlog) = (ready(&self.live), self.open_backlog(now).is_some_and(ready));
        let lane = self.share.turn(live, backlog)?;
        let rows = self.lane(lane).rows_gathered();
        self.share.spend(lane, rows, !(live && backlog));
        Some(lane)
    }

    /// The backlog, if it may have one more delivery under way: while new rows come it has no more of them than its share, and of the
    /// other side's time no more either, so that this is not busy with old rows when the next new ones come; but always one.
    fn open_backlog(&self, now: Duration) -> Option<&Lane> {
        let old_percent = 100 - self.live_percent() as usize;
        let share = (self.limit.current() * old_percent / 100).max(1);
        let is_alone = self.is_hurried || now >= self.live_at + LIVE_PAUSE;
        let is_open = |lane: &Lane| lane.airborne() < share && now >= self.rest_until;
        self.backlog.as_ref().filter(|backlog| is_alone || is_open(backlog))
    }

    fn live_percent(&self) -> u32 {
        u32::from(self.post.delivery.live_share_percent.min(99))
    }

    /// What took the other side so long was old: as much of its time as is the share of new rows passes before the next.
    fn rest_from_old(&mut self, took: Duration) {
        let live = self.live_percent();
        let rest = took.saturating_mul(live) / (100 - live);
        self.rest_until = self.now() + rest.min(LIVE_PAUSE);
    }

    fn lane(&mut self, lane: flow::Lane) -> &mut Lane {
        match lane {
            flow::Lane::Live => &mut self.live,
            flow::Lane::Backlog => self.backlog.as_mut().expect("its turn comes only while it is there"),
        }
    }

    fn landed(&mut self, landed: Landed) {
        let Landed { flight: number, errand, outcome, took } = landed;
        let rows_cap = errand.rows_cap;
        if number == TELEMETRY {
            self.telemetry_landed(&errand, &outcome);
        } else {
            if self.backlog.as_mut().is_some_and(|backlog| backlog.flight(number).is_some()) {
                self.rest_from_old(took);
            }
            let flight = self.lanes().find_map(|lane| lane.flight(number)).expect("it was sent from a lane");
            flight.state =
                if outcome.is_ok() { FlightState::Landed(errand) } else { FlightState::Waiting(errand) };
        }
        if let Some(rows_max) = rows_cap {
            self.lanes().for_each(|lane| lane.shrink(rows_max));
        }
        let repairs = self.sink.repairs();
        self.post.state.add_repairs(repairs - std::mem::replace(&mut self.repairs, repairs));
        let signal = if outcome.is_ok() { Signal::Took(took) } else { Signal::Overloaded };
        self.limit.observe(signal, self.flying.len() + 1);
        self.post.state.set_limit(self.limit.current());
        match outcome {
            Ok(()) => self.recover(took),
            Err(wait) => self.failed(&PumpError::Deliver(wait.error), wait.after, wait.hopeless),
        }
    }

    fn recover(&mut self, took: Duration) {
        self.post.state.delivered(took);
        if self.backoff.failures() > 0 {
            tracing::info!(sink = &*self.post.state.name, "the sink takes readings again");
        }
        self.backoff.reset();
        let now = self.now();
        self.breaker.worked_in(took, now);
        self.hold_until = self.hold_until.max(now + self.breaker.remaining(now));
        self.post.state.set_breaker(self.breaker.state(now));
        if std::mem::take(&mut self.is_recovering) && self.breaker.state(now) == BreakerState::Closed {
            self.split();
        }
    }

    /// Gives new readings a lane of their own if much is left behind.
    fn split(&mut self) {
        let lag = self.post.lag(self.live.cursor.name());
        if self.backlog.is_some() || lag < self.post.delivery.backlog_rows_min {
            return self.post.state.set_catching_up(self.backlog.is_some());
        }
        match self.live.cursor.split(&self.post.backlog_name()) {
            Ok(cursor) => {
                tracing::info!(
                    sink = &*self.post.state.name,
                    lag,
                    "new readings go beside those that waited"
                );
                let live = Lane::new(cursor, self.post.delivery.batch());
                self.live_at = self.now();
                self.backlog = Some(std::mem::replace(&mut self.live, live));
                self.post.state.set_catching_up(true);
            }
            // In order, then; the next recovery tries again.
            Err(refusal) => tracing::warn!(code = refusal.code(), "could not split a cursor: {refusal}"),
        }
    }

    fn failed(&mut self, error: &PumpError, after: Option<Duration>, hopeless: bool) {
        let message = with_causes(error);
        if self.backoff.failures() == 0 {
            let sink = &*self.post.state.name;
            tracing::warn!(sink, code = error.code(), "{message}; readings wait in the journal");
        }
        self.is_recovering = true;
        self.post.state.failed(error.code(), message);
        let now = self.now();
        self.breaker.failed(now);
        if hopeless {
            self.breaker.open(now);
        }
        self.post.state.set_breaker(self.breaker.state(now));
        let cap = Duration::from_millis(self.post.config.retry_cap_ms);
        let asked = after.unwrap_or_default().min(cap.saturating_mul(12));
        let wait = self.backoff.next_wait(jitter()).max(self.breaker.remaining(now)).max(asked);
        self.hold_until = self.hold_until.max(now + wait);
    }

    /// Until a delivery ends, something new is synced, an order comes, or it is time.
    async fn wait(&mut self) {
        let now = self.now();
        let alarm = self.started + self.alarm(now);
        // What comes while a parcel waits for its age is read once, when that is over.
        let gathers = self.live.due_in(now).is_some_and(|due| !due.is_zero());
        let has_room = !self.live.is_full() && self.live.flights.len() < self.flights_max();
        // Woken for what it may not read, it would turn in circles, and never leave its thread to the delivery it waits for.
        let listens = now >= self.hold_until && has_room && !self.is_busy && !gathers;
        // What is there and cannot be sent yet is no news: the end of a delivery wakes for it, or the alarm. Woken for it at once, a
        // sink that is cut off would turn in circles, and leave its threads to no other sink.
        let hears = listens && !self.has_telemetry && now >= self.telemetry_at && self.tap.is_empty();
        tokio::select! {
            Some(landed) = self.flying.join_next() => match landed {
                Ok(landed) => self.landed(landed),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            },
            available = self.live.cursor.available(), if listens => if available.is_err() {
                // The journal has ended, and every commit will say so.
                tokio::time::sleep(BUSY_WAIT).await;
            },
            () = self.tap.available(), if hears => {}
            // An error means that nobody gives orders any more, which ends the pump as well.
            _ = self.post.orders.changed() => {}
            () = sleep_until(alarm) => {
                let now = self.now();
                self.post.state.set_breaker(self.breaker.state(now));
            }
        }
    }

    /// When to look again although nothing happened.
    fn alarm(&mut self, now: Duration) -> Duration {
        const IDLE: Duration = Duration::from_secs(3600);
        // A probe under way decides whether anything else is sent.
        let probes = self.breaker.state(now) != BreakerState::Closed && !self.flying.is_empty();
        let has_room = self.flying.len() < self.limit.current() && !probes;
        let mut alarm = now + IDLE;
        if now < self.hold_until {
            alarm = self.hold_until;
        } else if has_room {
            let lanes = [Some(&self.live), self.open_backlog(now)].into_iter().flatten();
            let due = lanes.filter_map(|lane| lane.due_in(now)).min();
            let telemetry = (!self.tap.is_empty() && !self.has_telemetry)
                .then(|| self.telemetry_at.saturating_sub(now).max(Duration::from_millis(1)));
            let rested = self.backlog.is_some().then(|| self.rest_until.saturating_sub(now));
            let rested = rested.filter(|rest| !rest.is_zero());
            let due = [due, telemetry, rested].into_iter().flatten().min();
            alarm = now + due.unwrap_or(IDLE).max(self.breaker.remaining(now));
        }
        // A copy that the quota carried forward for the backlog comes with new records.
        let is_at_end = now >= self.hold_until && self.backlog.as_ref().is_some_and(Lane::is_idle);
        let looks_again = self.is_busy || is_at_end;
        if looks_again { alarm.min(now + BUSY_WAIT) } else { alarm }
    }
}

async fn fly<S: Sink>(sink: Arc<S>, flight: u64, mut errand: Errand) -> Landed {
    let began = Instant::now();
    let outcome = errand.run(&*sink).await;
    if let Err(wait) = &outcome {
        let span = Span::current();
        span.record("code", wait.error.code);
        span.record("failure", wait.error.attempt.as_str());
    }
    Landed { flight, errand, outcome, took: began.elapsed() }
}
