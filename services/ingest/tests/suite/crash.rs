//! What the next start makes of an end, orderly or not.

use crate::site::{Mood, PATIENCE, Probe, Site, payloads};
use std::time::Instant;
use tempfile::TempDir;
use tidegate_kernel_plug::Capability;

#[tokio::test(flavor = "multi_thread")]
async fn after_an_orderly_end_the_counts_go_on_and_nothing_comes_twice() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("a", "1");
    site.ingest.give_up("stalled");
    assert_eq!(site.ingest.drain(Instant::now() + PATIENCE).await, []);
    site.folder.close();
    let site = Site::open(&dir);
    site.sink(&probe);
    site.publish("a", "2");
    assert_eq!(payloads(&probe.rows(2).await), ["1", "2"]);
    let account = site.ingest.accounts().admission;
    assert_eq!((account.received, account.accepted, account.refused), (3, 2, 1));
    assert_eq!((account.crashes, account.lost_at_crash_max, account.difference), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_accepted_is_recounted_and_the_loss_is_bounded() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    (0..10).for_each(|at| site.publish("a", &at.to_string()));
    site.ingest.malformed("TG-MQ-003");
    site.crash();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    let account = site.ingest.accounts().admission;
    assert_eq!((account.received, account.accepted, account.difference), (10, 10, 0));
    assert_eq!((account.crashes, account.recent_crashes.len()), (1, 1));
    assert!((1..=1024).contains(&account.lost_at_crash_max), "{}", account.lost_at_crash_max);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_between_the_cursor_and_the_crash_comes_as_replay() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Hangs));
    site.sink(&probe);
    site.publish("a", "1");
    site.accounts(|accounts| accounts.sinks[1].in_flight == 1).await;
    site.crash();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Takes));
    site.sink(&probe);
    site.publish("a", "2");
    let rows = probe.rows(2).await;
    assert_eq!((payloads(&rows), rows[0].replay, rows[1].replay), (vec!["1", "2"], true, false));
}

#[test]
fn a_promise_that_is_used_up_declines_as_busy_and_counts_nothing() {
    let dir = TempDir::new().unwrap();
    let site = Site::open(&dir);
    let offers = (0..3000).map(|_| site.ingest.offer(&crate::site::reading("a", "1")).is_ok());
    let taken = offers.filter(|taken| *taken).count() as u64;
    let account = site.ingest.accounts().admission;
    assert_eq!((account.received, account.accepted, account.refused), (taken, taken, 0));
}
