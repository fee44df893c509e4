//! The station of python-snap7: read, written, killed and back again.

use crate::shared::counterpart::{Counterpart, found, free_port};
use crate::shared::rig::{FAST, LIMIT, Rig, device, dial, values};
use crate::shared::siege::{At, Target, besiege};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tidegate_driver_s7::S7;
use tidegate_service_plant::{Blame, Device, Driver, Quality, Value};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../codecs/s7/tests/snap7_server.py");

/// The interpreter; without it the test announces that it is skipped, and returns.
fn python(test: &str) -> Option<PathBuf> {
    found("TIDEGATE_TEST_SNAP7_PYTHON", "python-snap7", &format!("snap7::{test}"))
}

/// A station at this port. With a file, DB1.DBD12 outlives it.
fn station(python: &Path, port: u16, kept: Option<&Path>) -> Counterpart {
    let mut command = Command::new(python);
    Counterpart::start(command.arg(SERVER).arg(port.to_string()).args(kept)).0
}

fn address(port: u16) -> String {
    format!("tcp://127.0.0.1:{port}/0/1")
}

/// A device with these addresses; a tag is named as its address.
pub(crate) fn asked(port: u16, addresses: &[&str]) -> Vec<Device> {
    let tags: Vec<_> = addresses.iter().map(|address| (*address, *address)).collect();
    vec![device("press-7", "s7", &address(port), &tags)]
}

#[tokio::test]
async fn a_station_that_is_killed_is_bad_and_good_again_when_it_is_back() {
    let test = "a_station_that_is_killed_is_bad_and_good_again_when_it_is_back";
    let Some(python) = python(test) else { return };
    let port = free_port();
    let first = station(&python, port, None);
    let mut rig = Rig::over(S7, asked(port, &["DB1.DBD4:REAL", "MB3", "DB9.DBB0"]));
    let points = rig.points().await;
    assert_eq!(values(&points), [("DB1.DBD4:REAL", Value::Real(21.5)), ("MB3", Value::Integer(3))]);
    drop(first);
    rig.until("it is bad", |point| point.quality == Quality::Bad).await;
    let _second = station(&python, port, None);
    rig.until("it is good", |point| point.quality == Quality::Good).await;
    assert!(rig.count("tidegate_plant_connections_total{driver=\"s7\"}") >= 2);
    assert_eq!(rig.state(), "answers");
    rig.end().await;
}

#[tokio::test]
async fn values_are_written_and_what_cannot_be_is_the_fault_of_its_tag() {
    let test = "values_are_written_and_what_cannot_be_is_the_fault_of_its_tag";
    let Some(python) = python(test) else { return };
    let port = free_port();
    let _station = station(&python, port, None);
    let place = S7.place(&address(port)).unwrap();
    let mut session = S7.connect(&dial(None), &place).await.unwrap();
    let addresses =
        ["DB1.DBD12:REAL", "DB1.DBW16:INT", "DB1.DBB20:STRING[10]"].map(|text| S7.address(text).unwrap().0);
    let new = [Value::Real(-0.25), Value::Integer(-300), Value::Text("valve".into())];
    for (address, value) in addresses.iter().zip(&new) {
        S7.write(&mut session, &place, address, value, LIMIT).await.unwrap();
    }
    let plan = S7.plan(&session, &addresses, FAST);
    let found = S7.read(&mut session, &place, &plan, LIMIT).await.unwrap();
    assert_eq!(found, new.map(|value| value.into()));
    for (address, value, code) in [
        ("DB9.DBW0:INT", Value::Integer(1), "TG-SI-024"),
        ("DB1.DBW0:INT", Value::Integer(40_000), "TG-SI-031"),
        ("DB1.DBW0:INT", Value::Text("1".into()), "TG-SI-031"),
    ] {
        let address = S7.address(address).unwrap().0;
        let trouble = S7.write(&mut session, &place, &address, &value, LIMIT).await.unwrap_err();
        assert_eq!((trouble.blame, trouble.code), (Blame::Tag, code));
    }
    S7.close(session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts() {
    let test = "a_station_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts";
    let Some(python) = python(test) else { return };
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let taken = folder.path().join("taken");
    let start = || station(&python, port, Some(&taken));
    let (address, tags) = (address(port), ["DB1.DBD4:REAL", "DB1.DBD12:DINT"]);
    besiege(S7, &Target { address, tags, at: At::Port(port), start: &start, taken: &taken }, 3).await;
}
