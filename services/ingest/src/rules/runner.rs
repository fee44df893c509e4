//! The rules' own pump: read a batch of readings, evaluate, append what follows, commit the cursor.
//!
//! What follows is appended before the commit, with ids that are the same each time, so a crash between the two loses nothing and
//! doubles nothing. Time is the stamp of the reading being looked at; while nothing comes, the wall clock less a margin, so that a
//! reading that is just being appended is not overtaken by what would have fallen due after it. Runs on the runtime for exporters,
//! reads the disk and writes snapshots in its own thread.

use crate::layout;
use crate::names::Names;
use crate::post::Order;
use crate::rules::heard::Heard;
use crate::rules::hearing::{Mark, is_told};
use crate::rules::kept;
use crate::rules::outputs::{Origin, Outputs};
use crate::rules::report::{self, RulesReport, Running};
use crate::rules::tags::samples;
use crate::rules::{Ask, Shared};
use crate::state::wall_ms;
use std::sync::Arc;
use std::time::Duration;
use tidegate_engine_rules::{Engine, Fact, RuleSet, Shadow, ShadowTerm};
use tidegate_kernel_journal::{Counts, Cursor, Delivery, Level, ReadLimit, Refusal, Tally, Ticket};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

const BATCH: ReadLimit = ReadLimit { records: 512, bytes: 256 << 10 };
/// Between two attempts while the journal is busy or the disk cannot be read.
const BUSY_WAIT: Duration = Duration::from_millis(5);
/// Between two looks at telemetry, so that the way in need not wake anybody for each reading.
const HEAR_WAIT: Duration = Duration::from_millis(1);
const READ_WAIT: Duration = Duration::from_secs(1);
/// Where there are no rules nothing has to be decided soon: what comes within this is settled together.
const NO_RULES_WAIT: Duration = Duration::from_millis(20);
/// What falls due while nothing comes is decided so much later.
const MARGIN_MS: u64 = 200;
/// How often the report is made anew while rules work.
const REPORT_WAIT: Duration = Duration::from_millis(200);
/// How often a trial is looked at while nothing comes.
const TRIAL_WAIT: Duration = Duration::from_secs(1);
/// What falls due waits no longer for a journal that others keep busy.
pub(super) const LATE_MS_MAX: u64 = 2000;
/// The longest sleep while nothing is due.
const IDLE_WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Runner {
    pub(crate) outputs: Outputs,
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) cursor: Cursor,
    pub(crate) engine: Engine,
    pub(crate) names: Names,
    /// What a crash may have kept from being put out.
    pub(crate) missed: Vec<(Fact, Origin)>,
    /// Telemetry, from `pending_at` on not looked at yet.
    pub(crate) pending: Vec<Heard>,
    pub(crate) pending_at: usize,
    pub(crate) mark: Mark,
    /// Used again for each value.
    pub(crate) facts: Vec<Fact>,
    pub(crate) shadow: Option<Shadow>,
    /// Settled up to here, or no reading.
    pub(crate) through: u64,
    pub(crate) commit: Option<Ticket>,
    pub(crate) known_before: u64,
    pub(crate) running: Running,
    pub(crate) kept_at: Instant,
    pub(crate) reported_at: Instant,
    /// Something happened since the last snapshot, and since the last report.
    pub(crate) is_unkept: bool,
    pub(crate) is_unreported: bool,
    /// Alarms were not held against the rules yet. Only when all that a crash may have left half done was looked at again.
    pub(crate) is_unreconciled: bool,
}

impl Runner {
    pub(crate) async fn run(mut self, asks: &mut mpsc::Receiver<Ask>) -> Result<(), Refusal> {
        let set = self.engine.set.clone();
        for (fact, origin) in std::mem::take(&mut self.missed) {
            self.put(&set, &fact, origin).await?;
        }
        self.keep().await;
        self.show_interest();
        while self.has_orders() {
            while let Ok(ask) = asks.try_recv() {
                self.answer(ask).await?;
            }
            if let Some((set, term)) = self.shared.take_given() {
                self.try_out(set, term).await?;
            }
            let (has_turned, has_heard) = (self.turn().await?, self.hear().await?);
            if !has_turned && !has_heard {
                if self.engine.set.rules().is_empty() {
                    sleep(NO_RULES_WAIT).await;
                }
                self.idle(asks).await?;
            } else if !has_turned {
                // What comes in the meantime is looked at together.
                sleep(HEAR_WAIT).await;
            }
            if self.kept_at.elapsed() >= Duration::from_millis(self.shared.snapshot_ms) {
                self.keep().await;
            }
        }
        self.keep().await;
        self.report();
        Ok(())
    }

    fn has_orders(&mut self) -> bool {
        if self.orders.has_changed().is_err() {
            return false;
        }
        let order = *self.orders.borrow_and_update();
        match order {
            Order::Run => true,
            Order::CatchUp { through } => self.through < through || self.has_pending(),
            Order::Stop => false,
        }
    }

