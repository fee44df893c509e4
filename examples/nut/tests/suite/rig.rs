//! A plant with one UPS and a pipeline that hands on what it is offered.

use std::sync::Arc;
use std::time::Duration;
use tidegate_example_nut::Nut;
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_plant::{
    Config, Declined, Device, Drivers, Intake, Patience, Plant, Point, Quality, Sample, Scan, Tag, Value,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// For anything that is bound to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Belt(UnboundedSender<Sample>);

impl Intake for Belt {
    fn offer(&self, sample: &Sample) -> Result<(), Declined> {
        self.0.send(sample.clone()).map_err(|_| Declined::Busy)
    }

    fn give_up(&self, _: &'static str) {}
}

pub(crate) struct Rig {
    plant: Arc<Plant>,
    running: JoinHandle<()>,
    samples: UnboundedReceiver<Sample>,
    taken: u64,
}

impl Rig {
    /// Reads these addresses of the UPS `dummy` every 50 ms, each answer within `limit`; a tag is named as its address.
    pub(crate) fn over(port: u16, addresses: &[&str], limit: Duration) -> Rig {
        let (belt, samples) = unbounded_channel();
        let dialer = Dialer::new(Resolver::system(), None).unwrap();
        let drivers = Drivers::default().with(Nut);
        let plant = Plant::new(drivers, config(port, addresses, limit), dialer, Arc::new(Belt(belt)));
        let plant = Arc::new(plant);
        let running = tokio::spawn({
            let plant = plant.clone();
            async move { plant.run().await }
        });
        Rig { plant, running, samples, taken: 0 }
    }

    /// The points of the next sample.
    pub(crate) async fn sample(&mut self) -> Vec<Point> {
        let sample = timeout(PATIENCE, self.samples.recv()).await.expect("a sample comes").unwrap();
        self.taken += 1;
        sample.points
    }

    /// Samples are taken until one has this.
    pub(crate) async fn until(&mut self, tag: &str, quality: Quality) {
        let deadline = Instant::now() + PATIENCE;
        while !self.sample().await.iter().any(|point| &*point.tag == tag && point.quality == quality) {
            assert!(Instant::now() < deadline, "{tag} never was {quality:?}");
        }
    }

    /// How many values were bad by this code.
    pub(crate) fn bad(&self, code: &str) -> u64 {
        self.count(&format!("tidegate_plant_bad_values_total{{driver=\"nut\",code=\"{code}\"}}"))
    }

    pub(crate) fn connections(&self) -> u64 {
        self.count("tidegate_plant_connections_total{driver=\"nut\"}")
    }

    /// The number of one series; 0 where there is none.
    fn count(&self, series: &str) -> u64 {
        let page = exposition(&self.plant.metrics());
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Ends it, and holds what came against what the plant counted.
    pub(crate) async fn end(mut self) {
        assert_eq!(self.plant.stop(Instant::now() + PATIENCE).await, 0, "no bus was cut");
        (&mut self.running).await.unwrap();
        while self.samples.try_recv().is_ok() {
            self.taken += 1;
        }
        for (outcome, many) in [("taken", self.taken), ("refused", 0), ("given_up", 0)] {
            let series = format!("tidegate_plant_samples_total{{driver=\"nut\",outcome=\"{outcome}\"}}");
            assert_eq!(self.count(&series), many, "{series}");
        }
    }
}

fn config(port: u16, addresses: &[&str], timeout: Duration) -> Config {
    let patience = Patience { failures_max: 3, off_scan_us: 200_000, off_scan_us_max: 500_000 };
    let tag = |address: &&str| Tag { name: (*address).into(), address: (*address).to_owned() };
    let tags = addresses.iter().map(tag).collect();
    let scan = Scan { group: "fast".to_owned(), every: Duration::from_millis(50), tags };
    let device = Device {
        name: "ups-1".into(),
        topic: "plant/ups-1".parse().unwrap(),
        template: "ups".into(),
        driver: "nut".to_owned(),
        address: format!("tcp://127.0.0.1:{port}/dummy"),
        backup: None,
        login: None,
        timeout,
        groups: vec![scan].into(),
    };
    Config { devices: vec![device], patience, ..Config::default() }
}

pub(crate) fn values(points: &[Point]) -> Vec<(&str, Value)> {
    points.iter().map(|point| (&*point.tag, point.value.clone())).collect()
}
