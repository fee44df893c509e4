//! A sink that was away: what is new goes out beside what waited, each reading once.

use crate::site::{Mood, Probe, Site, reading};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidegate_service_ingest::{LimitKind, Row, Setback, Sink, SinkConfig};

const WAITED: usize = 600;

/// Slow enough for new readings to come while the old ones drain.
#[derive(Clone)]
struct Slow(Probe);

impl Sink for Slow {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        self.0.sink().deliver(batch).await
    }
}

fn delivery() -> SinkConfig {
    SinkConfig { batch_rows_max: 10, backlog_rows_min: 100, live_share_percent: 80, ..SinkConfig::default() }
}

fn start(site: &Site, probe: &Probe) {
    let probe = probe.clone();
    site.sink_with(delivery(), move || Slow(probe.clone()));
}

/// Counts how many deliveries of old rows are under way when a new one comes.
#[derive(Clone)]
struct Busy {
    probe: Probe,
    old: Arc<AtomicUsize>,
    /// By new delivery.
    beside: Arc<Mutex<Vec<usize>>>,
}

impl Sink for Busy {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let is_old = numbers(batch).into_iter().any(|number| number < WAITED);
        if !is_old {
            self.beside.lock().unwrap().push(self.old.load(Ordering::SeqCst));
            return self.probe.sink().deliver(batch).await;
        }
        self.old.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let outcome = self.probe.sink().deliver(batch).await;
        self.old.fetch_sub(1, Ordering::SeqCst);
        outcome
    }
}

fn numbers(rows: &[Row]) -> Vec<usize> {
    rows.iter()
        .map(|row| std::str::from_utf8(row.reading.payload().unwrap()).unwrap().parse().unwrap())
        .collect()
}

fn offer(site: &Site, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| drop(site.ingest.offer(&reading("a", &number.to_string())).unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_new_readings_do_not_wait_for_old_ones_and_each_comes_once() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    start(&site, &probe);
    offer(&site, 0..WAITED);
    site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    probe.mood.send_replace(Mood::Takes);
    site.accounts(|accounts| accounts.sink_states[0].catching_up).await;
    offer(&site, WAITED..WAITED + 50);
    let rows = probe.rows(WAITED + 50).await;
    let order = numbers(&rows);
    let last_new = order.iter().position(|number| *number == WAITED + 49).unwrap();
    assert!(last_new < WAITED, "the new ones came last, after {last_new} others");
    assert_eq!(order.iter().copied().collect::<BTreeSet<_>>().len(), order.len());
    let accounts = site.accounts(|accounts| !accounts.sink_states[0].catching_up).await;
    let process = &accounts.sinks[1];
    assert_eq!((process.routed, process.delivered, process.lag, process.difference), (650, 650, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_new_readings_come_old_ones_have_no_more_deliveries_and_no_more_time_than_their_share() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    let busy = Busy { probe: probe.clone(), old: Arc::default(), beside: Arc::default() };
    let (sink, many) = (busy.clone(), WAITED + 200);
    site.sink_with(SinkConfig { limit: LimitKind::Fixed(4), ..delivery() }, move || sink.clone());
    offer(&site, 0..WAITED);
    site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    probe.mood.send_replace(Mood::Takes);
    site.accounts(|accounts| accounts.sink_states[0].catching_up).await;
    for number in WAITED..many {
        offer(&site, number..number + 1);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(numbers(&probe.rows(many).await).len(), many);
    let beside = busy.beside.lock().unwrap().clone();
    // What was under way when the backlog got a lane of its own is not taken back.
    let share = &beside[beside.iter().rposition(|old| *old > 1).map_or(0, |last| last + 1)..];
    assert!(share.len() > 50, "old ones beside new ones: {beside:?}");
    let times = share.iter().filter(|old| **old == 1).count();
    assert!(times > 0 && times * 2 < share.len(), "an old one was under way {times} times: {share:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_amid_a_backlog_reopens_both_places() {
    let dir = TempDir::new().unwrap();
    let (site, probe) = (Site::open(&dir), Probe::new(Mood::Fails));
    start(&site, &probe);
    offer(&site, 0..WAITED);
    site.accounts(|accounts| accounts.sink_states[0].breaker == "open").await;
    probe.mood.send_replace(Mood::Takes);
    site.accounts(|accounts| accounts.sink_states[0].catching_up).await;
    offer(&site, WAITED..WAITED + 50);
    probe.rows(100).await;
    site.crash();
    let site = Site::open(&dir);
    start(&site, &probe);
    let accounts = site.accounts(|accounts| accounts.sinks[1].lag + accounts.sinks[1].in_flight == 0).await;
    assert_eq!((accounts.sinks[1].delivered, accounts.sinks[1].difference), (650, 0));
    let rows = probe.rows_now();
    let mut seen = BTreeSet::new();
    let doubles: Vec<_> = rows.iter().filter(|row| !seen.insert(row.seq)).collect();
    assert!(doubles.iter().all(|row| row.replay), "{} came twice", doubles.len());
    assert_eq!(seen.len(), 650);
}
