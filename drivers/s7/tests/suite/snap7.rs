//! The station of python-snap7: read, written, killed and back again.

use crate::rig::{PATIENCE, Rig, values};
use std::env;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidegate_driver_s7::S7;
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_plant::{Blame, Dial, Driver, Limit, Quality, Value};

struct Station {
    process: Child,
    port: u16,
}

impl Station {
    /// At any port for 0. Without python-snap7 the test announces that it is skipped, and returns.
    fn start(test: &str, port: u16) -> Option<Station> {
        let Some(python) = env::var_os("TIDEGATE_TEST_SNAP7_PYTHON") else {
            let reason = "python-snap7 cannot be had here, TIDEGATE_TEST_SNAP7_PYTHON is not set";
            let file = env::var_os("TIDEGATE_TEST_SKIPS").unwrap_or_else(|| {
                panic!("{reason}; `cargo xtask test` installs it, or skips this test by name")
            });
            let mut file = OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(format!("SKIP snap7::{test}: {reason}\n").as_bytes()).unwrap();
            return None;
        };
        let mut command = Command::new(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../codecs/s7/tests/snap7_server.py"));
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Station { process, port: line.trim().parse().unwrap() })
    }
}

/// Killed, as a station that loses its power.
impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_station_that_is_killed_is_bad_and_good_again_when_it_is_back() {
    let test = "a_station_that_is_killed_is_bad_and_good_again_when_it_is_back";
    let Some(station) = Station::start(test, 0) else { return };
    let port = station.port;
    let mut rig = Rig::over(port, &["DB1.DBD4:REAL", "MB3", "DB9.DBB0"]);
    let points = rig.sample().await;
    assert_eq!(values(&points), [("DB1.DBD4:REAL", Value::Real(21.5)), ("MB3", Value::Integer(3))]);
    drop(station);
    rig.until("DB1.DBD4:REAL", Quality::Bad).await;
    let station = Station::start(test, port).unwrap();
    rig.until("DB1.DBD4:REAL", Quality::Good).await;
    assert!(rig.count("tidegate_plant_connections_total{driver=\"s7\"}") >= 2);
    assert_eq!(rig.state(), "answers");
    rig.end().await;
    drop(station);
}

#[tokio::test]
async fn values_are_written_and_what_cannot_be_is_the_fault_of_its_tag() {
    let test = "values_are_written_and_what_cannot_be_is_the_fault_of_its_tag";
    let Some(station) = Station::start(test, 0) else { return };
    let dial = Dial::new(Dialer::new(Resolver::system(), None).unwrap(), PATIENCE);
    let place = S7.place(&format!("tcp://127.0.0.1:{}/0/1", station.port)).unwrap();
    let limit = Limit(Duration::from_secs(20));
    let mut session = S7.connect(&dial, &place).await.unwrap();
    let addresses =
        ["DB1.DBD12:REAL", "DB1.DBW16:INT", "DB1.DBB20:STRING[10]"].map(|text| S7.address(text).unwrap().0);
    let new = [Value::Real(-0.25), Value::Integer(-300), Value::Text("valve".into())];
    for (address, value) in addresses.iter().zip(&new) {
        S7.write(&mut session, &place, address, value, limit).await.unwrap();
    }
    let plan = S7.plan(&session, &addresses, PATIENCE);
    let found = S7.read(&mut session, &place, &plan, limit).await.unwrap();
    assert_eq!(found, new.map(|value| value.into()));
    for (address, value, code) in [
        ("DB9.DBW0:INT", Value::Integer(1), "TG-SI-024"),
        ("DB1.DBW0:INT", Value::Integer(40_000), "TG-SI-031"),
        ("DB1.DBW0:INT", Value::Text("1".into()), "TG-SI-031"),
    ] {
        let address = S7.address(address).unwrap().0;
        let trouble = S7.write(&mut session, &place, &address, &value, limit).await.unwrap_err();
        assert_eq!((trouble.blame, trouble.code), (Blame::Tag, code));
    }
    S7.close(session).await;
}
