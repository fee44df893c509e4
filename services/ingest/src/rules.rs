//! Rules as a consumer of the readings: a cursor like a sink's, whose batches become derived readings, alarms and commands.
//!
//! ```text
//!   telemetry ── inbox ────────────────────┐
//!   journal stream 16 ── cursor rules ── runner ──┬── derived readings, stream 16 again
//!                                                 ├── changes of alarms, stream 11 ── AlarmFeed::since
//!                                                 └── commands, stream 13 ── cursor rules.commands ── port CommandOut
//! ```
//! [`Rules`] is the handle; the task that owns the state answers it.

pub(crate) mod catalog;
pub(crate) mod config;
pub(crate) mod heard;
mod hearing;
pub(crate) mod kept;
pub(crate) mod outputs;
pub(crate) mod report;
mod runner;
pub(crate) mod section;
pub(crate) mod stands;
mod start;
pub(crate) mod tags;

use crate::alarms::AlarmFeed;
use crate::command::{self, CommandOut, Commander};
use crate::error::OpenError;
use crate::ingest::Ingest;
use crate::post::Order;
use config::{RuleFaults, RulesConfig};
use heard::Inbox;
use report::RulesReport;
use start::Workshop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_rules::{Catalog, Limits, RuleSet, RuleSpec, ShadowTerm};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::listed;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// The rules' cursor on the readings.
pub(crate) const CURSOR: &str = "rules";
/// Questions that wait for an answer at once.
const ASKS_MAX: usize = 16;

/// What the task that owns the rules is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Run this set beside the one in force.
    Try { set: Arc<RuleSet>, term: ShadowTerm, reply: oneshot::Sender<()> },
    /// Let it take over; whether there was one.
    Switch { reply: oneshot::Sender<bool> },
    /// Forget it; whether there was one.
    Drop { reply: oneshot::Sender<bool> },
}

/// Why a change of rules has no effect.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("the rules have faults: {0}")]
    Faults(#[from] RuleFaults),
    #[error("no changed set of rules is on trial")]
    NoTrial,
    #[error("rules are not running")]
    Ended,
}

impl RulesError {
    pub fn code(&self) -> &'static str {
        match self {
            RulesError::Faults(faults) => faults.code(),
            RulesError::NoTrial => "TG-RU-014",
            RulesError::Ended => "TG-RU-015",
        }
    }
}

/// Rules that run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rules {
    journal: Journal,
    pub(crate) shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    asks: mpsc::Sender<Ask>,
    /// Closed when the rules have ended.
    pub(crate) orders: watch::Sender<Order>,
    alarms: Arc<AlarmFeed>,
}

/// What the configuration says.
#[derive(Debug)]
struct Given {
    /// What it said last: on trial, in force, or forgotten.
    set: Arc<RuleSet>,
    /// How long that is to be tried out; nothing once that has begun.
    trial: Option<ShadowTerm>,
}

/// Between the handle and the task.
#[derive(Debug)]
pub(crate) struct Shared {
    limits: Limits,
    pub(crate) snapshot_ms: u64,
    in_force: Mutex<Arc<RuleSet>>,
    given: Mutex<Given>,
    /// There is a set in `given` that is not on trial yet.
    pub(crate) changed: Notify,
    report: Mutex<RulesReport>,
}

impl Ingest {
    /// Runs rules on `exporters`, from where they were when the node ended. `out` sends commands; without it they wait.
    pub fn start_rules(
        self: &Arc<Ingest>,
        config: &RulesConfig,
        out: Option<Arc<dyn CommandOut>>,
        exporters: &Handle,
    ) -> Result<Rules, OpenError> {
        let set = config.check().map_err(OpenError::RuleFaults)?;
        let alarms = Arc::new(start::alarms(&self.journal, config.shelf_ms_max)?);
        let shared = Arc::new(Shared::new(config, set));
        let (orders, receiver) = watch::channel(Order::Run);
        let workshop = Workshop {
            ingest: self.clone(),
            alarms: alarms.clone(),
            shared: shared.clone(),
            orders: receiver,
        };
        let of_cursor = |source| OpenError::Cursor { sink: CURSOR.to_owned(), source };
        let runner = workshop.runner(workshop.cursor().map_err(of_cursor)?).map_err(OpenError::Rules)?;
        if let Some(out) = out {
            let cursor = self.journal.cursor(command::CURSOR, command::COMMANDS).map_err(of_cursor)?;
            let commander = Commander::new(self.journal.clone(), cursor, out, config.command_age_ms_max);
            exporters.spawn(listed("ingest", "commands", commander.run()));
        }
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (journal, inbox) = (self.journal.clone(), self.inbox.clone());
        let rules = Rules { journal, inbox, shared, asks, orders, alarms };
        // A second set beside the first would be a second reader of one cursor.
        self.rules.set(rules.clone()).map_err(|_| OpenError::RulesTwice)?;
        // At once: what is taken in from here on is heard, also before the task runs.
        self.inbox.set_interest(vec![rules.shared.in_force()]);
        exporters.spawn(workshop.supervise(runner, asked));
        Ok(rules)
    }
}

