//! A plant that runs above a driver, and a pipeline that keeps what it is offered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_plant::{
    Config, Declined, Device, Dial, Driver, Drivers, Intake, Limit, Login, Order, Patience, Plant, Point,
    Sample, Scan, Tag, Value, Written,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// For anything that is bound to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const LIMIT: Limit = Limit(PATIENCE);
/// How often groups are read.
pub(crate) const FAST: Duration = Duration::from_millis(50);

/// What was offered.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    samples: Mutex<Vec<Sample>>,
    /// How many there are.
    came: watch::Sender<usize>,
    offers: AtomicU64,
    refused: AtomicU64,
    given_up: AtomicU64,
    /// It has no room now and then, at times for long, and refuses some for good.
    is_moody: AtomicBool,
}

impl Intake for Shelf {
    fn offer(&self, sample: &Sample) -> Result<(), Declined> {
        let offer = self.offers.fetch_add(1, Ordering::SeqCst);
        let is_moody = self.is_moody.load(Ordering::SeqCst);
        if is_moody && ((200..500).contains(&(offer % 1000)) || offer.is_multiple_of(3)) {
            return Err(Declined::Busy);
        }
        if is_moody && offer.is_multiple_of(7) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Declined::Refused { code: "TG-XX-001" });
        }
        let mut samples = self.samples.lock().unwrap();
        samples.push(sample.clone());
        self.came.send_replace(samples.len());
        Ok(())
    }

    fn give_up(&self, _: &'static str) {
        self.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

impl Shelf {
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap().clone()
    }

    /// Samples that were taken of a device.
    pub(crate) fn count(&self, device: &str) -> usize {
        self.samples.lock().unwrap().iter().filter(|sample| &*sample.device == device).count()
    }
}

pub(crate) struct Rig {
    pub(crate) plant: Arc<Plant>,
    pub(crate) shelf: Arc<Shelf>,
    running: JoinHandle<()>,
    /// The place of the next sample.
    next: usize,
}

impl Rig {
    pub(crate) fn over(driver: impl Driver, devices: Vec<Device>) -> Rig {
        let patience = Patience { failures_max: 3, off_scan_us: 200_000, off_scan_us_max: 400_000 };
        let config = Config { devices, patience, connect_timeout: PATIENCE, ..Config::default() };
        Rig::with(driver, config)
    }

    pub(crate) fn with(driver: impl Driver, config: Config) -> Rig {
        let (shelf, dialer) = (Arc::<Shelf>::default(), Dialer::new(Resolver::system(), None).unwrap());
        let drivers = Drivers::default().with(driver);
        let plant = Arc::new(Plant::new(drivers, config, dialer, shelf.clone()));
        let running = tokio::spawn({
            let plant = plant.clone();
            async move { plant.run().await }
        });
        Rig { plant, shelf, running, next: 0 }
    }

    pub(crate) fn be_moody(&self) {
        self.shelf.is_moody.store(true, Ordering::SeqCst);
    }

    /// The next sample; what came before is kept, unless it was skipped.
    pub(crate) async fn sample(&mut self) -> Sample {
        let mut came = self.shelf.came.subscribe();
        let next = timeout(PATIENCE, came.wait_for(|many| *many > self.next)).await;
        drop(next.expect("a sample comes").unwrap());
        self.next += 1;
        self.shelf.samples.lock().unwrap()[self.next - 1].clone()
    }

    /// The points of the next sample.
    pub(crate) async fn points(&mut self) -> Vec<Point> {
        self.sample().await.points
    }

    /// The next sample is one that comes from now on.
    pub(crate) fn skip(&mut self) {
        self.next = self.shelf.samples.lock().unwrap().len();
    }

    /// Samples are taken until one has a point that is so.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Point) -> bool) -> Point {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(point) = self.points().await.into_iter().find(&holds) {
                return point;
            }
            assert!(Instant::now() < deadline, "{what}");
        }
    }

    /// How many devices stand so.
    pub(crate) fn stands(&self, state: &str) -> usize {
        self.plant.stands().values().filter(|stand| stand.state.name() == state).count()
    }

    /// Of the first device; nothing before it is there.
    pub(crate) fn state(&self) -> &'static str {
        self.plant.stands().values().next().map_or("", |stand| stand.state.name())
    }

    /// The number of one series; 0 where there is none.
    pub(crate) fn count(&self, series: &str) -> u64 {
        count(&self.plant, series)
    }

    pub(crate) async fn write(&self, device: &str, tag: &str, value: Value) -> Written {
        write(&self.plant, device, tag, value).await
    }

    /// Ends it, and holds what was read against what was offered.
    pub(crate) async fn end(self) -> Arc<Plant> {
        assert_eq!(self.plant.stop(Instant::now() + PATIENCE).await, 0, "no bus was cut");
        self.running.await.unwrap();
        let ways = ["taken", "refused", "given_up"]
            .map(|outcome| total(&self.plant, "tidegate_plant_samples_total", &[("outcome", outcome)]));
        let [refused, given_up] =
            [&self.shelf.refused, &self.shelf.given_up].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(ways, [self.shelf.samples().len() as u64, refused, given_up], "taken, refused, given up");
        assert_eq!(total(&self.plant, "tidegate_plant_waiting_samples", &[]), 0);
        self.plant
    }
}

/// Asks for a write that may begin within `PATIENCE`.
pub(crate) async fn write(plant: &Plant, device: &str, tag: &str, value: Value) -> Written {
    let (device, tag, deadline) = (device.into(), tag.into(), Instant::now() + PATIENCE);
    plant.write(Order { device, tag, value, deadline }).await
}

pub(crate) fn count(plant: &Plant, series: &str) -> u64 {
    let page = exposition(&plant.metrics());
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |number| number.parse().unwrap())
}

/// The sum of all series of a family that have these labels.
pub(crate) fn total(plant: &Plant, family: &str, labels: &[(&str, &str)]) -> u64 {
    let page = exposition(&plant.metrics());
    let has = |line: &&str| labels.iter().all(|(name, value)| line.contains(&format!("{name}=\"{value}\"")));
    let of_family =
        page.lines().filter(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{')));
    of_family.filter(has).map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

/// A device with one group, read every 50 ms; a tag is a name and an address.
pub(crate) fn device(name: &str, driver: &str, address: &str, tags: &[(&str, &str)]) -> Device {
    let tag = |(name, address): &(&str, &str)| Tag { name: (*name).into(), address: (*address).to_owned() };
    let scan = Scan { group: "fast".to_owned(), every: FAST, tags: tags.iter().map(tag).collect() };
    Device {
        name: name.into(),
        topic: format!("plant/{name}").parse().unwrap(),
        template: "machine".into(),
        driver: driver.to_owned(),
        address: address.to_owned(),
        backup: None,
        login: None,
        timeout: Duration::from_secs(20),
        groups: vec![scan].into(),
    }
}

pub(crate) fn values(points: &[Point]) -> Vec<(&str, Value)> {
    points.iter().map(|point| (&*point.tag, point.value.clone())).collect()
}

/// Opens connections for a driver by itself.
pub(crate) fn dial(login: Option<Login>) -> Dial {
    Dial::new(Dialer::new(Resolver::system(), None).unwrap(), PATIENCE).with_login(login)
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            // Another program's doings can only be asked for again.
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("{what}"));
}
