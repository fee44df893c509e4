//! The devices of one bus, asked one after the other by one task: what is due is decided in `schedule`, and done here.
//!
//! What is to be written goes ahead of what is due to be read, but not twice in a row: a read that is due has its turn in between.
//! Takes tokio's clock, the wall clock for when something was read, and chance for when a device is probed.

mod writing;

use crate::board::{Board, Stand, State};
use crate::config::{Device, Scan};
use crate::counters::{Counters, Cycle, Pace, Shared, Tally};
use crate::desks::{Desks, ORDERS_MAX};
use crate::dial::{Dial, Limit};
use crate::driver::{Driver, Trouble};
use crate::held::Held;
use crate::intake::{Intake, Sample};
use crate::memory::{Memory, Told};
use crate::numbers::Numbers;
use crate::order::Slip;
use crate::punctual::{Punctuality, Watched};
use crate::schedule::{Beat, Schedule, Settled, Spent, Turn};
use crate::standing::{Change, Patience, Side};
use crate::wire::{Job, Setback, Wire, stopped};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_tags::Type;
use tidegate_kernel_id::jitter;
use tidegate_kernel_outbound::Dialer;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// What one task is to ask.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LineSpec {
    pub(crate) devices: Vec<Device>,
    pub(crate) patience: Patience,
    pub(crate) connect_timeout: Duration,
}

/// What it needs of the plant.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) dialer: Dialer,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) board: Arc<Board>,
    pub(crate) desks: Arc<Desks>,
    pub(crate) numbers: Arc<Numbers>,
    /// Of all times in all schedules.
    pub(crate) origin: Instant,
    pub(crate) stop: watch::Receiver<bool>,
}

pub(crate) struct Line<D: Driver> {
    driver: Arc<D>,
    dial: Dial,
    seats: Vec<Seat<D>>,
    schedule: Schedule,
    /// By side.
    wires: [Wire<D>; 2],
    held: Held,
    tally: Arc<Shared<Tally>>,
    presence: Presence,
    orders: mpsc::Receiver<Slip>,
    /// A write was the last thing that was done.
    wrote: bool,
    origin: Instant,
    stop: watch::Receiver<bool>,
}

/// What is to be done next.
enum Next {
    Read(Turn),
    Write(Slip),
}

/// One device.
struct Seat<D: Driver> {
    name: Arc<str>,
    topic: TopicName,
    /// By side; the backup's is the primary one where there is none.
    places: [D::Place; 2],
    limit: Limit,
    slots: Vec<Slot<D>>,
}

/// One group of it.
struct Slot<D: Driver> {
    addresses: Vec<D::Address>,
    /// What stands at each.
    types: Vec<Type>,
    every: Duration,
    memory: Memory,
    pace: Arc<Shared<Pace>>,
    punctuality: Arc<Shared<Punctuality>>,
    /// When it was read last, unless it was off scan since.
    began: Option<Instant>,
}

/// The devices on the board, as long as the task lives.
struct Presence {
    board: Arc<Board>,
    desks: Arc<Desks>,
    stands: Vec<(Arc<str>, Stand)>,
}

/// By the wall clock: now, and when a device off scan is tried again.
struct At {
    now_ms: u64,
    probe_ms: Option<u64>,
}

impl<D: Driver> Line<D> {
    /// What is in `spec` was judged by this driver.
    pub(crate) fn new(driver: Arc<D>, spec: Arc<LineSpec>, tools: Tools) -> Line<D> {
        let tally = tools.counters.tally(driver.name());
        let now_us = micros(tools.origin.elapsed());
        let mut schedule = Schedule::default();
        for device in &spec.devices {
            let beat =
                |scan: &Scan| Beat { every_us: scan.every_us(), number: tools.numbers.next(scan.every) };
            let beats: Vec<Beat> = device.groups.iter().map(beat).collect();
            schedule.seat(spec.patience, device.backup.is_some(), &beats, now_us);
        }
        let seat = |device: &Device| Seat::new(&*driver, device, &tools.counters);
        let seats: Vec<Seat<D>> = spec.devices.iter().map(seat).collect();
        let watched = seats.iter().zip(&spec.devices).map(|(seat, device)| seat.watched(device));
        let (desk, orders) = mpsc::channel(ORDERS_MAX);
        Line {
            presence: Presence::new(tools.board, tools.desks, desk, driver.name(), watched),
            seats,
            held: Held::new(tools.intake, tally.clone()),
            dial: Dial::new(tools.dialer, spec.connect_timeout)
                .with_login(spec.devices[0].login.clone())
                .counting(tally.clone()),
            wires: [Wire::new(tally.clone()), Wire::new(tally.clone())],
            orders,
            wrote: false,
            origin: tools.origin,
            stop: tools.stop,
            schedule,
            driver,
            tally,
        }
    }

