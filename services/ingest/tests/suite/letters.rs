//! Dead letters: kept over restarts, listed, shown, replayed to the one sink that refused them.

use crate::site::{Mood, Probe, Site, payloads};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidegate_service_ingest::{Pick, Poison, Row, Setback, Sink, SinkConfig, SinkError};
use tokio::runtime::Handle;

/// Refuses everything until it has learnt better, then hands it to a probe.
#[derive(Clone)]
struct Strict {
    is_strict: Arc<AtomicBool>,
    probe: Probe,
}

impl Sink for Strict {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        if !self.is_strict.load(Ordering::SeqCst) {
            return self.probe.sink().deliver(batch).await;
        }
        let poison = |row| Poison { row, code: "TG-FI-002", reason: "é".repeat(600) };
        Err(Setback::Poison((0..batch.len()).map(poison).collect()))
    }
}

fn strict() -> Strict {
    Strict { is_strict: Arc::new(AtomicBool::new(true)), probe: Probe::new(Mood::Takes) }
}

fn start(site: &Site, sink: &Strict, other: &Probe) {
    let (sink, other) = (sink.clone(), other.clone());
    site.sink_with(SinkConfig::default(), move || sink.clone());
    site.ingest.start_sink("other", &Handle::current(), move || other.sink()).unwrap();
}

fn of_sink(sink: &str) -> Pick {
    Pick { sink: Some(sink.to_owned()), ..Pick::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_reaches_only_the_sink_that_refused_and_counts_as_new() {
    let dir = TempDir::new().unwrap();
    let (sink, other) = (strict(), Probe::new(Mood::Takes));
    let site = Site::open(&dir);
    start(&site, &sink, &other);
    site.publish("line/7/temp", "1");
    site.publish("alarm/fire", "2");
    let refused = |accounts: &tidegate_service_ingest::Accounts| {
        let sinks = accounts.sinks.iter();
        sinks.filter(|account| account.sink == "test").map(|account| account.dead_lettered).sum::<u64>() == 2
    };
    site.accounts(refused).await;
    other.rows(2).await;
    // What the other one took is settled as well, so that it does not come again.
    site.accounts(|accounts| accounts.sinks.iter().all(|sink| sink.lag + sink.in_flight == 0)).await;
    site.crash();

    let site = Site::open(&dir);
    start(&site, &sink, &other);
    let mut letters = site.ingest.dead_letters(&Pick::default(), 100);
    // Written in one millisecond, their own ids may be in either order.
    letters.sort_by_key(|letter| letter.seq);
    assert_eq!(letters.len(), 2);
    assert_eq!(
        (letters[0].code.as_str(), letters[0].reason.len(), letters[1].critical),
        ("TG-FI-002", 512, true)
    );
    let shown = site.ingest.dead_letter(&letters[0].letter).unwrap();
    assert_eq!((shown.topic.as_deref(), shown.payload.as_deref()), (Some("line/7/temp"), Some("1")));
    let would = site.ingest.replay(&of_sink("test"), true);
    assert_eq!(
        (would.dry_run, would.replayed["test"], site.ingest.dead_letters(&Pick::default(), 9).len()),
        (true, 2, 2)
    );

    sink.is_strict.store(false, Ordering::SeqCst);
    let pick = Pick { letter: Some(letters[1].letter.clone()), ..Pick::default() };
    assert_eq!(site.ingest.replay(&pick, false).replayed["test"], 1);
    let rows = sink.probe.rows(1).await;
    assert_eq!((payloads(&rows), rows[0].replay, rows[0].stamp_ms), (vec!["2"], true, letters[1].stamp_ms));
    assert_eq!(
        (rows[0].id.to_string(), rows[0].reading.topic.as_str()),
        (letters[1].id.clone(), "alarm/fire")
    );
    let accounts =
        site.accounts(|accounts| accounts.sinks.iter().all(|sink| sink.lag + sink.in_flight == 0)).await;
    assert_eq!((accounts.admission.accepted, accounts.admission.difference), (3, 0));
    let absorbed: u64 =
        accounts.sinks.iter().filter(|account| account.sink == "other").map(|account| account.absorbed).sum();
    assert_eq!((absorbed, other.rows_now().len()), (1, 2));
    assert!(accounts.sinks.iter().all(|account| account.difference == 0));
    site.crash();
    let site = Site::open(&dir);
    assert_eq!(site.ingest.dead_letters(&Pick::default(), 9).len(), 1, "the replayed one is done with");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_a_sink_that_is_gone_stays() {
    let dir = TempDir::new().unwrap();
    let (site, sink) = (Site::open(&dir), strict());
    let refusing = sink.clone();
    site.sink_with(SinkConfig::default(), move || refusing.clone());
    site.publish("a", "1");
    site.accounts(|accounts| accounts.sinks[1].dead_lettered == 1).await;
    site.crash();
    let site = Site::open(&dir);
    let outcome = site.ingest.replay(&Pick::default(), false);
    assert_eq!((outcome.without_sink["test"], outcome.replayed.len()), (1, 0));
    assert_eq!(site.ingest.dead_letters(&of_sink("test"), 9).len(), 1);
}

/// Takes no batch with a large reading in it; counts the rows of those it takes.
#[derive(Clone, Default)]
struct Narrow(Arc<Mutex<Vec<usize>>>);

impl Sink for Narrow {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        if payloads(batch).contains(&"large") {
            return Err(Setback::TooLarge(SinkError::new("TG-FI-002", "more than fits")));
        }
        self.0.lock().unwrap().push(batch.len());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reading_that_is_too_large_is_a_dead_letter_and_batches_grow_again() {
    let dir = TempDir::new().unwrap();
    let (site, sink) = (Site::open(&dir), Narrow::default());
    let taking = sink.clone();
    site.sink_with(SinkConfig::default(), move || taking.clone());
    site.publish("a", "large");
    site.accounts(|accounts| accounts.sinks[1].dead_lettered == 1).await;
    (0..200).for_each(|_| site.publish("a", "1"));
    site.accounts(|accounts| accounts.sinks[1].delivered == 200).await;
    let batches = sink.0.lock().unwrap().clone();
    assert!(batches.iter().any(|rows| *rows > 1), "{batches:?}");
}
