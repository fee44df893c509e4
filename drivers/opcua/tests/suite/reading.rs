//! Values asked for, and written.

use crate::asyncua::{Server, python};
use crate::desk::{Desk, values};
use crate::shared::counterpart::free_port;
use crate::shared::rig::{FAST, LIMIT, dial};
use serde_json::json;
use tidegate_service_plant::{Blame, Driver, Found, Value};

#[tokio::test]
async fn every_type_is_read_with_its_time_and_what_cannot_be_read_spoils_no_neighbour() {
    let test = "reading::every_type_is_read_with_its_time_and_what_cannot_be_read_spoils_no_neighbour";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({ "reads_max": 3 }));
    server.set_as("Line.Temp", 22.5, 0, 1_700_000_000_123);
    let desk = Desk::new();
    let place = desk.place(&format!("{}?security=None", server.url()));
    let mut session = desk.driver.connect(&dial(None), &place).await.unwrap();
    let addresses = desk.addresses(&[
        "ns=2;s=Line.Temp",
        "ns=2;s=Line.Count:INTEGER",
        "ns=2;s=Line.Nowhere",
        "ns=2;s=Line.Running:BOOLEAN",
        "ns=2;s=Line.Recipe:TEXT",
        "ns=2;s=Line.Big",
        "ns=2;s=Line.Big:INTEGER",
        "ns=2;i=1001",
        "ns=2;s=Line.Window",
    ]);
    let plan = desk.driver.plan(&session, &addresses, FAST);
    let found = desk.driver.read(&mut session, &place, &plan, LIMIT).await.unwrap();
    let expected = [
        Value::Real(22.5),
        Value::Integer(7),
        "TG-UA-030".into(),
        Value::Boolean(true),
        "press".into(),
        Value::Real(9_223_372_036_854_775_808.0),
        "TG-UA-033".into(),
        Value::Real(-3.0),
        "TG-UA-033".into(),
    ];
    assert_eq!(values(&found), expected);
    assert_eq!(found[0], Found::Good { value: Value::Real(22.5), source_ms: Some(1_700_000_000_123) });
    desk.driver.close(session).await;
}

#[tokio::test]
async fn a_servers_status_is_the_quality() {
    let Some(python) = python("reading::a_servers_status_is_the_quality") else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    // UncertainLastUsableValue and BadSensorFailure.
    server.set_as("Line.Temp", 3.0, 0x4090_0000, 1_700_000_000_000);
    server.set_as("Line.Count", 3, 0x808C_0000, 1_700_000_000_000);
    let desk = Desk::new();
    let place = desk.place(&format!("{}?security=None", server.url()));
    let mut session = desk.driver.connect(&dial(None), &place).await.unwrap();
    let addresses = desk.addresses(&["ns=2;s=Line.Temp", "ns=2;s=Line.Count:INTEGER"]);
    let plan = desk.driver.plan(&session, &addresses, FAST);
    let found = desk.driver.read(&mut session, &place, &plan, LIMIT).await.unwrap();
    let doubt = Found::Uncertain { value: Value::Real(3.0), source_ms: Some(1_700_000_000_000) };
    assert_eq!(found[0], doubt);
    let Found::Bad(trouble) = &found[1] else { panic!("{found:?}") };
    assert_eq!((trouble.code, trouble.blame), ("TG-UA-032", Blame::Tag));
    assert!(trouble.message.contains("BadSensorFailure"), "{trouble}");
}

#[tokio::test]
async fn what_is_written_is_there_as_the_variable_has_it_and_what_cannot_be_is_said() {
    let test = "reading::what_is_written_is_there_as_the_variable_has_it_and_what_cannot_be_is_said";
    let Some(python) = python(test) else { return };
    let mut server = Server::start(&python, free_port(), &json!({}));
    let desk = Desk::new();
    let place = desk.place(&format!("{}?security=None", server.url()));
    let mut session = desk.driver.connect(&dial(None), &place).await.unwrap();
    for (text, value, node, written) in [
        ("ns=2;s=Line.Count:INTEGER", Value::Integer(-9), "Line.Count", json!(-9)),
        ("ns=2;s=Line.Speed", Value::Real(2.5), "Line.Speed", json!(2.5)),
        ("ns=2;s=Line.Temp", Value::Integer(4), "Line.Temp", json!(4.0)),
        ("ns=2;s=Line.Running:BOOLEAN", Value::Boolean(false), "Line.Running", json!(false)),
        ("ns=2;s=Line.Recipe:TEXT", "valve".into(), "Line.Recipe", json!("valve")),
        ("ns=2;i=1001:INTEGER", Value::Integer(12), "1001", json!(12)),
    ] {
        let address = desk.addresses(&[text]).remove(0);
        desk.driver.write(&mut session, &place, &address, &value, LIMIT).await.unwrap();
        assert_eq!(server.get(node), written, "{text}");
    }
    for (text, value, code) in [
        ("ns=2;i=1001:INTEGER", Value::Integer(40_000), "TG-UA-035"),
        ("ns=2;s=Line.Count:INTEGER", Value::Real(0.5), "TG-UA-035"),
        ("ns=2;s=Line.Running:BOOLEAN", Value::Integer(1), "TG-UA-035"),
        ("ns=2;s=Line.Nowhere", Value::Real(1.0), "TG-UA-030"),
        ("i=2258", Value::Real(1.0), "TG-UA-035"),
    ] {
        let address = desk.addresses(&[text]).remove(0);
        let trouble = desk.driver.write(&mut session, &place, &address, &value, LIMIT).await.unwrap_err();
        assert_eq!((trouble.blame, trouble.code), (Blame::Tag, code), "{text}: {trouble}");
    }
    assert_eq!(server.get("1001"), json!(12));
}
