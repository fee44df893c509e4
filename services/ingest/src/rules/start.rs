//! How rules begin, at a start and after a panic: snapshot, readings since then, then the cursor. Reads the disk.

use crate::alarms::{AlarmFeed, Book};
use crate::error::OpenError;
use crate::ingest::Ingest;
use crate::layout;
use crate::names::Names;
use crate::post::Order;
use crate::reading::READINGS;
use crate::rules::hearing::Mark;
use crate::rules::kept::{self, Kept};
use crate::rules::outputs::Outputs;
use crate::rules::report::Running;
use crate::rules::runner::Runner;
use crate::rules::stands::{self, Found};
use crate::rules::tags::samples;
use crate::rules::{Ask, CURSOR, Shared};
use crate::state::wall_ms;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_rules::{Engine, RuleSet, State};
use tidegate_kernel_journal::{Cursor, Journal, ReadError, ReadLimit, Refusal};
use tidegate_kernel_plug::listed;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep};

const BATCH: ReadLimit = ReadLimit { records: 1024, bytes: 1 << 20 };
/// Between a panic and the next start.
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// What the last snapshot says; nothing for none, or for one that cannot be used.
pub(crate) fn kept(journal: &Journal) -> Option<Kept> {
    let found = journal.snapshot(kept::NAME);
    let (_, bytes) = found.unwrap_or_else(|error| {
        tracing::error!(code = "TG-RU-012", "what rules remembered cannot be read: {error}; they begin anew");
        None
    })?;
    let kept = kept::decode(&bytes);
    if kept.is_none() {
        tracing::error!(
            code = "TG-RU-012",
            "what rules remembered is damaged or of a later version; they begin anew"
        );
    }
    kept
}

/// The engine as it was when the cursor was last committed: out of the snapshot, of the readings since, and of where rules stand that
/// read more than is in the journal. The time of all that is the present.
fn engine(
    journal: &Journal,
    set: Arc<RuleSet>,
    kept: Option<Kept>,
    position: u64,
) -> Result<(Engine, Found), ReadError> {
    let (now, kept_through) = (wall_ms(), kept.as_ref().map_or(0, |kept| kept.through));
    let (state, mut through) = match kept {
        Some(kept) => (State::decode(&kept.state, &set, 0), kept.through),
        None => (None, position),
    };
    let mut engine = match state {
        Some(state) => Engine { set, state },
        None => Engine::new(set, now),
    };
    let found = stands::read(journal, &engine.set, engine.state.stands(), kept_through)?;
    while through < position {
        let (records, looked_at) = journal.read(READINGS, through, BATCH)?;
        records
            .iter()
            .filter(|record| record.head.seq <= position)
            .for_each(|record| see(&mut engine, record));
        if looked_at == through {
            break;
        }
        through = looked_at;
    }
    engine.state.begin_anew(&engine.set, &found.stands, now);
    Ok((engine, found))
}

/// What followed was appended before the cursor moved beyond it, so it goes nowhere now.
fn see(engine: &mut Engine, record: &tidegate_kernel_journal::Record) {
    let (now, mut facts) = (record.head.stamp_ms, Vec::new());
    engine.pass(now, &mut facts);
    let Ok(reading) = layout::of_record(record) else { return };
    for (_, sample) in samples(&engine.set.clone(), &reading) {
        engine.observe(now, &sample, &mut facts);
    }
}

/// Everything a runner is made of, each time anew.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) alarms: Arc<AlarmFeed>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: watch::Receiver<Order>,
}

impl Workshop {
    pub(crate) fn runner(&self, cursor: Cursor) -> Result<Runner, ReadError> {
        let journal = &self.ingest.journal;
        let kept = kept(journal);
        let (engine, Found { outcomes, .. }) =
            engine(journal, self.shared.in_force(), kept, cursor.position())?;
        let outputs = Outputs { ingest: self.ingest.clone(), alarms: self.alarms.clone() };
        Ok(Runner {
            outputs,
            shared: self.shared.clone(),
            orders: self.orders.clone(),
            through: cursor.position(),
            cursor,
            engine,
            names: Names::default(),
            missed: outcomes,
            pending: Vec::new(),
            pending_at: 0,
            mark: Mark::default(),
            facts: Vec::new(),
            shadow: None,
            commit: None,
            known_before: 0,
            running: Running::default(),
            kept_at: Instant::now(),
            reported_at: Instant::now(),
            is_unkept: true,
            is_unreported: true,
            is_unreconciled: true,
        })
    }

    pub(crate) fn cursor(&self) -> Result<Cursor, Refusal> {
        self.ingest.journal.cursor(CURSOR, READINGS)
    }

    /// Runs until told to end; after a panic the state is that of the disk again.
    pub(crate) async fn supervise(self, first: Runner, asks: mpsc::Receiver<Ask>) {
        let (asks, mut next) = (Arc::new(Mutex::new(asks)), Some(first));
        while let Some(runner) = next.take() {
            let asked = asks.clone();
            let run = async move { runner.run(&mut *asked.lock().await).await };
            let run = tokio::spawn(listed("ingest", "rules", run));
            match run.await {
                Ok(Ok(())) => break,
                Ok(Err(refusal)) => {
                    tracing::error!(code = refusal.code(), "rules have stopped: {refusal}");
                    break;
                }
                Err(panic) => {
                    tracing::error!(code = "TG-RU-013", %panic, "rules panicked; they are started anew");
                    self.shared.restarted();
                    sleep(RESTART_WAIT).await;
                    next = self.again();
                }
            }
        }
        self.shared.ended();
        self.ingest.inbox.close();
    }

    fn again(&self) -> Option<Runner> {
        let cursor = self.cursor().inspect_err(|refusal| {
            tracing::error!(code = refusal.code(), "rules cannot be started again: {refusal}");
        });
        let runner = self.runner(cursor.ok()?).inspect_err(|error| {
            tracing::error!(code = error.code(), "rules cannot be started again: {error}");
        });
        runner.ok()
    }
}

/// The alarms as the snapshot and the stream have them.
pub(crate) fn alarms(journal: &Journal, shelf_ms_max: u64) -> Result<AlarmFeed, OpenError> {
    let book = kept(journal).map_or_else(Book::default, |kept| kept.book);
    AlarmFeed::open(journal.clone(), book, shelf_ms_max).map_err(OpenError::Rules)
}
