//! The driver, and a plant with it, against pymodbus.

use crate::pymodbus::{Server, free_address, mbpoll, python};
use crate::stub::{PATIENCE, addresses, connect, place, read};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_driver_modbus::Modbus;
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_plant::{
    Config, Declined, Device, Driver, Drivers, Found, Intake, Patience, Plant, Quality, Sample, Scan, Tag,
    Value,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

pub(crate) fn values(found: Vec<Found>) -> Vec<Value> {
    let value = |found| match found {
        Found::Good { value, .. } => value,
        Found::Bad(trouble) => panic!("{trouble}"),
        other => panic!("{other:?}"),
    };
    found.into_iter().map(value).collect()
}

#[tokio::test]
async fn every_type_is_read_as_another_implementation_means_it() {
    let Some(python) = python("real::every_type_is_read_as_another_implementation_means_it") else { return };
    let server = Server::start(&python, free_address()).await;
    let (first, second) = (place(server.address, 1), place(server.address, 2));
    let mut session = connect(&first).await.unwrap();
    let texts = [
        "40021:FLOAT",
        "40023:FLOAT:CDAB",
        "40025:DOUBLE",
        "40029:INT64",
        "40033:UINT32",
        "40035:STRING8",
        "00004",
        "10005",
        "40001",
        "30003",
        "40003.1",
    ];
    let found = values(read(&mut session, &first, &texts).await.unwrap());
    let expected = [
        Value::Real(21.5),
        Value::Real(21.5),
        Value::Real(-0.125),
        Value::Integer(-5),
        Value::Integer(4_000_000_000),
        "press-7".into(),
        Value::Boolean(true),
        Value::Boolean(false),
        Value::Integer(100),
        Value::Integer(102),
        Value::Boolean(true),
    ];
    assert_eq!(found, expected);
    assert_eq!(values(read(&mut session, &second, &["40001"]).await.unwrap()), [Value::Integer(200)]);
    Modbus.close(session).await;
}

#[tokio::test]
async fn an_address_that_is_not_there_is_named_and_the_others_are_read() {
    let Some(python) = python("real::an_address_that_is_not_there_is_named_and_the_others_are_read") else {
        return;
    };
    let server = Server::start(&python, free_address()).await;
    let place = place(server.address, 1);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40098", "40099", "40100", "40104", "40110", "40111"];
    let mut found = Vec::new();
    for _ in 0..4 {
        found = read(&mut session, &place, &texts).await.unwrap();
    }
    let Found::Bad(trouble) = found.remove(3) else { panic!("{found:?}") };
    assert_eq!(trouble.code, "TG-MB-010");
    assert!(trouble.message.starts_with("400104"), "{trouble}");
    let good = [97, 98, 99, 109, 110].map(|at| Value::Integer(100 + at));
    assert_eq!(values(found), good);
}

#[tokio::test]
async fn what_is_written_is_there_and_what_cannot_be_is_said() {
    let Some(python) = python("real::what_is_written_is_there_and_what_cannot_be_is_said") else { return };
    let server = Server::start(&python, free_address()).await;
    let place = place(server.address, 1);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40051:FLOAT:DCBA", "40060:INT16", "00010"];
    let new = [Value::Real(-7.25), Value::Integer(-9), Value::Boolean(false)];
    for (address, value) in addresses(&texts).iter().zip(&new) {
        Modbus.write(&mut session, &place, address, value, PATIENCE).await.unwrap();
    }
    assert_eq!(values(read(&mut session, &place, &texts).await.unwrap()), new);
    for (text, value, code) in [
        ("40060:INT16", Value::Integer(40_000), "TG-MB-016"),
        ("30001", Value::Integer(1), "TG-MB-017"),
        ("40001.3", Value::Boolean(true), "TG-MB-017"),
        ("40104", Value::Integer(1), "TG-MB-010"),
    ] {
        let outcome = Modbus.write(&mut session, &place, &addresses(&[text])[0], &value, PATIENCE).await;
        assert_eq!(outcome.unwrap_err().code, code, "{text}");
    }
}

#[tokio::test]
async fn what_is_written_is_what_another_client_reads() {
    let test = "real::what_is_written_is_what_another_client_reads";
    let (Some(python), Some(mbpoll)) = (python(test), mbpoll(test)) else { return };
    let server = Server::start(&python, free_address()).await;
    let place = place(server.address, 2);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40051:FLOAT", "40053:INT32:CDAB", "40055:INT16", "00010"];
    let new = [Value::Real(-7.25), Value::Integer(-70_000), Value::Integer(-9), Value::Boolean(false)];
    for (address, value) in addresses(&texts).iter().zip(&new) {
        Modbus.write(&mut session, &place, address, value, PATIENCE).await.unwrap();
    }
    Modbus.close(session).await;
    // Types as mbpoll names them, and what it shows of one value.
    for (kind, options, reference, shown) in [
        ("4:float", &["-B"][..], "51", "-7.25"),
        ("4:int", &[], "53", "-70000"),
        ("4:hex", &[], "55", "0xFFF7"),
        ("0", &[], "10", "0"),
    ] {
        let port = server.address.port().to_string();
        let mut command = Command::new(&mbpoll);
        command.args(["-1", "-q", "-m", "tcp", "-p", &port, "-a", "2", "-t", kind, "-r", reference]);
        let output = command.args(options).arg("127.0.0.1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.starts_with(&format!("[{reference}]:")));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        assert_eq!(value, Some(shown), "{kind}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) samples: Mutex<Vec<Sample>>,
    given_up: AtomicU64,
}

impl Intake for Shelf {
    fn offer(&self, sample: &Sample) -> Result<(), Declined> {
        self.samples.lock().unwrap().push(sample.clone());
        Ok(())
    }

    fn give_up(&self, _: &'static str) {
        self.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

/// A unit at this address, with two tags that are read at once.
pub(crate) fn asked(unit: u8, address: String) -> Device {
    let tag = |name: &str, address: &str| Tag { name: name.into(), address: address.to_owned() };
    let tags = vec![tag("count", "40001"), tag("temp", "40021:FLOAT")];
    let scan = Scan { group: "fast".to_owned(), every: Duration::from_millis(50), tags };
    Device {
        name: format!("unit-{unit}").into(),
        topic: format!("plant/unit-{unit}").parse().unwrap(),
        template: "meter".into(),
        driver: "modbus".to_owned(),
        address,
        backup: None,
        login: None,
        timeout: Duration::from_secs(1),
        groups: vec![scan].into(),
    }
}

fn total(plant: &Plant, family: &str) -> u64 {
    let page = exposition(&plant.metrics());
    let lines = page.lines().filter(|line| line.starts_with(family) && line.as_bytes()[family.len()] == b'{');
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            // Another program's doings can only be asked for again.
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE.0 * 2, held).await.unwrap_or_else(|_| panic!("{what}"));
}

/// A plant that runs.
pub(crate) struct Wired {
    pub(crate) shelf: Arc<Shelf>,
    plant: Arc<Plant>,
    running: JoinHandle<()>,
}

impl Wired {
    pub(crate) fn start(devices: Vec<Device>) -> Wired {
        let patience = Patience { failures_max: 3, off_scan_us: 200_000, off_scan_us_max: 400_000 };
        let config = Config { devices, patience, ..Config::default() };
        let (shelf, dialer) = (Arc::new(Shelf::default()), Dialer::new(Resolver::system(), None).unwrap());
        let plant = Arc::new(Plant::new(Drivers::default().with(Modbus), config, dialer, shelf.clone()));
        let running = tokio::spawn({
            let plant = plant.clone();
            async move { plant.run().await }
        });
        Wired { shelf, plant, running }
    }

    /// How many devices stand so.
    pub(crate) fn stands(&self, state: &str) -> usize {
        self.plant.stands().values().filter(|stand| stand.state.name() == state).count()
    }

    pub(crate) async fn stop(self) -> Arc<Plant> {
        assert_eq!(self.plant.stop(Instant::now() + Duration::from_secs(30)).await, 0);
        self.running.await.unwrap();
        self.plant
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_told_as_bad_and_read_again_when_it_is_back_and_the_sums_close() {
    let test = "real::a_killed_server_is_told_as_bad_and_read_again_when_it_is_back_and_the_sums_close";
    let Some(python) = python(test) else { return };
    let server = Server::start(&python, free_address()).await;
    let address = server.address;
    let wired = Wired::start([1, 2].map(|unit| asked(unit, format!("tcp://{address}/{unit}"))).to_vec());
    let shelf = wired.shelf.clone();
    until("both answer", || wired.stands("answers") == 2 && shelf.samples.lock().unwrap().len() > 20).await;
    server.kill();
    until("both are off scan", || wired.stands("off_scan") == 2).await;
    let told = shelf.samples.lock().unwrap().len();
    let server = Server::start(&python, address).await;
    until("both answer again", || wired.stands("answers") == 2).await;
    until("values flow", || shelf.samples.lock().unwrap().len() > told + 20).await;
    let plant = wired.stop().await;
    drop(server);
    let samples = shelf.samples.lock().unwrap();
    for unit in ["unit-1", "unit-2"] {
        let of_unit: Vec<_> = samples.iter().filter(|sample| &*sample.device == unit).collect();
        let bad =
            of_unit.iter().filter(|sample| sample.points.iter().all(|point| point.quality == Quality::Bad));
        assert_eq!(bad.count(), 1, "{unit} is told as bad once");
        assert!(of_unit.iter().all(|sample| sample.points.len() == 2));
    }
    assert_eq!(total(&plant, "tidegate_plant_samples_total"), samples.len() as u64);
    assert_eq!(
        (total(&plant, "tidegate_plant_waiting_samples"), shelf.given_up.load(Ordering::SeqCst)),
        (0, 0)
    );
    assert_eq!(total(&plant, "tidegate_plant_values_total"), 2 * (samples.len() as u64 - 2));
}