    /// Asks until it is told to end, and says goodbye.
    pub(crate) async fn run(mut self) {
        while let Some(next) = self.next().await {
            self.wrote = matches!(next, Next::Write(_));
            match next {
                Next::Read(turn) => self.turn(&turn).await,
                Next::Write(slip) => self.carry_out(slip).await,
            }
        }
        // What waits still is answered before goodbyes are waited for.
        self.orders.close();
        while self.orders.try_recv().is_ok() {}
        for wire in &mut self.wires {
            wire.close(&*self.driver).await;
        }
    }

    async fn next(&mut self) -> Option<Next> {
        loop {
            let turn = self.schedule.next()?;
            let (due, retry) = (self.instant(turn.due_us), self.held.retry_at());
            let may_write = !self.wrote || due > Instant::now();
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return None,
                Some(slip) = self.orders.recv(), if may_write => return Some(Next::Write(slip)),
                () = sleep_until(due) => return Some(Next::Read(turn)),
                () = sleep_until(retry.unwrap_or(due)), if retry.is_some() => self.held.retry(),
            }
        }
    }

    async fn turn(&mut self, turn: &Turn) {
        let began = Instant::now();
        let due = self.instant(turn.due_us);
        let seat = &mut self.seats[turn.device];
        seat.slots[turn.group].note(turn, began, due);
        let job = Job {
            at: Some((turn.device, turn.group)),
            due,
            place: &seat.places[turn.side.index()],
            addresses: &seat.slots[turn.group].addresses,
            every: seat.slots[turn.group].every,
            limit: seat.limit,
            dial: &self.dial,
        };
        let read = self.wires[turn.side.index()].read(&*self.driver, &job, &mut self.stop).await;
        let read_ms = wall_ms();
        let memory = &mut seat.slots[turn.group].memory;
        let (told, trouble) = match read {
            Ok(found) => (memory.answered(found, read_ms), None),
            Err(Setback::Trouble(trouble)) => (memory.failed(&trouble, read_ms), Some(trouble)),
            Err(Setback::Cut) => return self.tally.lock().cycle(Cycle::Cut, 1),
        };
        let spent = Spent { from_us: micros(began - self.origin), to_us: micros(self.origin.elapsed()) };
        let settled = self.schedule.settle(turn, trouble.is_none(), spent, jitter());
        self.count(turn, &told, &settled, trouble.is_none());
        self.stand(turn, &settled, trouble, (spent.to_us, read_ms));
        self.offer(turn, told, read_ms);
    }

    fn count(&mut self, turn: &Turn, told: &Told, settled: &Settled, answered: bool) {
        let slot = &self.seats[turn.device].slots[turn.group];
        let (mut tally, mut punctuality) = (self.tally.lock(), slot.punctuality.lock());
        let outcome = match (answered, told.bad.is_empty()) {
            (false, _) => Cycle::Failed,
            (true, false) => Cycle::Partial,
            (true, true) => Cycle::Good,
        };
        for (cycle, many) in [(outcome, 1), (Cycle::Missed, settled.missed)] {
            tally.cycle(cycle, many);
            punctuality.cycle(cycle, many);
        }
        tally.values += told.good;
        for code in &told.bad {
            *tally.bad.entry(*code).or_default() += 1;
        }
        tally.demotions += u64::from(matches!(settled.change, Some(Change::Demoted { .. })));
        tally.switches += u64::from(matches!(settled.change, Some(Change::Switched(_))));
    }

    /// Tells people what has changed.
    fn stand(
        &mut self,
        turn: &Turn,
        settled: &Settled,
        trouble: Option<Trouble>,
        (now_us, now_ms): (u64, u64),
    ) {
        let device = &*self.seats[turn.device].name;
        let (code, why) = trouble.as_ref().map_or(("", ""), |trouble| (trouble.code, &trouble.message));
        match settled.change {
            Some(Change::Demoted { probe_us }) => {
                let probe_ms = probe_us.saturating_sub(now_us) / 1000;
                tracing::warn!(device, code, probe_ms, "a device is off scan: {why}");
            }
            Some(Change::Switched(side)) => {
                tracing::warn!(
                    device,
                    code,
                    side = side.name(),
                    "a device is asked at its other address: {why}"
                );
            }
            Some(Change::Returned) => tracing::info!(device, "a device is on scan again"),
            None => {}
        }
        if matches!(settled.change, Some(Change::Demoted { .. } | Change::Returned)) {
            self.seats[turn.device].slots.iter_mut().for_each(|slot| slot.began = None);
        }
        let wait_ms = |probe_us: u64| probe_us.saturating_sub(now_us) / 1000;
        let probe_ms = self.schedule.probe_us(turn.device).map(|probe_us| now_ms + wait_ms(probe_us));
        self.presence.set(turn, settled.change, trouble, At { now_ms, probe_ms });
    }

    fn offer(&mut self, turn: &Turn, told: Told, read_ms: u64) {
        if told.points.is_empty() {
            return;
        }
        let Seat { name, topic, .. } = &self.seats[turn.device];
        let sample = Sample { device: name.clone(), topic: topic.clone(), read_ms, points: told.points };
        self.held.offer(sample);
    }

    fn instant(&self, at_us: u64) -> Instant {
        self.origin + Duration::from_micros(at_us)
    }
}

