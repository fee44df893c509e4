//! Devices in memory and a pipeline that notes what it is offered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_plant::{
    Config, Declined, Device, Dial, Driver, Drivers, Found, Intake, Limit, Order, Patience, Plant, Sample,
    Scan, Tag, Trouble, Type, Unfit, Value, Written,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How a unit behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    #[default]
    Answers,
    /// Takes the request and says nothing.
    Silent,
    /// Nobody listens.
    Refuses,
    /// Hangs up after each answer.
    Closes,
    /// The gateway says that the unit is not there.
    Absent,
    /// The driver falls over it.
    Panics,
}

/// What a unit makes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Whim {
    #[default]
    Takes,
    /// Says that it took it, and did not.
    Ignores,
    /// Says that it will not.
    Declines,
    /// Takes it, and says nothing.
    Mutters,
    /// Neither takes it nor says anything.
    Swallows,
    /// The connection breaks behind it.
    Breaks,
    /// The driver waits without a limit.
    Hangs,
    /// The driver falls over it.
    Panics,
}

/// All there is, by `bus/unit`.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(Arc<Mutex<Ground>>);

#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) moods: BTreeMap<String, Mood>,
    /// When each was read.
    pub(crate) reads: BTreeMap<String, Vec<Instant>>,
    /// How long an answer takes.
    pub(crate) takes: Duration,
    pub(crate) whims: BTreeMap<String, Whim>,
    /// What was sent to each, when.
    pub(crate) writes: BTreeMap<String, Vec<(Value, Instant)>>,
    /// What stands at an address of one, if it is not 7.
    pub(crate) values: BTreeMap<(String, String), Value>,
    pub(crate) opened: BTreeMap<String, u64>,
    pub(crate) closed: u64,
}

impl World {
    pub(crate) fn ground(&self) -> MutexGuard<'_, Ground> {
        self.0.lock().unwrap()
    }

    pub(crate) fn set(&self, place: &str, mood: Mood) {
        self.ground().moods.insert(place.to_owned(), mood);
    }

    pub(crate) fn on_write(&self, place: &str, whim: Whim) {
        self.ground().whims.insert(place.to_owned(), whim);
    }

    pub(crate) fn writes(&self, place: &str) -> Vec<Value> {
        let ground = self.ground();
        ground.writes.get(place).into_iter().flatten().map(|(value, _)| value.clone()).collect()
    }

    fn found(&self, place: &str, address: &str) -> Found {
        let stands = self.ground().values.get(&(place.to_owned(), address.to_owned())).cloned();
        match address {
            "broken" => Found::Bad(Trouble::tag("TG-XX-005", "no such register")),
            _ => stands.unwrap_or(Value::Integer(7)).into(),
        }
    }

    pub(crate) fn reads(&self, place: &str) -> usize {
        self.ground().reads.get(place).map_or(0, Vec::len)
    }

    fn mood(&self, place: &str) -> Mood {
        self.ground().moods.get(place).copied().unwrap_or_default()
    }
}

impl Driver for World {
    type Place = String;
    type Address = String;
    type Plan = Vec<String>;
    /// Whether the other side has hung up.
    type Session = bool;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn place(&self, text: &str) -> Result<String, Unfit> {
        let (code, hint) = ("TG-XX-001", "write bus/unit".to_owned());
        let unfit = || Unfit { code, message: format!("{text:?} is no place"), hint };
        text.contains('/').then(|| text.to_owned()).ok_or_else(unfit)
    }

    fn bus(&self, place: &String) -> String {
        place.split('/').next().unwrap_or_default().to_owned()
    }

    fn address(&self, text: &str) -> Result<(String, Type), Unfit> {
        let of = match text {
            "flag" => Type::Boolean,
            "nowhere" => {
                let (message, hint) = ("\"nowhere\" is no address".to_owned(), String::new());
                return Err(Unfit { code: "TG-XX-002", message, hint });
            }
            _ => Type::Integer,
        };
        Ok((text.to_owned(), of))
    }

    fn plan(&self, _: &bool, addresses: &[String], _: Duration) -> Vec<String> {
        addresses.to_vec()
    }

    async fn connect(&self, _: &Dial, place: &String) -> Result<bool, Trouble> {
        if self.mood(place) == Mood::Refuses {
            return Err(Trouble::connection("TG-PL-010", "nobody listens"));
        }
        *self.ground().opened.entry(self.bus(place)).or_default() += 1;
        Ok(false)
    }

    async fn read(
        &self,
        closed: &mut bool,
        place: &String,
        plan: &Vec<String>,
        limit: Limit,
    ) -> Result<Vec<Found>, Trouble> {
        let mood = self.mood(place);
        if *closed {
            return Err(Trouble::connection("TG-XX-003", "it has hung up"));
        }
        let takes = self.ground().takes;
        sleep(takes).await;
        self.ground().reads.entry(place.clone()).or_default().push(Instant::now());
        match mood {
            Mood::Silent => limit.on(std::future::pending()).await,
            Mood::Refuses => Err(Trouble::connection("TG-XX-003", "it has hung up")),
            Mood::Absent => Err(Trouble::device("TG-XX-004", "no such unit")),
            Mood::Panics => panic!("planted"),
            Mood::Answers | Mood::Closes => {
                *closed = mood == Mood::Closes;
                Ok(plan.iter().map(|address| self.found(place, address)).collect())
            }
        }
    }

