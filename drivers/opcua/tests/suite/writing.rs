//! Values written through a plant to servers that take them, change them, refuse them, or are killed in the middle.

use crate::asyncua::{Server, python, server};
use crate::desk::Desk;
use crate::shared::counterpart::free_port;
use crate::shared::rig::{Rig, until, write};
use crate::shared::siege::{At, Target, besiege};
use serde_json::{Value as Json, json};
use std::path::Path;
use tidegate_service_plant::{Quality, Value, Written};

const COUNT: &str = "ns=2;s=Line.Count:INTEGER";
const SPEED: &str = "ns=2;s=Line.Speed";
const RUNNING: &str = "ns=2;s=Line.Running:BOOLEAN";
const RECIPE: &str = "ns=2;s=Line.Recipe:TEXT";
const SHORT: &str = "ns=2;i=1001:INTEGER";
/// Server_ServiceLevel, which nobody may write.
const LEVEL: &str = "i=2267:INTEGER";

/// A plant that has read the server once.
async fn reading(desk: &Desk, server: &Server, addresses: &[&str]) -> Rig {
    let mut rig = desk.rig(&format!("{}?security=None", server.url()), addresses);
    rig.sample().await;
    rig
}

/// How it ended, with its code.
fn told(written: &Written) -> (&'static str, &'static str) {
    (written.fate.name(), written.trouble.as_ref().map_or("", |trouble| trouble.code))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_confirmed_with_what_stood_there_and_the_server_has_it() {
    let test = "writing::what_is_written_is_confirmed_with_what_stood_there_and_the_server_has_it";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let rig = reading(&desk, &server, &[COUNT, SPEED, RUNNING, RECIPE]).await;
    for (tag, before, value, node, stands) in [
        (COUNT, Value::Integer(7), Value::Integer(-9), "Line.Count", json!(-9)),
        (SPEED, Value::Real(1.5), Value::Real(2.25), "Line.Speed", json!(2.25)),
        (RUNNING, Value::Boolean(true), Value::Boolean(false), "Line.Running", json!(false)),
        (RECIPE, "press".into(), "valve".into(), "Line.Recipe", json!("valve")),
    ] {
        let written = rig.write("line-1", tag, value.clone()).await;
        assert_eq!(told(&written), ("confirmed", ""), "{written:?}");
        assert_eq!((written.before, written.after), (Some(before), Some(value)));
        assert_eq!(server.get(node), stands);
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_a_value_and_has_another_is_told_as_unconfirmed() {
    let test = "writing::a_server_that_takes_a_value_and_has_another_is_told_as_unconfirmed";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({ "speed_max": 100.0 }));
    let desk = Desk::new();
    let rig = reading(&desk, &server, &[SPEED]).await;
    let written = rig.write("line-1", SPEED, Value::Real(120.0)).await;
    assert_eq!(told(&written), ("unconfirmed", "TG-PL-046"), "{written:?}");
    assert_eq!((written.value, written.after), (Value::Real(120.0), Some(Value::Real(100.0))));
    assert_eq!(server.get("Line.Speed"), json!(100.0));
    assert_eq!(told(&rig.write("line-1", SPEED, Value::Real(99.0)).await), ("confirmed", ""));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_refuses_has_failed_by_its_reason_and_stands_as_it_stood() {
    let test = "writing::what_a_server_refuses_has_failed_by_its_reason_and_stands_as_it_stood";
    let Some(python) = python(test) else { return };
    let refused = json!({ "Line.Count": "BadNotWritable", "Line.Speed": "BadOutOfRange", "Line.Recipe": "BadTypeMismatch" });
    let mut server = Server::start(&python, free_port(), &json!({ "refused": refused, "role": "User" }));
    let desk = Desk::new();
    let rig = reading(&desk, &server, &[COUNT, SPEED, RECIPE, SHORT, LEVEL]).await;
    for (tag, value, code, reason) in [
        (COUNT, Value::Integer(8), "TG-UA-031", "BadNotWritable"),
        (SPEED, Value::Real(1e9), "TG-UA-032", "BadOutOfRange"),
        (RECIPE, "valve".into(), "TG-UA-032", "BadTypeMismatch"),
        (LEVEL, Value::Integer(5), "TG-UA-031", "BadUserAccessDenied"),
        // Nothing is sent, for an Int16 has no such value.
        (SHORT, Value::Integer(40_000), "TG-UA-035", "40000"),
    ] {
        let written = rig.write("line-1", tag, value).await;
        assert_eq!(told(&written), ("failed", code), "{written:?}");
        assert!(written.trouble.unwrap().message.contains(reason), "{tag}");
    }
    let stands = ["Line.Count", "Line.Speed", "Line.Recipe", "1001"].map(|node| server.get(node));
    assert_eq!(stands, [json!(7), json!(1.5), json!("press"), json!(-3)]);
    assert_eq!(rig.state(), "answers", "a refusal is no failure of the device");
    rig.end().await;
}

/// Kills a server that has a write in hand, and starts it again; whether it has the value.
async fn killed(python: &Path, when: &str) -> bool {
    let (desk, port) = (Desk::new(), free_port());
    let [kept, sign] = ["kept", "sign"].map(|name| desk.folder.path().join(name));
    let stalling = json!({ "kept": kept, "stalls": [when, sign] });
    let first = Server::start(python, port, &stalling);
    let mut rig = reading(&desk, &first, &[COUNT]).await;
    let writing = tokio::spawn({
        let plant = rig.plant.clone();
        async move { write(&plant, "line-1", COUNT, Value::Integer(12)).await }
    });
    until("the server has it in hand", || sign.exists()).await;
    first.kill();
    let written = writing.await.unwrap();
    assert_eq!(told(&written), ("unknown", "TG-PL-045"), "{written:?}");
    assert_eq!((written.before, written.after), (Some(Value::Integer(0)), None));
    let mut second = Server::start(python, port, &json!({ "kept": kept }));
    rig.skip();
    rig.until("it is read again", |point| point.quality == Quality::Good).await;
    rig.end().await;
    second.get("Line.Count") == json!(12)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_server_is_killed_before_or_behind_it_is_unknown_and_not_sent_again() {
    let test = "writing::a_write_whose_server_is_killed_before_or_behind_it_is_unknown_and_not_sent_again";
    let Some(python) = python(test) else { return };
    assert_eq!([killed(&python, "before").await, killed(&python, "behind").await], [false, true]);
}

async fn besieged(python: &Path, query: &str, seed: u64) {
    let (desk, port) = (Desk::new(), free_port());
    let taken = desk.folder.path().join("taken");
    let options: Json = json!({ "kept": taken });
    let start = || server(python, port, &options);
    let address = format!("opc.tcp://127.0.0.1:{port}/test?security=None{query}");
    let target = Target {
        address,
        tags: ["ns=2;s=Line.Temp", COUNT],
        at: At::Port(port),
        start: &start,
        taken: &taken,
    };
    besiege(desk.driver.clone(), &target, seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts() {
    let test = "writing::a_server_that_is_killed_and_frozen_at_any_time_ends_in_recovery_and_closed_accounts";
    let Some(python) = python(test) else { return };
    besieged(&python, "", 4).await;
}