    /// Looks at one batch; whether there was any.
    async fn turn(&mut self) -> Result<bool, Refusal> {
        let batch = match self.cursor.read(BATCH) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::warn!(code = error.code(), "rules cannot read the journal: {error}");
                self.cursor.rewind();
                sleep(READ_WAIT).await;
                return Ok(true);
            }
        };
        if batch.deliveries.is_empty() {
            return Ok(std::mem::replace(&mut self.through, batch.through) < batch.through);
        }
        let mut tally = Tally::default();
        for delivery in &batch.deliveries {
            tally.delivered += Counts::one(delivery.record.head.flags.critical);
            self.observe(delivery).await?;
        }
        self.settle(batch.through, tally).await?;
        (self.is_unkept, self.is_unreported) = (true, true);
        self.switch_if_due().await?;
        Ok(true)
    }

    async fn settle(&mut self, through: u64, tally: Tally) -> Result<(), Refusal> {
        loop {
            match self.cursor.commit(through, tally) {
                Ok(ticket) => {
                    self.commit = Some(ticket);
                    self.through = through;
                    return Ok(());
                }
                Err(Refusal::Busy(_) | Refusal::Full) => sleep(BUSY_WAIT).await,
                Err(refusal) => return Err(refusal),
            }
        }
    }

    async fn observe(&mut self, delivery: &Delivery) -> Result<(), Refusal> {
        let head = &delivery.record.head;
        self.pass(head.stamp_ms).await?;
        // What is no reading is counted by the sinks, and a replay of a dead letter was looked at when it first came.
        let Ok(reading) = layout::of_record_with(&delivery.record, &mut self.names) else { return Ok(()) };
        for (point, sample) in samples(&self.engine.set, &reading) {
            let mut facts = Vec::new();
            self.engine.observe(head.stamp_ms, &sample, &mut facts);
            let origin = Origin { id: head.id, point, replay: delivery.replay };
            self.put_all(&facts, origin).await?;
        }
        self.show_shadow(&reading, head.stamp_ms);
        Ok(())
    }

    /// The trial set sees each reading after the one in force has, so it is compared with where that stands now.
    fn show_shadow(&mut self, reading: &crate::Reading, now: u64) {
        let Some(shadow) = &mut self.shadow else { return };
        let set = shadow.engine.set.clone();
        for (_, sample) in samples(&set, reading) {
            shadow.observe(&self.engine, now, &sample);
        }
    }

    pub(super) async fn pass(&mut self, now: u64) -> Result<(), Refusal> {
        let mut facts = Vec::new();
        self.engine.pass(now, &mut facts);
        if let Some(shadow) = &mut self.shadow {
            shadow.pass(&self.engine, now);
        }
        (self.is_unkept, self.is_unreported) =
            (self.is_unkept || !facts.is_empty(), self.is_unreported || !facts.is_empty());
        self.put_all(&facts, Origin::TIME).await
    }

    pub(super) async fn put_all(&mut self, facts: &[Fact], origin: Origin) -> Result<(), Refusal> {
        let set = self.engine.set.clone();
        for fact in facts.iter().filter(|fact| is_told(fact)) {
            self.put(&set, fact, origin).await?;
        }
        Ok(())
    }

    /// Appends one outcome, however long the journal is busy.
    async fn put(&mut self, set: &RuleSet, fact: &Fact, origin: Origin) -> Result<(), Refusal> {
        loop {
            match self.outputs.put(set, fact, origin) {
                Ok(is_new) => {
                    self.known_before += u64::from(!is_new && origin.replay);
                    return Ok(());
                }
                Err(Refusal::Busy(_) | Refusal::Full) => sleep(BUSY_WAIT).await,
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Waits for a reading, an order, a question or a deadline.
    async fn idle(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Result<(), Refusal> {
        if self.is_unreported && self.reported_at.elapsed() >= REPORT_WAIT {
            self.report();
        }
        if std::mem::take(&mut self.is_unreconciled) {
            self.reconcile(Origin::TIME)?;
        }
        if self.next_due().is_some_and(|due| due + MARGIN_MS <= wall_ms()) {
            return self.tick().await;
        }
        let wait = self.next_wait();
        tokio::select! {
            ask = asks.recv() => match ask {
                Some(ask) => self.answer(ask).await?,
                None => sleep(BUSY_WAIT).await,
            },
            available = self.cursor.available() => available.map_err(|_| Refusal::Stopped)?,
            _ = self.orders.changed() => {}
            () = self.shared.changed.notified() => {}
            () = self.outputs.ingest.inbox.available(), if self.pending.is_empty() => {}
            () = sleep(wait) => self.tick().await?,
        }
        Ok(())
    }

    fn next_due(&self) -> Option<u64> {
        self.engine.state.next_deadline().into_iter().chain(self.outputs.alarms.next_expiry()).min()
    }

    fn next_wait(&self) -> Duration {
        let until = |at: u64| Duration::from_millis((at + MARGIN_MS).saturating_sub(wall_ms()).max(1));
        let next = self.next_due().map_or(IDLE_WAIT, until).min(IDLE_WAIT);
        let next = if self.has_pending() { next.min(BUSY_WAIT) } else { next };
        let next = if self.shadow.is_some() { next.min(TRIAL_WAIT) } else { next };
        if self.is_unreported { next.min(REPORT_WAIT) } else { next }
    }

    /// Nothing has come and nothing is on its way; or something else keeps the journal busy, and it has waited long enough.
    async fn tick(&mut self) -> Result<(), Refusal> {
        let now = wall_ms().saturating_sub(MARGIN_MS);
        let is_quiet = self.outputs.ingest.journal.status().head_seq <= self.through;
        let due = self.engine.state.next_deadline();
        if is_quiet || due.is_some_and(|due| due + LATE_MS_MAX <= now) {
            self.pass(now).await?;
        } else {
            sleep(BUSY_WAIT).await;
        }
        self.outputs.alarms.expire(now)?;
        self.switch_if_due().await
    }

    /// Answers when the report tells of it.
    async fn answer(&mut self, ask: Ask) -> Result<(), Refusal> {
        match ask {
            Ask::Try { set, term, reply } => {
                self.try_out(set, term).await?;
                let _ = reply.send(());
            }
            Ask::Switch { reply } => {
                let is_there = self.shadow.is_some();
                self.switch().await?;
                self.report();
                let _ = reply.send(is_there);
            }
            Ask::Drop { reply } => {
                let is_there = self.shadow.take().is_some();
                self.show_interest();
                self.report();
                let _ = reply.send(is_there);
            }
        }
        Ok(())
    }

    async fn try_out(&mut self, set: Arc<RuleSet>, term: ShadowTerm) -> Result<(), Refusal> {
        self.shadow = Some(Shadow::new(&self.engine, set, term, wall_ms()));
        self.show_interest();
        self.switch_if_due().await?;
        self.report();
        Ok(())
    }

    pub(super) async fn switch_if_due(&mut self) -> Result<(), Refusal> {
        let now = || self.engine.state.now().max(wall_ms());
        let is_due = self.shadow.as_ref().is_some_and(|shadow| shadow.takes_over(now()));
        if is_due { self.switch().await } else { Ok(()) }
    }

    /// The trial set takes over. Conditions that only one of the two has are said to have gone or come; alarms follow where the new
    /// set stands.
    async fn switch(&mut self) -> Result<(), Refusal> {
        let Some(shadow) = self.shadow.take() else { return Ok(()) };
        let at = self.engine.state.now().max(shadow.engine.state.now());
        let (gone, came) = self.engine.differences(&shadow.engine, at);
        self.running.switch(&self.engine, &shadow.engine);
        let old = std::mem::replace(&mut self.engine, shadow.engine);
        let next = self.engine.set.clone();
        let of_now = Origin { id: tidegate_kernel_journal::Id::v7(at), point: 0, replay: false };
        for (set, facts) in [(&old.set, gone), (&next, came)] {
            for fact in facts {
                self.put(set, &fact, of_now).await?;
            }
        }
        tracing::info!(rules = next.rules().len(), "a changed set of rules has taken over");
        self.shared.set_in_force(next);
        self.show_interest();
        self.reconcile(of_now)?;
        self.is_unkept = true;
        self.keep().await;
        Ok(())
    }

    /// Clears alarms that no rule stands behind: the rule is gone, or was changed and begins anew.
    fn reconcile(&self, origin: Origin) -> Result<(), Refusal> {
        let at = self.engine.state.now();
        for key in self.outputs.alarms.orphans(&self.engine) {
            let id = crate::once::id_of(at, &[&origin.id.0, key.as_bytes(), b"orphan"]);
            self.outputs.alarms.clear(&key, at, id, origin.replay)?;
        }
        Ok(())
    }

    /// Writes down what rules and alarms remember, once all that it follows from is on disk.
    async fn keep(&mut self) {
        self.kept_at = Instant::now();
        if !std::mem::take(&mut self.is_unkept) {
            return;
        }
        let book = self.outputs.alarms.book();
        let bytes = kept::encode(self.through, &book, &self.engine);
        let journal = &self.outputs.ingest.journal;
        let durable = match self.commit.take() {
            Some(ticket) => ticket.reached(Level::Disk).await,
            None => Ok(()),
        };
        if durable.is_err() || journal.synced().reached(book.through).await.is_err() {
            return;
        }
        if let Err(error) = journal.write_snapshot(kept::NAME, self.through, &bytes) {
            tracing::warn!(code = "TG-RU-012", "what rules remember was not written down: {error}");
            self.is_unkept = true;
        }
    }

    fn report(&mut self) {
        (self.is_unreported, self.reported_at) = (false, Instant::now());
        let now = self.engine.state.now().max(wall_ms());
        let report = RulesReport {
            running: true,
            rules: report::rules(&self.engine),
            totals: self.running.totals(&self.engine),
            known_before: self.known_before,
            shadow: self.shadow.as_ref().map(|shadow| report::shadow(shadow, now)),
            ..RulesReport::default()
        };
        self.shared.set_report(report);
    }
}
