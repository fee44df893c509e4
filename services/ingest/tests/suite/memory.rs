//! Readings of class `telemetry`, which are in memory alone.

use crate::site::{Mood, PATIENCE, Probe, Site, reading};
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_plug::Capability;
use tidegate_service_ingest::{Accounts, Class, SinkAccount};

fn of_telemetry(accounts: &Accounts) -> SinkAccount {
    assert_eq!((accounts.admission.difference, accounts.routing.difference), (0, 0));
    assert!(accounts.sinks.iter().all(|sink| sink.difference == 0), "{:?}", accounts.sinks);
    accounts.sinks.iter().find(|sink| sink.class == Class::Telemetry).unwrap().clone()
}

fn telemetry(site: &Site) -> SinkAccount {
    of_telemetry(&site.ingest.accounts())
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_is_acknowledged_at_once_and_only_the_latest_of_a_topic_is_delivered() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Hangs));
    site.sink(&probe);
    site.publish("live/0", "0");
    site.accounts(|accounts| of_telemetry(accounts).in_flight == 1).await;
    let head = site.folder.queues().status().head_seq;
    for (topic, payload) in [("live/1", "1"), ("live/2", "2"), ("live/1", "3")] {
        let taken = site.ingest.offer(&reading(topic, payload)).unwrap();
        taken.ticket.wait(taken.level).unwrap();
    }
    assert_eq!(site.folder.queues().status().head_seq, head);
    let account = telemetry(&site);
    assert_eq!((account.routed, account.coalesced, account.lag), (4, 1, 2));
    probe.mood.send_replace(Mood::Takes);
    let rows = probe.rows(3).await;
    assert_eq!((crate::site::payloads(&rows), rows[2].class), (vec!["0", "2", "3"], Class::Telemetry));
    site.accounts(|accounts| of_telemetry(accounts).delivered == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_goes_between_readings_of_the_journal_and_a_failing_sink_gets_it_later() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    site.sink(&probe);
    site.publish("live/1", "1");
    site.publish("a", "2");
    site.accounts(|accounts| accounts.sink_states[0].failures > 2).await;
    site.publish("live/1", "3");
    probe.mood.send_replace(Mood::Takes);
    let mut payloads: Vec<_> = probe.rows(2).await;
    payloads.sort_by_key(|row| row.class);
    assert_eq!(crate::site::payloads(&payloads), ["2", "3"]);
    let account = site.accounts(|accounts| of_telemetry(accounts).delivered == 1).await;
    assert_eq!((of_telemetry(&account).routed, of_telemetry(&account).coalesced), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_delivers_telemetry_too_and_what_is_left_is_shed_at_the_next_start() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("live/1", "1");
    assert_eq!(site.ingest.drain(Instant::now() + PATIENCE).await, []);
    assert_eq!(probe.rows_now().len(), 1);
    site.folder.close();
    let site = Site::open(&dir);
    let stuck = Probe::new(Mood::Hangs);
    site.sink(&stuck);
    site.publish("live/1", "2");
    site.publish("live/2", "3");
    let left = site.ingest.drain(Instant::now()).await;
    assert_eq!((left.len(), left[0].count), (1, 2));
    site.folder.close();
    let site = Site::open(&dir);
    let account = telemetry(&site);
    assert_eq!((account.routed, account.delivered, account.shed, account.lag), (3, 1, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_that_a_crash_took_is_within_the_bound() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    (0..50).for_each(|_| site.publish("live/1", "1"));
    probe.rows(1).await;
    site.crash();
    let site = Site::open(&dir);
    let account = site.ingest.accounts().admission;
    assert!(account.received + account.lost_at_crash_max >= 50, "{account:?}");
    telemetry(&site);
}