impl<D: Driver> Seat<D> {
    fn new(driver: &D, device: &Device, counters: &Counters) -> Seat<D> {
        let place = |text: &str| driver.place(text).expect("judged with the configuration");
        let backup = device.backup.as_ref().unwrap_or(&device.address);
        let slot = |scan: &Scan| {
            let address = |text: &str| driver.address(text).expect("judged with the configuration");
            let (addresses, types) = scan.tags.iter().map(|tag| address(&tag.address)).unzip();
            Slot {
                addresses,
                types,
                every: scan.every,
                memory: Memory::new(scan.tags.iter().map(|tag| tag.name.clone())),
                pace: counters.pace(&device.template, &scan.group),
                punctuality: Arc::default(),
                began: None,
            }
        };
        Seat {
            name: device.name.clone(),
            topic: device.topic.clone(),
            places: [place(&device.address), place(backup)],
            limit: Limit(device.timeout),
            slots: device.groups.iter().map(slot).collect(),
        }
    }

    /// The device with its groups, as whoever asks finds them.
    fn watched(&self, device: &Device) -> (Arc<str>, Arc<[Watched]>) {
        let slots = self.slots.iter().enumerate();
        let watched = slots.map(|(at, slot)| Watched::new(&device.groups, at, slot.punctuality.clone()));
        (device.name.clone(), watched.collect())
    }
}

impl<D: Driver> Slot<D> {
    /// A read begins. A probe says nothing about how punctual reads are.
    fn note(&mut self, turn: &Turn, began: Instant, due: Instant) {
        if turn.is_probe {
            return;
        }
        let mut pace = self.pace.lock();
        pace.late.record(began.saturating_duration_since(due).as_secs_f64());
        if let Some(before) = self.began.replace(began) {
            pace.every.record((began - before).as_secs_f64());
            self.punctuality.lock().note(began - before);
        }
    }
}

impl Presence {
    fn new(
        board: Arc<Board>,
        desks: Arc<Desks>,
        desk: mpsc::Sender<Slip>,
        driver: &'static str,
        devices: impl Iterator<Item = (Arc<str>, Arc<[Watched]>)>,
    ) -> Presence {
        let (state, side, since_ms) = (State::New, Side::Primary, wall_ms());
        let new = Stand { driver, state, side, trouble: None, since_ms, probe_ms: None };
        let enter = |(device, groups)| {
            board.enter(&device, new.clone(), groups);
            (device, new.clone())
        };
        let stands: Vec<_> = devices.map(enter).collect();
        desks.open(stands.iter().map(|(device, _)| device.clone()), &desk);
        Presence { board, desks, stands }
    }

    fn set(&mut self, turn: &Turn, change: Option<Change>, trouble: Option<Trouble>, at: At) {
        let (device, stand) = &mut self.stands[turn.device];
        let is_off = turn.is_probe || matches!(change, Some(Change::Demoted { .. }));
        let state = match (&trouble, is_off) {
            (None, _) => State::Answers,
            (Some(_), true) => State::OffScan,
            (Some(_), false) => State::Failing,
        };
        let side = if let Some(Change::Switched(side)) = change { side } else { turn.side };
        let trouble = trouble.map(|trouble| (trouble.code, trouble.message));
        let since_ms = if state == stand.state { stand.since_ms } else { at.now_ms };
        let now = Stand { driver: stand.driver, state, side, trouble, since_ms, probe_ms: at.probe_ms };
        if now != *stand {
            self.board.set(device, now.clone());
            *stand = now;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.desks.close(self.stands.iter().map(|(device, _)| &**device));
        self.stands.iter().for_each(|(device, _)| self.board.forget(device));
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
