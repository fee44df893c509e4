//! The capability: all devices that are asked, each bus by a task of its own, until it is told to end.

use crate::board::{Board, Stand};
use crate::config::{Config, Device};
use crate::counters::Counters;
use crate::desks::{self, Desks};
use crate::drivers::Drivers;
use crate::error;
use crate::intake::Intake;
use crate::line::{LineSpec, Tools};
use crate::numbers::Numbers;
use crate::order::{Order, Written};
use crate::punctual::GroupStand;
use crate::yard::{Wanted, Yard};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidegate_kernel_outbound::Dialer;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The devices of a node that are asked for their values.
pub struct Plant {
    drivers: Drivers,
    dialer: Dialer,
    intake: Arc<dyn Intake>,
    config: watch::Sender<Arc<Config>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) board: Arc<Board>,
    desks: Arc<Desks>,
    numbers: Arc<Numbers>,
    /// Of all times in all schedules.
    origin: Instant,
    pub(crate) panics: AtomicU64,
    /// Buses that panicked too often and are not asked any more.
    pub(crate) failed: AtomicU64,
    /// When it must have ended; nothing until it is told to.
    order: watch::Sender<Option<Instant>>,
    /// How many buses were cut, once it has ended.
    ended: watch::Sender<Option<u64>>,
}

impl std::fmt::Debug for Plant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plant").field("drivers", &self.drivers).finish_non_exhaustive()
    }
}

impl Plant {
    /// Asks nobody yet; [`Plant::run`] does.
    pub fn new(drivers: Drivers, config: Config, dialer: Dialer, intake: Arc<dyn Intake>) -> Plant {
        Plant {
            drivers,
            dialer,
            intake,
            config: watch::Sender::new(Arc::new(config)),
            counters: Arc::default(),
            board: Arc::default(),
            desks: Arc::default(),
            numbers: Arc::default(),
            origin: Instant::now(),
            panics: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            order: watch::Sender::new(None),
            ended: watch::Sender::new(None),
        }
    }

    /// What is asked from now on. A bus with nothing changed goes on undisturbed; a changed one says goodbye and begins anew.
    pub fn reconfigure(&self, config: Config) {
        self.config.send_if_modified(|held| {
            let is_new = **held != config;
            if is_new {
                *held = Arc::new(config);
            }
            is_new
        });
    }

    /// Asks until it is told to end. After a panic it can be called anew.
    pub async fn run(&self) {
        let (mut config, mut order) = (self.config.subscribe(), self.order.subscribe());
        let mut yard = Yard::new(self);
        yard.arrange(wanted(&self.drivers, &config.borrow_and_update().clone()));
        let deadline = loop {
            tokio::select! {
                biased;
                deadline = ordered(&mut order) => break deadline,
                Ok(()) = config.changed() => {
                    let changed = config.borrow_and_update().clone();
                    yard.arrange(wanted(&self.drivers, &changed));
                }
                () = yard.next() => {}
            }
        };
        self.ended.send_replace(Some(yard.close(deadline).await));
    }

    /// Lets reads that are under way end and gives connections back; how many buses were cut off at `deadline`.
    pub async fn stop(&self, deadline: Instant) -> u64 {
        self.order.send_replace(Some(deadline));
        let mut ended = self.ended.subscribe();
        let until = deadline + Duration::from_secs(1);
        // Where it never ran there is nothing to wait for.
        let outcome = timeout_at(until, ended.wait_for(Option::is_some)).await;
        outcome.ok().and_then(Result::ok).and_then(|cut| *cut).unwrap_or(0)
    }

    /// What the configuration says of a device; nothing where it is not asked.
    pub fn device(&self, name: &str) -> Option<Device> {
        self.config.borrow().devices.iter().find(|device| &*device.name == name).cloned()
    }

    /// Writes one value and reads it back; what came of it. Whoever stops waiting does not stop it.
    pub async fn write(&self, order: Order) -> Written {
        let trouble = || match self.device(&order.device) {
            Some(_) => error::cut(),
            None => error::unasked(&order.device, &order.tag),
        };
        match self.desks.of(&order.device) {
            Some(desk) => desks::hand_in(desk, order).await,
            None => Written::refused(order.value.clone(), trouble()),
        }
    }

    /// How each device stands, by name.
    pub fn stands(&self) -> BTreeMap<Arc<str>, Stand> {
        self.board.all()
    }

    /// How the groups of a device are read; none where it is not asked.
    pub fn groups(&self, device: &str) -> Vec<GroupStand> {
        self.board.groups(device)
    }

    pub(crate) fn line(
        &self,
        spec: Arc<LineSpec>,
        stop: watch::Receiver<bool>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let name = &spec.devices[0].driver;
        let driver = self.drivers.find(name).expect("judged with the configuration").clone();
        let tools = Tools {
            dialer: self.dialer.clone(),
            intake: self.intake.clone(),
            counters: self.counters.clone(),
            board: self.board.clone(),
            desks: self.desks.clone(),
            numbers: self.numbers.clone(),
            origin: self.origin,
            stop,
        };
        driver.run(spec, tools)
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_failed(&self, buses: usize) {
        self.failed.store(buses as u64, Ordering::Relaxed);
    }
}

/// The devices by bus. Those that have the same address, the same backup and the same login share connections.
fn wanted(drivers: &Drivers, config: &Config) -> Wanted {
    let mut buses: BTreeMap<String, Vec<Device>> = BTreeMap::new();
    for device in &config.devices {
        buses.entry(bus_of(drivers, device)).or_default().push(device.clone());
    }
    let Config { patience, connect_timeout, .. } = *config;
    let spec = |devices| Arc::new(LineSpec { devices, patience, connect_timeout });
    buses.into_iter().map(|(name, devices)| (name, spec(devices))).collect()
}

fn bus_of(drivers: &Drivers, device: &Device) -> String {
    let driver = drivers.find(&device.driver).expect("judged with the configuration");
    let bus = |text: &str| driver.bus_of(text).expect("judged with the configuration");
    let backup = device.backup.as_ref().map(|backup| format!(" or {}", bus(backup)));
    let login = device.login.as_ref().map(|login| format!(" as {login}"));
    let (backup, login) = (backup.unwrap_or_default(), login.unwrap_or_default());
    format!("{} {}{backup}{login}", device.driver, bus(&device.address))
}

/// The deadline, when there is one.
async fn ordered(order: &mut watch::Receiver<Option<Instant>>) -> Instant {
    let deadline = order.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
    // The plant holds the sender.
    deadline.unwrap_or_else(Instant::now)
}
