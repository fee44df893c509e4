//! Readings of class `telemetry`, which are in memory alone.

use crate::site::{Mood, PATIENCE, Probe, Site, reading};
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_plug::Capability;
use tidegate_service_ingest::{Class, SinkAccount};

fn telemetry(site: &Site) -> SinkAccount {
    let accounts = site.ingest.accounts();
    assert_eq!((accounts.admission.difference, accounts.routing.difference), (0, 0));
    assert!(accounts.sinks.iter().all(|sink| sink.difference == 0), "{:?}", accounts.sinks);
    accounts.sinks.iter().find(|sink| sink.class == Class::Telemetry).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_is_acknowledged_at_once_and_only_the_latest_of_a_topic_is_taken() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Hangs));
    site.sink(&probe);
    let tap = site.ingest.tap("test");
    let head = site.folder.queues().status().head_seq;
    for (topic, payload) in [("live/1", "1"), ("live/2", "2"), ("live/1", "3")] {
        let taken = site.ingest.offer(&reading(topic, payload)).unwrap();
        taken.ticket.wait(taken.level).unwrap();
    }
    assert_eq!(site.folder.queues().status().head_seq, head);
    let rows = tap.take(10);
    assert_eq!(crate::site::payloads(&rows), ["2", "3"]);
    let account = telemetry(&site);
    assert_eq!((account.routed, account.coalesced, account.in_flight), (3, 1, 2));
    tap.settle(0);
    assert_eq!(telemetry(&site).delivered, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_memory_at_an_orderly_end_is_shed_and_the_sums_close() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let tap = site.ingest.tap("test");
    site.publish("live/1", "1");
    assert_eq!(tap.take(1).len(), 1);
    tap.settle(0);
    site.publish("live/1", "2");
    site.publish("live/2", "3");
    site.ingest.drain(Instant::now() + PATIENCE).await;
    site.folder.close();
    let site = Site::open(&dir);
    let account = telemetry(&site);
    assert_eq!((account.routed, account.delivered, account.shed, account.lag), (3, 1, 2, 0));
    site.sink(&probe);
    let tap = site.ingest.tap("test");
    site.publish("live/1", "4");
    assert_eq!((telemetry(&site).routed, telemetry(&site).lag), (4, 1));
    assert_eq!(tap.take(9).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_that_a_crash_took_is_within_the_bound() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let tap = site.ingest.tap("test");
    (0..50).for_each(|_| site.publish("live/1", "1"));
    assert_eq!(tap.take(1).len(), 1);
    tap.settle(0);
    site.crash();
    let site = Site::open(&dir);
    let account = site.ingest.accounts().admission;
    assert!(account.received + account.lost_at_crash_max >= 50, "{account:?}");
    telemetry(&site);
}