impl Ingest {
    /// Rules, where they run.
    pub fn rules(&self) -> Option<&Rules> {
        self.rules.get()
    }

    /// Whether rules have ever run on this data: then they have a place in the readings, which must move on lest they be kept for it.
    pub fn has_rules(&self) -> bool {
        self.journal.status().accounts.iter().any(|account| account.cursor == CURSOR)
    }
}

impl Rules {
    /// Compiles changed rules and runs them beside those in force. The set on trial before, if any, is forgotten.
    pub async fn try_out(
        &self,
        rules: &[RuleSpec],
        catalog: &Catalog,
        term: ShadowTerm,
    ) -> Result<(), RulesError> {
        let set = config::check(rules, catalog, &self.shared.limits)?;
        self.ask(|reply| Ask::Try { set, term, reply }).await
    }

    /// Takes up a changed configuration: a trial begins if the rules, or the tags of the model that they read, are others than those
    /// given last. Returns at once, and cannot fail for rules that were checked.
    pub fn reconfigure(&self, config: &RulesConfig) -> Result<(), RuleFaults> {
        let set = config.check()?;
        let mut given = self.shared.given();
        if given.set != set {
            *given = Given { set, trial: Some(config.trial) };
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Lets the set on trial take over now.
    pub async fn switch(&self) -> Result<(), RulesError> {
        if self.ask(|reply| Ask::Switch { reply }).await? { Ok(()) } else { Err(RulesError::NoTrial) }
    }

    /// Ends the trial; the rules in force go on.
    pub async fn forget(&self) -> Result<(), RulesError> {
        if self.ask(|reply| Ask::Drop { reply }).await? { Ok(()) } else { Err(RulesError::NoTrial) }
    }

    /// As of at most a fraction of a second ago, but for the lag.
    pub fn report(&self) -> RulesReport {
        RulesReport { lag: self.lag(), telemetry: self.inbox.counts(), ..self.shared.report().clone() }
    }

    /// Where the rules in force send commands.
    pub fn command_topics(&self) -> Vec<TopicName> {
        config::command_topics(&self.shared.in_force())
    }

    pub fn alarms(&self) -> &AlarmFeed {
        &self.alarms
    }

    fn lag(&self) -> u64 {
        let accounts = self.journal.status().accounts;
        let ours = accounts.iter().find(|account| account.cursor == CURSOR);
        ours.map_or(0, |account| account.lag.total() + account.in_flight.total())
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, RulesError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| RulesError::Ended)?;
        answer.await.map_err(|_| RulesError::Ended)
    }
}

impl Shared {
    fn new(config: &RulesConfig, set: Arc<RuleSet>) -> Shared {
        let report = RulesReport { running: true, ..RulesReport::default() };
        Shared {
            limits: config.limits,
            snapshot_ms: config.snapshot_ms,
            in_force: Mutex::new(set.clone()),
            given: Mutex::new(Given { set, trial: None }),
            changed: Notify::new(),
            report: Mutex::new(report),
        }
    }

    pub(crate) fn in_force(&self) -> Arc<RuleSet> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A set that was given and is to be tried out.
    pub(crate) fn take_given(&self) -> Option<(Arc<RuleSet>, ShadowTerm)> {
        let mut given = self.given();
        let term = given.trial.take()?;
        Some((given.set.clone(), term))
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_in_force(&self, set: Arc<RuleSet>) {
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = set;
    }

    pub(crate) fn set_report(&self, report: RulesReport) {
        let mut kept = self.report();
        *kept = RulesReport { restarts: kept.restarts, ..report };
    }

    pub(crate) fn restarted(&self) {
        self.report().restarts += 1;
    }

    pub(crate) fn ended(&self) {
        self.report().running = false;
    }

    fn report(&self) -> MutexGuard<'_, RulesReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
