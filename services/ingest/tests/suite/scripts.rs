//! Any history of a sink: deliveries that work, fail, refuse, poison, dawdle, over crashes of the node. The accounts close at each
//! end, and every reading is in the sink or a dead letter.

use crate::site::{Site, reading};
use proptest::prelude::*;
use proptest::test_runner::Config as Runs;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tidegate_service_ingest::{LimitKind, Pick, Poison, Row, Setback, Sink, SinkConfig, SinkError};
use tokio::task::yield_now;

/// What a sink does with one delivery, unless there is nothing bad in it to refuse.
#[derive(Debug, Clone, Copy)]
enum Act {
    Takes,
    Fails,
    TakesAndFails,
    Misconfigured,
    TooLarge,
    Dawdles,
}

/// Refuses readings with a number that seventeen divides, naming them or not; else does as the script says.
#[derive(Debug, Clone)]
struct Scripted {
    script: Arc<Vec<Act>>,
    names_poison: bool,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    attempts: usize,
    taken: BTreeSet<u64>,
    /// Taken more than once without being marked as replay.
    unmarked: u64,
}

fn number(row: &Row) -> u64 {
    std::str::from_utf8(row.reading.payload().unwrap()).unwrap().parse().unwrap()
}

fn is_bad(row: &Row) -> bool {
    number(row).is_multiple_of(17)
}

impl Scripted {
    fn next(&self) -> Act {
        let mut seen = self.seen.lock().unwrap();
        seen.attempts += 1;
        // Behind the script all is well, so that every history ends.
        self.script.get(seen.attempts - 1).copied().unwrap_or(Act::Takes)
    }

    fn take(&self, batch: &[Row]) -> Result<(), Setback> {
        let refusal = || SinkError::new("TG-FI-002", "a bad row");
        if !self.names_poison && batch.iter().any(is_bad) {
            return Err(Setback::Refused(refusal()));
        }
        let mut seen = self.seen.lock().unwrap();
        for row in batch.iter().filter(|row| !is_bad(row)) {
            let is_new = seen.taken.insert(number(row));
            seen.unmarked += u64::from(!is_new && !row.replay);
        }
        let bad = batch.iter().enumerate().filter(|(_, row)| is_bad(row));
        let poison: Vec<_> =
            bad.map(|(row, _)| Poison { row, code: "TG-FI-002", reason: "a bad row".to_owned() }).collect();
        if poison.is_empty() { Ok(()) } else { Err(Setback::Poison(poison)) }
    }
}

impl Sink for Scripted {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let error = || SinkError::new("TG-FI-002", "as the script says");
        match self.next() {
            Act::Fails => return Err(error().into()),
            Act::TakesAndFails => {
                let _ = self.take(batch);
                return Err(error().into());
            }
            Act::Misconfigured => return Err(Setback::Misconfigured(error())),
            Act::TooLarge if batch.len() > 1 => return Err(Setback::TooLarge(error())),
            Act::Dawdles => {
                for _ in 0..50 {
                    yield_now().await
                }
            }
            Act::Takes | Act::TooLarge => {}
        }
        self.take(batch)
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Takes), 2 => Just(Act::Fails), 1 => Just(Act::TakesAndFails), 1 => Just(Act::Misconfigured),
        1 => Just(Act::TooLarge), 2 => Just(Act::Dawdles),
    ];
    prop::collection::vec(act, 0..12)
}

/// Readings offered in each life of the node; whether it crashes before the sink has had its time is up to the machine.
async fn live(
    dir: &TempDir,
    sink: &Scripted,
    delivery: SinkConfig,
    lives: &[u64],
) -> Result<(), TestCaseError> {
    let mut sent = 0_u64;
    for (life, many) in lives.iter().enumerate() {
        let site = Site::open(dir);
        let scripted = sink.clone();
        site.sink_with(delivery, move || scripted.clone());
        for _ in 0..*many {
            site.ingest.offer(&reading("a", &sent.to_string())).unwrap();
            sent += 1;
        }
        let is_last = life + 1 == lives.len();
        if is_last {
            let bad = sent.div_ceil(17);
            let accounts = site
                .accounts(|accounts| accounts.sinks.iter().all(|sink| sink.lag + sink.in_flight == 0))
                .await;
            let process = &accounts.sinks[1];
            prop_assert_eq!(
                (process.delivered, process.dead_lettered, process.difference),
                (sent - bad, bad, 0)
            );
            prop_assert_eq!((accounts.routing.difference, accounts.admission.difference), (0, 0));
            let letters = site.ingest.dead_letters(&Pick::default(), 1000);
            let seqs: BTreeSet<_> = letters.iter().map(|letter| letter.seq).collect();
            prop_assert_eq!((letters.len() as u64, seqs.len() as u64), (bad, bad));
            let seen = sink.seen.lock().unwrap();
            prop_assert!((0..sent).filter(|number| number % 17 != 0).eq(seen.taken.iter().copied()));
            // What was under way at a crash may still arrive while the next life runs.
            prop_assert!(seen.unmarked == 0 || lives.len() > 1);
        }
        let accounts = site.ingest.accounts();
        prop_assert!(accounts.sinks.iter().all(|sink| sink.difference == 0), "{:?}", accounts.sinks);
        site.crash();
    }
    Ok(())
}

proptest! {
    #![proptest_config(Runs::with_cases(24))]

    #[test]
    fn whatever_a_sink_does_every_reading_ends_in_it_or_in_a_letter_and_the_sums_close(
        script in acts(), names_poison: bool, rows_max in 1..40_usize, limit in 1..5_usize, adaptive: bool,
        backlog_rows_min in 1..60_u64, age_ms in 0..3_u64, lives in prop::collection::vec(0..150_u64, 1..4)
    ) {
        let dir = TempDir::new().unwrap();
        let sink = Scripted { script: Arc::new(script), names_poison, seen: Arc::default() };
        let limit = if adaptive { LimitKind::Adaptive { max: limit } } else { LimitKind::Fixed(limit) };
        let delivery = SinkConfig {
            batch_rows_max: rows_max, batch_age_ms: age_ms, limit, backlog_rows_min, ..SinkConfig::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(live(&dir, &sink, delivery, &lives))?;
    }
}
