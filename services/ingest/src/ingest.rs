//! The capability: takes readings in, runs sinks, answers for both.
//!
//! An offer holds a lock while the journal copies one record, so that the accounts are of one moment; nothing here does IO on
//! the way in. Reads the wall clock for ids and for the time of a crash.

use crate::accounts::{Accounts, CURSOR_PREFIX, RoutingAccount, SinkAccount, by_sink, sink_name};
use crate::admission::{Admission, Journaled};
use crate::class::Class;
use crate::command::CommandAccount;
use crate::config::Config;
use crate::delivery::SinkConfig;
use crate::error::{Declined, OpenError};
use crate::fall::Fall;
use crate::gate::{FaultCounts, Gate};
use crate::letters::Letters;
use crate::once::{self, Appended};
use crate::post::{Order, Post};
use crate::quarantine::QUARANTINE;
use crate::reading::{READINGS, Source};
use crate::recount;
use crate::register::{self, Register};
use crate::rules::Rules;
use crate::rules::heard::Inbox;
use crate::sink::Sink;
use crate::stake::{self, Stake};
use crate::state::{SinkState, wall_ms};
use crate::telemetry::Telemetry;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tidegate_engine_tags::{Model, ModelConfig, Plan};
use tidegate_kernel_journal::{Account, Counts, Entry, Id, Journal, Level, Refusal, Status, Ticket};
use tidegate_kernel_plug::Live;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Bytes of a sink's name, which is part of the names of its cursors.
const SINK_NAME_BYTES_MAX: usize = 32;

/// The shell of the pipeline.
#[derive(Debug)]
pub struct Ingest {
    pub(crate) journal: Journal,
    pub(crate) config: Config,
    pub(crate) gate: Live<Gate>,
    /// Readings of class `telemetry`, which are never in the journal.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Parts of payloads that could not be used, by kind.
    pub(crate) point_faults: FaultCounts,
    pub(crate) admission: Mutex<Admission>,
    pub(crate) fall: Fall,
    pub(crate) sinks: Mutex<Vec<Outlet>>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) rules: OnceLock<Rules>,
    /// Readings that found no room and were to be sent again, since the start.
    pub(crate) turned_away: AtomicU64,
    /// Telemetry for the rules.
    pub(crate) inbox: Arc<Inbox>,
}

/// A sink that runs.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) state: Arc<SinkState>,
    /// Closed when the pump has ended.
    pub(crate) orders: watch::Sender<Order>,
}

/// A reading that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub id: Id,
    /// Resolves at once for what is not in the journal.
    pub ticket: Ticket,
    /// Tell the publisher when the ticket has reached this.
    pub level: Level,
}

impl Ingest {
    /// Goes on where the journal's register and records say the last start ended. Blocks for one sync.
    pub fn open(journal: Journal, config: Config) -> Result<Ingest, OpenError> {
        config.check()?;
        let admission = recovered(&journal, u64::MAX)?;
        let ingest = Ingest {
            gate: Live::new(Gate::new(&config)),
            telemetry: Arc::new(Telemetry::new(config.telemetry_limits())),
            point_faults: FaultCounts::default(),
            admission: Mutex::new(admission),
            fall: Fall::default(),
            sinks: Mutex::default(),
            letters: Arc::new(Letters::open(&journal).map_err(OpenError::Letters)?),
            rules: OnceLock::new(),
            turned_away: AtomicU64::new(0),
            inbox: Arc::default(),
            journal,
            config,
        };
        let promise = ingest.promise(&mut ingest.admission());
        if let Some(ticket) = promise {
            // An outcome that stays unknown is no failure to open: nothing is admitted before the promise is synced.
            let _ = ticket.wait(Level::Disk);
        }
        Ok(ingest)
    }

    /// The counts as the journal has them, where no more than so many can have been received.
    pub(crate) fn journal_says(&self, received_max: u64) -> Result<Admission, OpenError> {
        recovered(&self.journal, received_max)
    }

    /// Takes up what may change while it runs: what topics and tags mean, and what becomes of unknown devices. Readings taken in
    /// before keep what was made of them.
    pub fn reconfigure(&self, config: &Config) {
        self.gate.set(self.gate.get().changed(config));
    }

    /// Takes up a model if it is another one than before; one that is not sound is logged and left. Of a new one, the next value
    /// of each tag is news.
    pub fn use_model(&self, config: &ModelConfig) {
        let gate = self.gate.get();
        if gate.has_model(config) {
            return;
        }
        match Model::compile(config) {
            Ok(model) => self.gate.set(gate.with_model(config.clone(), model)),
            Err(faults) => {
                faults
                    .iter()
                    .for_each(|fault| tracing::error!(code = fault.code(), "{fault}; the model stays"));
            }
        }
    }

    /// The unit of each tag of this device that has one, as the model says it.
    pub fn units_of(&self, device: &str) -> BTreeMap<Arc<str>, Arc<str>> {
        self.gate.get().units_of(device)
    }

