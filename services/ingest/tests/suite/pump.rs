//! From an offer to a row, with sinks that work, fail, hang and panic.

use crate::site::{Mood, PATIENCE, Probe, SYNCED, Site, config, payloads};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_journal::{Entry, Id};
use tidegate_kernel_plug::{Capability, exposition};
use tidegate_service_ingest::{Class, LimitKind, READINGS, Row, Setback, Sink, SinkConfig};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_reaches_the_sink_with_its_class_and_is_no_replay() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/7/temp", "21.5");
    site.publish("alarm/fire", "on");
    let rows = probe.rows(2).await;
    assert_eq!(payloads(&rows), ["21.5", "on"]);
    assert_eq!((rows[0].class, rows[1].class), (Class::Process, Class::Critical));
    assert!(rows[0].seq < rows[1].seq && !rows[0].replay && rows[0].id != rows[1].id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_sink_lags_and_its_rows_come_again_as_replay() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    site.sink(&probe);
    site.publish("line/7/temp", "1");
    let failing = site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    assert_eq!(failing.sink_states[0].last_error.as_ref().unwrap().code, "TG-FI-002");
    assert_eq!(failing.sinks[1].lag + failing.sinks[1].in_flight, 1);
    probe.mood.send_replace(Mood::Takes);
    assert!(probe.rows(1).await[0].replay);
    let well = site.accounts(|accounts| accounts.sinks[1].delivered == 1).await;
    assert_eq!((well.sink_states[0].breaker, well.sinks[1].replayed), ("closed", 1));
    assert_eq!(payloads(&probe.rows_now()), ["1"]);
}

/// Its first delivery takes as long as the test wants, those behind it no time.
struct SlowStart(Arc<Notify>, AtomicBool);

impl Sink for SlowStart {
    async fn deliver(&self, _: &[Row]) -> Result<(), Setback> {
        if !self.1.swap(true, Ordering::Relaxed) {
            self.0.notified().await;
        }
        Ok(())
    }
}

/// On one thread the pump itself must make way for what it waits for.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_delivery_that_takes_long_is_not_kept_from_ending_by_what_lands_behind_it() {
    let dir = TempDir::new().unwrap();
    let (site, gate) = (Site::open(&dir), Arc::new(Notify::new()));
    let one_by_one =
        SinkConfig { batch_rows_max: 1, limit: LimitKind::Fixed(2), ..SinkConfig::of(&config()) };
    let opened = gate.clone();
    site.sink_with(one_by_one, move || SlowStart(opened.clone(), AtomicBool::new(false)));
    (0..100).for_each(|number| site.publish("line/7/temp", &number.to_string()));
    site.accounts(|accounts| accounts.sinks[1].in_flight >= 12).await;
    gate.notify_one();
    let accounts = site.accounts(|accounts| accounts.sinks[1].delivered == 100).await;
    assert_eq!(accounts.sinks[1].replayed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_is_started_anew_and_misses_nothing() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Panics));
    site.sink(&probe);
    site.publish("line/7/temp", "1");
    let rows = probe.rows(1).await;
    assert_eq!((payloads(&rows), rows[0].replay), (vec!["1"], true));
    let accounts = site.accounts(|accounts| accounts.sinks[1].delivered == 1).await;
    assert_eq!(accounts.sink_states[0].last_error.as_ref().unwrap().code, "TG-IN-004");
    assert!(accounts.sink_states[0].running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_reading_is_dead_lettered_and_stops_nothing() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let entry =
        Entry { stream: READINGS, kind: 9, version: 1, id: Id::v7(1), payload: b"?", ..Entry::default() };
    site.folder.queues().append(entry).unwrap().wait(SYNCED).unwrap();
    site.publish("line/7/temp", "1");
    assert_eq!(payloads(&probe.rows(1).await), ["1"]);
    let accounts = site.accounts(|accounts| accounts.sinks[1].delivered == 1).await;
    assert_eq!((accounts.sinks[1].dead_lettered, accounts.sinks[1].difference), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_delivers_what_waits_and_refuses_what_comes() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    (0..2000).for_each(|at| drop(site.ingest.offer(&crate::site::reading("a", &at.to_string()))));
    let accepted = site.ingest.accounts().admission.accepted;
    let left = site.ingest.drain(Instant::now() + PATIENCE).await;
    assert_eq!((left, probe.rows_now().len() as u64), (vec![], accepted));
    let late = site.ingest.offer(&crate::site::reading("a", "late")).unwrap_err();
    assert_eq!(late.to_string(), "the reading was refused with TG-IN-002");
    assert!(!site.ingest.accounts().sink_states[0].running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_misses_its_deadline_says_what_is_left() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    site.sink(&probe);
    site.publish("line/7/temp", "1");
    site.publish("alarm/fire", "on");
    let left = site.ingest.drain(Instant::now()).await;
    assert_eq!((left.len(), left[0].part.as_str(), left[0].count), (1, "sink test", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_of_admission_and_of_each_sink() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("line/7/temp", "1");
    site.ingest.malformed("TG-MQ-003");
    site.ingest.give_up("stalled");
    site.accounts(|accounts| accounts.sinks[1].delivered == 1).await;
    let page = exposition(&site.ingest.metrics());
    for sample in [
        "tidegate_ingest_received_readings_total 3",
        "tidegate_ingest_accepted_readings_total{source=\"mqtt\",class=\"process\"} 1",
        "tidegate_ingest_malformed_packets_total{code=\"TG-MQ-003\"} 1",
        "tidegate_ingest_refused_readings_total{reason=\"stalled\"} 1",
        "tidegate_ingest_admission_difference_readings 0",
        "tidegate_ingest_sink_settled_readings_total{sink=\"test\",class=\"process\",outcome=\"delivered\"} 1",
        "tidegate_ingest_sink_difference_readings{sink=\"test\",class=\"critical\"} 0",
        "tidegate_ingest_sink_breaker_state{sink=\"test\"} 0",
        "tidegate_ingest_sink_batch_seconds_count{sink=\"test\"} 1",
    ] {
        assert!(page.lines().any(|line| line == sample), "{sample} in\n{page}");
    }
}
