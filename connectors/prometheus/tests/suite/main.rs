//! A real Prometheus receives what is sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod prometheus;

use prometheus::{Prometheus, now_ms, program};
use tempfile::TempDir;
use tidegate_connector_prometheus::RemoteWriteSink;
use tidegate_kernel_journal::Id;
use tidegate_service_ingest::{
    Body, Class, Point, Points, Quality, Reading, Row, Setback, Sink, Source, Value,
};

fn row(payload: &str, stamp_ms: u64) -> Row {
    let reading = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), payload.to_owned());
    Row { seq: stamp_ms, id: Id::v7(1), stamp_ms, class: Class::Process, replay: false, reading }
}

fn sink(prometheus: &Prometheus) -> RemoteWriteSink {
    RemoteWriteSink::new(prometheus.client("/api/v1/write"), "site", "hall 3")
}

#[tokio::test]
async fn samples_arrive_with_their_labels_and_times() {
    let Some(program) = program("samples_arrive_with_their_labels_and_times") else { return };
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&program, dir.path()).await;
    let now_ms = now_ms();
    let tag = |tag: &str, value| Point { tag: tag.into(), value, quality: Quality::Good, source_ms: now_ms };
    let mut modelled = row("", now_ms);
    let points = vec![
        tag("temp", Value::Real(61.25)),
        tag("on", Value::Boolean(true)),
        tag("s", Value::Text("x".into())),
    ];
    modelled.reading.body = Body::Points(Points { device: "press 7".into(), points });
    let rows: Vec<_> = (0..500)
        .map(|at| row(&at.to_string(), now_ms - 500 + at))
        .chain([row("on fire", now_ms), modelled])
        .collect();
    sink(&prometheus).deliver(&rows).await.unwrap();
    let counted = prometheus
        .query("count_over_time(tidegate_reading{topic=\"line/7/temp\",site=\"hall 3\"}[1h])")
        .await;
    assert_eq!(counted, ["500"]);
    assert_eq!(prometheus.query("tidegate_tag{device=\"press 7\",tag=\"temp\"}").await, ["61.25"]);
    assert_eq!(prometheus.query("sum(tidegate_tag)").await, ["62.25"]);
}

#[tokio::test]
async fn a_second_value_in_one_millisecond_is_told_of_and_the_first_one_stays() {
    let Some(program) = program("a_second_value_in_one_millisecond_is_told_of_and_the_first_one_stays")
    else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&program, dir.path()).await;
    let (sink, now_ms) = (sink(&prometheus), now_ms());
    let batch = [row("1", now_ms), row("2", now_ms), row("1", now_ms), row("3", now_ms + 1)];
    let Err(Setback::Poison(poison)) = sink.deliver(&batch).await else { panic!("nothing was told") };
    assert_eq!(poison.iter().map(|poison| (poison.row, poison.code)).collect::<Vec<_>>(), [(1, "TG-PR-003")]);
    assert_eq!(prometheus.query("sum(count_over_time(tidegate_reading[1h]))").await, ["2"]);
    assert_eq!(prometheus.query("min_over_time(tidegate_reading[1h])").await, ["1"]);
}

#[tokio::test]
async fn a_sample_out_of_order_is_refused_and_the_same_one_again_is_not() {
    let Some(program) = program("a_sample_out_of_order_is_refused_and_the_same_one_again_is_not") else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let prometheus = Prometheus::start(&program, dir.path()).await;
    let (sink, now_ms) = (sink(&prometheus), now_ms());
    sink.deliver(&[row("1", now_ms)]).await.unwrap();
    sink.deliver(&[row("1", now_ms)]).await.unwrap();
    let outcome = sink.deliver(&[row("2", now_ms - 10_000)]).await.unwrap_err();
    let Setback::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.code == "TG-PR-003" && error.attempt.contains("out of order"), "{error:?}");
}