    /// What readings of this device are read by; nothing where it has no model.
    pub fn plan_of(&self, device: &str) -> Option<Arc<Plan>> {
        self.gate.get().plan_of(device)
    }

    /// Takes what a rule derived into the journal, unless it is there; whether it is new. The rules' own task waits while it is busy.
    pub(crate) fn append_derived(&self, entry: Entry<'_>, replay: bool) -> Result<bool, Refusal> {
        self.stands()?;
        let class = Class::of_record(entry.critical);
        let mut admission = self.admission();
        match once::append(&self.journal, entry, replay)? {
            Appended::New(ticket) => {
                admission.count_journaled(Source::Rule, class, ticket.seq());
                Ok(true)
            }
            Appended::Known => Ok(false),
        }
    }

    /// A reading that was declined as busy and will not be offered again.
    pub fn give_up(&self, reason: &'static str) {
        self.count_unheld(Declined::Refused { code: reason });
    }

    /// A packet that was no reading, and which nobody could hold back.
    pub fn malformed(&self, code: &'static str) {
        self.count_unheld(Declined::Malformed { code });
    }

    /// A reading that found no room for so long that its sender was told to send it again: it was not received, and is counted apart.
    pub(crate) fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what will never be taken, or says that even counting has to wait: a crash must not take more than was promised.
    pub fn decline(&self, declined: Declined) -> Result<(), Declined> {
        self.contain(|| {
            let mut admission = self.admission();
            if !admission.closed {
                self.hold_promise(&mut admission, 1)?;
            }
            admission.count_declined(declined);
            Ok(())
        })
    }

    fn count_unheld(&self, declined: Declined) {
        self.contain_count(|| {
            let mut admission = self.admission();
            admission.count_declined(declined);
            if !admission.closed {
                // Only for its care that the ceiling rises in time.
                let _ = self.hold_promise(&mut admission, 1);
            }
        });
    }

    /// Opens the sink's cursor and runs its pump on `exporters`: one delivery at a time, in order. `make` is called again after a
    /// panic.
    pub fn start_sink<S: Sink>(
        &self,
        name: &str,
        exporters: &Handle,
        make: impl Fn() -> S + Send + 'static,
    ) -> Result<(), OpenError> {
        self.start_sink_with(name, SinkConfig::of(&self.config), exporters, make)
    }

