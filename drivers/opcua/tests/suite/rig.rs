//! The driver by itself, and a plant with one device of it.

use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate_driver_opcua::{Address, OpcUa, Place, Session, Trust};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_plant::{
    Config, Declined, Device, Dial, Driver, Drivers, Found, Intake, Limit, Login, Patience, Plant, Point,
    Sample, Scan, Tag, Trouble, Value,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// For anything that is bound to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const LIMIT: Limit = Limit(PATIENCE);
pub(crate) const FAST: Duration = Duration::from_millis(50);

/// A driver with a folder of its own.
pub(crate) struct Desk {
    pub(crate) trust: Arc<Trust>,
    pub(crate) driver: OpcUa,
    pub(crate) folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let folder = TempDir::new().unwrap();
        let trust = Arc::new(Trust::at(folder.path().join("opcua")));
        Desk { driver: OpcUa::new(trust.clone()), trust, folder }
    }

    pub(crate) async fn connect(&self, text: &str, login: Option<Login>) -> Result<Session, Trouble> {
        self.driver.connect(&dial(login), &self.place(text)).await
    }

    pub(crate) fn place(&self, text: &str) -> Place {
        self.driver.place(text).unwrap()
    }

    pub(crate) fn addresses(&self, texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| self.driver.address(text).unwrap().0).collect()
    }

    /// The thumbprint of the certificate that the only error so far was about.
    pub(crate) fn accept_rejected(&self) -> String {
        let rejected =
            self.trust.list().unwrap().into_iter().find(|known| known.standing.name() == "rejected");
        let thumbprint = rejected.unwrap().thumbprint;
        assert!(self.trust.accept(&thumbprint).unwrap().is_some());
        thumbprint
    }
}

pub(crate) fn dial(login: Option<Login>) -> Dial {
    Dial::new(Dialer::new(Resolver::system(), None).unwrap(), PATIENCE).with_login(login)
}

/// The values; a tag that is bad is its code as a text.
pub(crate) fn values(found: &[Found]) -> Vec<Value> {
    let value = |found: &Found| match found {
        Found::Good { value, .. } | Found::Uncertain { value, .. } => value.clone(),
        Found::Bad(trouble) => Value::Text(trouble.code.into()),
        Found::News(news) => panic!("{news:?}"),
    };
    found.iter().map(value).collect()
}

/// Options of a server with all policies, whose certificate lies in the folder.
pub(crate) fn secured(desk: &Desk, certificate: &str, days: [i32; 2]) -> Json {
    let policies = [
        "NoSecurity",
        "Basic256Sha256_Sign",
        "Basic256Sha256_SignAndEncrypt",
        "Aes128Sha256RsaOaep_Sign",
        "Aes128Sha256RsaOaep_SignAndEncrypt",
        "Aes256Sha256RsaPss_Sign",
        "Aes256Sha256RsaPss_SignAndEncrypt",
    ];
    json!({ "policies": policies, "certificate": [desk.folder.path(), certificate, days[0], days[1]] })
}

#[derive(Debug)]
struct Belt(UnboundedSender<Sample>);

impl Intake for Belt {
    fn offer(&self, sample: &Sample) -> Result<(), Declined> {
        self.0.send(sample.clone()).map_err(|_| Declined::Busy)
    }

    fn give_up(&self, _: &'static str) {}
}

/// A plant.
pub(crate) struct Rig {
    pub(crate) plant: Arc<Plant>,
    running: JoinHandle<()>,
    samples: UnboundedReceiver<Sample>,
    taken: u64,
}

impl Rig {
    /// Reads these addresses of the server every 50 ms; a tag is named as its address.
    pub(crate) fn over(desk: &Desk, server: &str, addresses: &[&str]) -> Rig {
        let (belt, samples) = unbounded_channel();
        let dialer = Dialer::new(Resolver::system(), None).unwrap();
        let drivers = Drivers::default().with(desk.driver.clone());
        let plant = Arc::new(Plant::new(drivers, config(server, addresses), dialer, Arc::new(Belt(belt))));
        let running = tokio::spawn({
            let plant = plant.clone();
            async move { plant.run().await }
        });
        Rig { plant, running, samples, taken: 0 }
    }

    /// The next point of any tag.
    pub(crate) async fn points(&mut self) -> Vec<Point> {
        let sample = timeout(PATIENCE, self.samples.recv()).await.expect("a sample comes").unwrap();
        self.taken += 1;
        sample.points
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

    pub(crate) fn count(&self, series: &str) -> u64 {
        let page = exposition(&self.plant.metrics());
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }

    /// Ends it, and holds what was read against what was offered.
    pub(crate) async fn end(mut self) {
        assert_eq!(self.plant.stop(Instant::now() + PATIENCE).await, 0, "no bus was cut");
        self.running.await.unwrap();
        while self.samples.try_recv().is_ok() {
            self.taken += 1;
        }
        let page = exposition(&self.plant.metrics());
        let taken = "tidegate_plant_samples_total{driver=\"opcua\",outcome=\"taken\"}";
        let line = page.lines().find_map(|line| line.strip_prefix(taken)?.strip_prefix(' ')).unwrap();
        assert_eq!(line.parse::<u64>().unwrap(), self.taken);
    }
}

fn config(server: &str, addresses: &[&str]) -> Config {
    let patience = Patience { failures_max: 3, off_scan_us: 200_000, off_scan_us_max: 500_000 };
    let tag = |address: &&str| Tag { name: (*address).into(), address: (*address).to_owned() };
    let scan = Scan { group: "fast".to_owned(), every: FAST, tags: addresses.iter().map(tag).collect() };
    let device = Device {
        name: "line-1".into(),
        topic: "plant/line-1".parse().unwrap(),
        template: "line".into(),
        driver: "opcua".to_owned(),
        address: server.to_owned(),
        backup: None,
        login: None,
        timeout: Duration::from_secs(20),
        groups: vec![scan].into(),
    };
    Config { devices: vec![device], patience, connect_timeout: Duration::from_secs(20), ..Config::default() }
}
