//! The driver, and a plant with it, against pymodbus.

use crate::pymodbus::{at, mbpoll, python, server};
use crate::shared::counterpart::free_port;
use crate::shared::rig::{LIMIT, Rig, device, total, until};
use crate::stub::{addresses, connect, place, read};
use std::process::Command;
use std::time::Duration;
use tidegate_driver_modbus::Modbus;
use tidegate_service_plant::{Device, Driver, Found, Quality, Value};

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
    let port = free_port();
    let _server = server(&python, port, None);
    let (first, second) = (place(at(port), 1), place(at(port), 2));
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
    let port = free_port();
    let _server = server(&python, port, None);
    let place = place(at(port), 1);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40098", "40099", "40100", "40104", "40110", "40111"];
    let mut found = read(&mut session, &place, &texts).await.unwrap();
    let Found::Bad(trouble) = found.remove(3) else { panic!("{found:?}") };
    assert_eq!(trouble.code, "TG-MB-010");
    assert!(trouble.message.starts_with("400104"), "{trouble}");
    let good = [97, 98, 99, 109, 110].map(|at| Value::Integer(100 + at));
    assert_eq!(values(found), good);
}

#[tokio::test]
async fn what_is_written_is_there_and_what_cannot_be_is_said() {
    let Some(python) = python("real::what_is_written_is_there_and_what_cannot_be_is_said") else { return };
    let port = free_port();
    let _server = server(&python, port, None);
    let place = place(at(port), 1);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40051:FLOAT:DCBA", "40060:INT16", "00010"];
    let new = [Value::Real(-7.25), Value::Integer(-9), Value::Boolean(false)];
    for (address, value) in addresses(&texts).iter().zip(&new) {
        Modbus.write(&mut session, &place, address, value, LIMIT).await.unwrap();
    }
    assert_eq!(values(read(&mut session, &place, &texts).await.unwrap()), new);
    for (text, value, code) in [
        ("40060:INT16", Value::Integer(40_000), "TG-MB-016"),
        ("30001", Value::Integer(1), "TG-MB-017"),
        ("40001.3", Value::Boolean(true), "TG-MB-017"),
        ("40104", Value::Integer(1), "TG-MB-010"),
    ] {
        let outcome = Modbus.write(&mut session, &place, &addresses(&[text])[0], &value, LIMIT).await;
        assert_eq!(outcome.unwrap_err().code, code, "{text}");
    }
}

#[tokio::test]
async fn what_is_written_is_what_another_client_reads() {
    let test = "real::what_is_written_is_what_another_client_reads";
    let (Some(python), Some(mbpoll)) = (python(test), mbpoll(test)) else { return };
    let port = free_port();
    let _server = server(&python, port, None);
    let place = place(at(port), 2);
    let mut session = connect(&place).await.unwrap();
    let texts = ["40051:FLOAT", "40053:INT32:CDAB", "40055:INT16", "00010"];
    let new = [Value::Real(-7.25), Value::Integer(-70_000), Value::Integer(-9), Value::Boolean(false)];
    for (address, value) in addresses(&texts).iter().zip(&new) {
        Modbus.write(&mut session, &place, address, value, LIMIT).await.unwrap();
    }
    Modbus.close(session).await;
    // Types as mbpoll names them, and what it shows of one value.
    for (kind, options, reference, shown) in [
        ("4:float", &["-B"][..], "51", "-7.25"),
        ("4:int", &[], "53", "-70000"),
        ("4:hex", &[], "55", "0xFFF7"),
        ("0", &[], "10", "0"),
    ] {
        let port = port.to_string();
        let mut command = Command::new(&mbpoll);
        command.args(["-1", "-q", "-m", "tcp", "-p", &port, "-a", "2", "-t", kind, "-r", reference]);
        let output = command.args(options).arg("127.0.0.1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find(|line| line.starts_with(&format!("[{reference}]:")));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        assert_eq!(value, Some(shown), "{kind}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A unit at this address, with two tags that are read at once.
pub(crate) fn asked(unit: u8, address: &str) -> Device {
    let tags = [("count", "40001"), ("temp", "40021:FLOAT")];
    let device = device(&format!("unit-{unit}"), "modbus", address, &tags);
    Device { timeout: Duration::from_secs(1), ..device }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_told_as_bad_and_read_again_when_it_is_back_and_the_sums_close() {
    let test = "real::a_killed_server_is_told_as_bad_and_read_again_when_it_is_back_and_the_sums_close";
    let Some(python) = python(test) else { return };
    let port = free_port();
    let first = server(&python, port, None);
    let devices = [1, 2].map(|unit| asked(unit, &format!("tcp://127.0.0.1:{port}/{unit}"))).to_vec();
    let rig = Rig::over(Modbus, devices);
    let shelf = rig.shelf.clone();
    until("both answer", || rig.stands("answers") == 2 && shelf.samples().len() > 20).await;
    drop(first);
    until("both are off scan", || rig.stands("off_scan") == 2).await;
    let told = shelf.samples().len();
    let _second = server(&python, port, None);
    until("both answer again", || rig.stands("answers") == 2).await;
    until("values flow", || shelf.samples().len() > told + 20).await;
    let plant = rig.end().await;
    let samples = shelf.samples();
    for unit in ["unit-1", "unit-2"] {
        let of_unit: Vec<_> = samples.iter().filter(|sample| &*sample.device == unit).collect();
        let bad =
            of_unit.iter().filter(|sample| sample.points.iter().all(|point| point.quality == Quality::Bad));
        assert_eq!(bad.count(), 1, "{unit} is told as bad once");
        assert!(of_unit.iter().all(|sample| sample.points.len() == 2));
    }
    assert_eq!(total(&plant, "tidegate_plant_values_total", &[]), 2 * (samples.len() as u64 - 2));
}