    /// The same with settings of its own.
    pub fn start_sink_with<S: Sink>(
        &self,
        name: &str,
        delivery: SinkConfig,
        exporters: &Handle,
        make: impl Fn() -> S + Send + 'static,
    ) -> Result<(), OpenError> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if !(1..=SINK_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(OpenError::SinkName { name: name.to_owned() });
        }
        let (orders, receiver) = watch::channel(Order::Run);
        let state = Arc::new(SinkState::new(name));
        let post = Post {
            journal: self.journal.clone(),
            config: self.config.clone(),
            delivery,
            state: state.clone(),
            letters: self.letters.clone(),
            telemetry: self.telemetry.clone(),
            orders: receiver,
        };
        let cursors = post.cursors().map_err(|source| OpenError::Cursor { sink: name.to_owned(), source })?;
        self.open_stake(&mut self.admission(), name);
        exporters.spawn(post.supervise(cursors, make));
        self.sinks().push(Outlet { state, orders });
        Ok(())
    }

    pub fn accounts(&self) -> Accounts {
        // Before the counts: what a sink says it has done by now is in them.
        let mut sink_states: Vec<_> = self.sinks().iter().map(|outlet| outlet.state.report()).collect();
        sink_states.sort_by(|one, other| one.sink.cmp(&other.sink));
        let mut admission = self.admission();
        let status = self.journal.status();
        admission.forget_before(status.oldest_seq);
        self.update_stakes(&mut admission);
        let sources = *admission.sources();
        let of_cursor = |cursor: &Account| {
            let stake = admission
                .stakes
                .get(sink_name(&cursor.cursor))
                .copied()
                .unwrap_or_else(|| Stake::new(&sources));
            SinkAccount::of_sink(cursor, &stake, &sources)
        };
        let sinks: Vec<_> = cursors(&status).iter().flat_map(of_cursor).collect();
        let account = admission.account(journaled(&status));
        drop(admission);
        Accounts {
            as_of_seq: status.head_seq,
            routing: RoutingAccount::new(account.accepted, sources.derived(), &sinks),
            admission: account,
            sinks,
            sink_states,
            commands: CommandAccount::of(&status.accounts),
        }
    }

    /// Takes nothing any more and writes the last register, which tells the next start that the end was an orderly one. After a panic it
    /// was none, and the next start counts again.
    pub(crate) fn close(&self) {
        let mut admission = self.admission();
        admission.closed = true;
        if self.is_down() {
            return;
        }
        if let Err(refusal) = self.write_register(&mut admission) {
            tracing::warn!(code = refusal.code(), "could not write the admission counts down: {refusal}");
        }
    }

    /// Writes down what became of each sink's telemetry, which goes on after the register of admission was closed.
    pub(crate) fn close_stakes(&self) {
        let mut admission = self.admission();
        if !self.is_down() {
            self.write_stakes(&mut admission);
        }
    }

    /// Appends what brings so many new readings, or nothing of it.
    pub(crate) fn admit(
        &self,
        admission: &mut Admission,
        readings: u64,
        entries: &[Entry<'_>],
    ) -> Result<Ticket, Declined> {
        self.hold_promise(admission, readings)?;
        if entries.is_empty() {
            Ok(self.nothing_to_wait_for())
        } else {
            Ok(self.journal.append_all(entries)?)
        }
    }

    /// Whether so many more may be received without a crash taking more than was promised.
    pub(crate) fn hold_promise(&self, admission: &mut Admission, readings: u64) -> Result<(), Declined> {
        if admission.closed {
            return Err(Declined::DRAINING);
        }
        admission.promise.settle(self.journal.synced().value());
        if admission.promise.runs_low(admission.received()) {
            admission.promise.widen();
            self.write_register(admission)?;
        }
        let last = admission.received() + readings.saturating_sub(1);
        if admission.promise.admits(last) { Ok(()) } else { Err(Declined::Busy) }
    }

    pub(crate) fn checkpoint(&self) {
        let mut admission = self.admission();
        admission.promise.settle(self.journal.synced().value());
        // The next checkpoint tries again; a journal that has stopped says so itself.
        if admission.checkpoint() && self.write_register(&mut admission).is_err() {
            return;
        }
        self.write_stakes(&mut admission);
    }

    pub(crate) fn write_register(&self, admission: &mut Admission) -> Result<Ticket, Refusal> {
        let register = admission.register();
        let ticket = self.journal.set_register(register::NAME, &register.encode())?;
        admission.written(ticket.seq(), register.ceiling);
        Ok(ticket)
    }

    /// The stake of a sink that was opened, from now on where there is none yet, and its tap on the telemetry.
    pub(crate) fn open_stake(&self, admission: &mut Admission, sink: &str) {
        let sources = *admission.sources();
        let stake = admission.stakes.entry(sink.to_owned()).or_insert_with(|| Stake::new(&sources));
        stake.detach(&sources);
        self.telemetry.tap(sink, stake.tally());
    }

    /// Brings the telemetry in the stakes up to now.
    fn update_stakes(&self, admission: &mut Admission) {
        let sources = *admission.sources();
        for (sink, stake) in &mut admission.stakes {
            match self.telemetry.tally(sink) {
                Some(tally) => stake.update(tally),
                None => stake.detach(&sources),
            }
        }
    }

    /// After the register of admission, so that none of these tells of a reading that the register does not know.
    fn write_stakes(&self, admission: &mut Admission) {
        self.update_stakes(admission);
        for (sink, stake) in &admission.stakes {
            let value = stake.encode();
            let known = admission.stakes_written.get(sink) == Some(&value);
            if !known && self.journal.set_register(&stake::register_name(sink), &value).is_ok() {
                admission.stakes_written.insert(sink.clone(), value);
            }
        }
    }

    pub(crate) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sinks(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counts of all lives before, as the journal's register and the records behind it say. Reads the disk.
fn recovered(journal: &Journal, received_max: u64) -> Result<Admission, OpenError> {
    let found = match journal.register(register::NAME) {
        Some(value) => Some(Register::decode(&value).ok_or(OpenError::Register)?),
        None => None,
    };
    let status = journal.status();
    let tail = recount::tail(journal, found.as_ref()).map_err(OpenError::Recount)?;
    let mut admission = Admission::recovered(found, journaled(&status), tail, (wall_ms(), received_max));
    admission.stakes = stakes(journal, &status, &admission);
    Ok(admission)
}

/// What the journal counts of ours, ever.
pub(crate) fn journaled(status: &Status) -> Journaled {
    let of = |stream| counts(status, stream).total();
    Journaled { readings: of(READINGS), quarantined: of(QUARANTINE) }
}

pub(crate) fn counts(status: &Status, stream: u16) -> Counts {
    let found = status.counts.iter().find(|(of, _)| *of == stream);
    found.map_or_else(Counts::default, |(_, counts)| *counts)
}

/// The stakes of all sinks there ever were; what was in memory is gone.
fn stakes(journal: &Journal, status: &Status, admission: &Admission) -> BTreeMap<String, Stake> {
    let known = |cursor: &Account| {
        let sink = sink_name(&cursor.cursor).to_owned();
        let value = journal.register(&stake::register_name(&sink))?;
        let mut stake = Stake::decode(&value)?;
        stake.bereave(admission.sources());
        Some((sink, stake))
    };
    cursors(status).iter().filter_map(known).collect()
}

/// One account for each sink.
fn cursors(status: &Status) -> Vec<Account> {
    let ours = |account: &&Account| account.stream == READINGS && account.cursor.starts_with(CURSOR_PREFIX);
    by_sink(status.accounts.iter().filter(ours).cloned())
}