    async fn write(
        &self,
        closed: &mut bool,
        place: &String,
        address: &String,
        value: &Value,
        limit: Limit,
    ) -> Result<(), Trouble> {
        if *closed {
            return Err(Trouble::connection("TG-XX-003", "it has hung up"));
        }
        let (takes, whim) = {
            let mut ground = self.ground();
            ground.writes.entry(place.clone()).or_default().push((value.clone(), Instant::now()));
            (ground.takes, ground.whims.get(place).copied().unwrap_or_default())
        };
        sleep(takes).await;
        if matches!(whim, Whim::Takes | Whim::Mutters | Whim::Breaks) {
            self.ground().values.insert((place.clone(), address.clone()), value.clone());
        }
        match whim {
            Whim::Takes | Whim::Ignores => {
                *closed = self.mood(place) == Mood::Closes;
                Ok(())
            }
            Whim::Declines => Err(Trouble::tag("TG-XX-006", "it cannot be written")),
            Whim::Mutters | Whim::Swallows => limit.on(std::future::pending()).await,
            Whim::Breaks => Err(Trouble::connection("TG-XX-003", "it has hung up")),
            Whim::Hangs => std::future::pending().await,
            Whim::Panics => panic!("planted"),
        }
    }

    async fn close(&self, _: bool) {
        self.ground().closed += 1;
    }
}

/// Notes what it is offered, unless it has no room.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) samples: Mutex<Vec<Sample>>,
    pub(crate) is_full: AtomicBool,
    pub(crate) given_up: Mutex<Vec<&'static str>>,
}

impl Intake for Shelf {
    fn offer(&self, sample: &Sample) -> Result<(), Declined> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(Declined::Busy);
        }
        self.samples.lock().unwrap().push(sample.clone());
        Ok(())
    }

    fn give_up(&self, reason: &'static str) {
        self.given_up.lock().unwrap().push(reason);
    }
}

/// A plant that runs.
pub(crate) struct Rig {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) plant: Arc<Plant>,
    running: JoinHandle<()>,
}

impl Rig {
    pub(crate) fn over(world: &World, devices: Vec<Device>) -> Rig {
        let shelf = Arc::new(Shelf::default());
        let dialer = Dialer::new(Resolver::system(), None).unwrap();
        let drivers = Drivers::default().with(world.clone());
        let plant = Arc::new(Plant::new(drivers, config(devices), dialer, shelf.clone()));
        let running = tokio::spawn({
            let plant = plant.clone();
            async move { plant.run().await }
        });
        Rig { shelf, plant, running }
    }

    pub(crate) async fn after(&self, seconds: u64) -> &Rig {
        sleep(Duration::from_secs(seconds)).await;
        self
    }

    /// The number of one series; 0 where there is none.
    pub(crate) fn count(&self, series: &str) -> u64 {
        let page = exposition(&self.plant.metrics());
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }

    pub(crate) fn cycles(&self, outcome: &str) -> u64 {
        self.count(&format!("tidegate_plant_cycles_total{{driver=\"toy\",outcome=\"{outcome}\"}}"))
    }

    pub(crate) fn samples(&self, outcome: &str) -> u64 {
        self.count(&format!("tidegate_plant_samples_total{{driver=\"toy\",outcome=\"{outcome}\"}}"))
    }

    pub(crate) fn state(&self, device: &str) -> &'static str {
        self.plant.stands()[device].state.name()
    }

    /// Asks for a write that may begin within ten seconds.
    pub(crate) fn write(&self, device: &str, tag: &str, value: i64) -> JoinHandle<Written> {
        self.write_within(device, tag, value, 10_000)
    }

    pub(crate) fn write_within(&self, device: &str, tag: &str, value: i64, ms: u64) -> JoinHandle<Written> {
        let (plant, deadline) = (self.plant.clone(), Instant::now() + Duration::from_millis(ms));
        let order = Order { device: device.into(), tag: tag.into(), value: Value::Integer(value), deadline };
        tokio::spawn(async move { plant.write(order).await })
    }

    /// Ends it; how many buses were cut.
    pub(crate) async fn end(self) -> u64 {
        let cut = self.plant.stop(Instant::now() + Duration::from_secs(5)).await;
        self.running.await.unwrap();
        cut
    }
}

pub(crate) fn config(devices: Vec<Device>) -> Config {
    let patience = Patience { failures_max: 3, off_scan_us: 10_000_000, off_scan_us_max: 60_000_000 };
    Config { devices, patience, ..Config::default() }
}

/// A device with one group, read so often.
pub(crate) fn device(name: &str, address: &str, every_ms: u64, tags: &[&str]) -> Device {
    let tag = |name: &&str| Tag { name: (*name).into(), address: (*name).to_owned() };
    let tags = tags.iter().map(tag).collect();
    let scan = Scan { group: "fast".to_owned(), every: Duration::from_millis(every_ms), tags };
    Device {
        name: name.into(),
        topic: format!("plant/{name}").parse().unwrap(),
        template: "press".into(),
        driver: "toy".to_owned(),
        address: address.to_owned(),
        backup: None,
        login: None,
        timeout: Duration::from_secs(1),
        groups: vec![scan].into(),
    }
}
