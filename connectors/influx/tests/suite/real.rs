//! What a real influxd makes of our lines, and what we make of its refusals.

use crate::influxd::{Influxd, free_address, program};
use crate::rows::{client, row, sink};
use std::sync::Arc;
use tempfile::TempDir;
use tidegate_connector_influx::{Config, InfluxSink, Target};
use tidegate_service_ingest::{Body, Point, Points, Quality, Setback, Sink, Value};

#[tokio::test]
async fn raw_and_modelled_readings_are_points_with_their_types() {
    let Some(program) = program("raw_and_modelled_readings_are_points_with_their_types") else { return };
    let dir = TempDir::new().unwrap();
    let influxd = Influxd::start(&program, dir.path(), free_address()).await;
    let tag = |tag: &str, value| Point {
        tag: tag.into(),
        value,
        quality: Quality::Good,
        source_ms: 1_795_341_600_000,
    };
    let points = vec![
        tag("temp", Value::Real(61.25)),
        tag("n", Value::Integer(i64::MAX)),
        tag("on", Value::Boolean(true)),
        tag("state", Value::Text("a \"b\" \\, =c".into())),
        tag("vib", Value::Reals(Arc::new([0.5, -1.0]))),
    ];
    let mut modelled = row(3, "");
    modelled.reading.body = Body::Points(Points { device: "press 7,=".into(), points });
    sink(influxd.address).deliver(&[row(1, "21.5"), row(2, "22"), modelled]).await.unwrap();
    assert_eq!(influxd.count("payload").await, 2);
    let found = influxd.query("SELECT device, temp, n, \"on\", state FROM readings WHERE temp > 0").await;
    let values = &found["results"][0]["series"][0]["values"][0];
    assert_eq!((&values[1], &values[2]), (&"press 7,=".into(), &61.25.into()));
    assert_eq!(
        (&values[3], &values[4], &values[5]),
        (&i64::MAX.into(), &true.into(), &"a \"b\" \\, =c".into())
    );
}

#[tokio::test]
async fn two_readings_of_one_millisecond_stay_two_and_one_delivered_twice_stays_one() {
    let Some(program) = program("two_readings_of_one_millisecond_stay_two_and_one_delivered_twice_stays_one")
    else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let influxd = Influxd::start(&program, dir.path(), free_address()).await;
    let sink = sink(influxd.address);
    let rows = [row(1, "1"), row(2, "2")];
    sink.deliver(&rows).await.unwrap();
    sink.deliver(&rows).await.unwrap();
    assert_eq!(influxd.count("payload").await, 2);
}

#[tokio::test]
async fn a_type_conflict_is_refused_and_a_missing_database_is_a_setting() {
    let Some(program) = program("a_type_conflict_is_refused_and_a_missing_database_is_a_setting") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let influxd = Influxd::start(&program, dir.path(), free_address()).await;
    let sink = sink(influxd.address);
    sink.deliver(&[row(1, "1")]).await.unwrap();
    let refused = sink.deliver(&[row(2, "2"), row(3, "on fire")]).await.unwrap_err();
    let Setback::Refused(error) = refused else { panic!("{refused:?}") };
    assert!(error.code == "TG-IX-003" && error.attempt.contains("field type conflict"), "{error:?}");
    let target = Target::V1 { database: "nowhere".to_owned(), credentials: None };
    let lost = InfluxSink::new(client(influxd.address), Config { target, measurement: "m".parse().unwrap() });
    let outcome = lost.deliver(&[row(1, "1")]).await.unwrap_err();
    assert!(matches!(&outcome, Setback::Misconfigured(error) if error.code == "TG-IX-004"), "{outcome:?}");
}
