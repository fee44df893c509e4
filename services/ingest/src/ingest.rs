//! The capability: takes readings in, runs sinks, answers for both.
//!
//! An offer holds a lock while the journal copies one record, so that the accounts are of one moment; nothing here does IO on
//! the way in. Reads the wall clock for ids and for the time of a crash.

use crate::accounts::{Accounts, CURSOR_PREFIX, RoutingAccount, SinkAccount, by_sink};
use crate::admission::Admission;
use crate::class::Classes;
use crate::config::Config;
use crate::delivery::SinkConfig;
use crate::derived::Derived;
use crate::error::{Declined, OpenError};
use crate::layout::{self, KIND, VERSION};
use crate::letters::Letters;
use crate::once::{self, Appended};
use crate::post::{Order, Post};
use crate::reading::{READINGS, Reading};
use crate::register::{self, Register};
use crate::rules::Rules;
use crate::sink::Sink;
use crate::state::{SinkState, wall_ms};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tidegate_kernel_journal::{Account, Counts, Entry, Id, Journal, Level, Refusal, Status, Ticket};
use tidegate_kernel_plug::Live;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Bytes of a sink's name, which is part of the names of its cursors.
const SINK_NAME_BYTES_MAX: usize = 32;

/// The shell of the pipeline.
#[derive(Debug)]
pub struct Ingest {
    pub(crate) journal: Journal,
    config: Config,
    pub(crate) classes: Live<Classes>,
    pub(crate) admission: Mutex<Admission>,
    pub(crate) sinks: Mutex<Vec<Outlet>>,
    pub(crate) letters: Arc<Letters>,
    /// Locked behind the admission, never before it.
    derived: Mutex<Derived>,
    pub(crate) rules: OnceLock<Rules>,
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
    pub ticket: Ticket,
    /// Tell the publisher when the ticket has reached this.
    pub level: Level,
}

impl Ingest {
    /// Goes on where the journal's register and records say the last start ended. Blocks for one sync.
    pub fn open(journal: Journal, config: Config) -> Result<Ingest, OpenError> {
        config.check()?;
        let found = journal.register(register::NAME);
        let found = match found {
            Some(value) => Some(Register::decode(&value).ok_or(OpenError::Register)?),
            None => None,
        };
        let derived = Derived::open(&journal).map_err(OpenError::Rules)?;
        let accepted = journaled(&journal.status()).total().saturating_sub(derived.count);
        let ingest = Ingest {
            derived: Mutex::new(derived),
            rules: OnceLock::new(),
            classes: Live::new(Classes::new(config.critical.clone())),
            admission: Mutex::new(Admission::recovered(found, accepted, wall_ms())),
            sinks: Mutex::default(),
            letters: Arc::new(Letters::open(&journal).map_err(OpenError::Letters)?),
            journal,
            config,
        };
        // An outcome that stays unknown is no failure to open: nothing is admitted before the promise is synced.
        if let Ok(ticket) = ingest.write_register(&mut ingest.admission()) {
            let _ = ticket.wait(Level::Disk);
        }
        Ok(ingest)
    }

    /// Takes up what may change while it runs: which topics are critical. Readings taken in before keep their class.
    pub fn reconfigure(&self, config: &Config) {
        self.classes.set(Classes::new(config.critical.clone()));
    }

    /// Takes a reading into the journal, or says why not. Returns at once; the ticket tells when it is safe.
    pub fn offer(&self, reading: &Reading) -> Result<Taken, Declined> {
        self.offer_as(reading, Id::v7(wall_ms()), false)
    }

    /// The same under an id the publisher made, a UUIDv7: one that was accepted before is refused with TG-JR-006.
    pub fn offer_once(&self, reading: &Reading, id: Id) -> Result<Taken, Declined> {
        self.offer_as(reading, id, true)
    }

    fn offer_as(&self, reading: &Reading, id: Id, once: bool) -> Result<Taken, Declined> {
        let class = self.classes.get().of(&reading.topic);
        let Ok(payload) = layout::encode(reading) else {
            self.give_up(Declined::UNWRITABLE_CODE);
            return Err(Declined::Refused { code: Declined::UNWRITABLE_CODE });
        };
        let entry = Entry {
            stream: READINGS,
            kind: KIND,
            version: VERSION,
            critical: class.is_critical(),
            once,
            id,
            payload: &payload,
        };
        let mut admission = self.admission();
        match self.admit(&mut admission, &[entry]) {
            Ok(ticket) => {
                admission.count_accepted();
                Ok(Taken { id, ticket, level: class.level() })
            }
            Err(Declined::Busy) => Err(Declined::Busy),
            Err(Declined::Refused { code }) => {
                admission.count_refused(code);
                Err(Declined::Refused { code })
            }
        }
    }

    /// Takes what a rule derived into the journal, unless it is there; whether it is new. The rules' own task waits while it is busy.
    pub(crate) fn append_derived(&self, entry: Entry<'_>, replay: bool) -> Result<bool, Refusal> {
        let _admission = self.admission();
        let appended = once::append(&self.journal, entry, replay)?;
        let is_new = matches!(appended, Appended::New(_));
        self.derived().count += u64::from(is_new);
        Ok(is_new)
    }

    /// A reading that was declined as busy and will not be offered again.
    pub fn give_up(&self, reason: &'static str) {
        self.admission().count_refused(reason);
    }

    /// A packet that was no reading.
    pub fn malformed(&self, code: &'static str) {
        self.admission().count_malformed(code);
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
            orders: receiver,
        };
        let cursors = post.cursors().map_err(|source| OpenError::Cursor { sink: name.to_owned(), source })?;
        exporters.spawn(post.supervise(cursors, make));
        self.sinks().push(Outlet { state, orders });
        Ok(())
    }

    /// Writes the admission counts down whenever they changed, until it is dropped.
    pub async fn keep_register(&self) {
        let mut ticks = interval(Duration::from_millis(self.config.checkpoint_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.checkpoint();
            self.letters.carry(&self.journal);
        }
    }

    pub fn accounts(&self) -> Accounts {
        let (status, derived, account) = {
            let admission = self.admission();
            let (status, derived) = (self.journal.status(), self.derived().count);
            let account = admission.account(journaled(&status).total().saturating_sub(derived));
            (status, derived, account)
        };
        let cursors = cursors(&status);
        let mut sink_states: Vec<_> = self.sinks().iter().map(|outlet| outlet.state.report()).collect();
        sink_states.sort_by(|one, other| one.sink.cmp(&other.sink));
        Accounts {
            as_of_seq: status.head_seq,
            routing: RoutingAccount::new(account.accepted, derived, &cursors),
            admission: account,
            sinks: cursors.iter().flat_map(SinkAccount::of_cursor).collect(),
            sink_states,
        }
    }

    /// Takes nothing any more and writes the last register, which tells the next start that the end was an orderly one.
    pub(crate) fn close(&self) {
        let mut admission = self.admission();
        admission.closed = true;
        let _ = self.derived().keep(&self.journal);
        if let Err(refusal) = self.write_register(&mut admission) {
            tracing::warn!(code = refusal.code(), "could not write the admission counts down: {refusal}");
        }
    }

    /// Appends what brings new readings, or nothing of it.
    pub(crate) fn admit(&self, admission: &mut Admission, entries: &[Entry<'_>]) -> Result<Ticket, Declined> {
        if admission.closed {
            return Err(Declined::DRAINING);
        }
        admission.promise.settle(self.journal.synced().value());
        if admission.promise.runs_low(admission.received()) {
            admission.promise.widen();
            self.write_register(admission)?;
        }
        let readings = entries.iter().filter(|entry| entry.stream == READINGS).count() as u64;
        if !admission.promise.admits(admission.received() + readings.saturating_sub(1)) {
            return Err(Declined::Busy);
        }
        Ok(self.journal.append_all(entries)?)
    }

    fn checkpoint(&self) {
        let mut admission = self.admission();
        admission.promise.settle(self.journal.synced().value());
        let _ = self.derived().keep(&self.journal);
        if admission.checkpoint() {
            // The next checkpoint tries again; a journal that has stopped says so itself.
            let _ = self.write_register(&mut admission);
        }
    }

    fn write_register(&self, admission: &mut Admission) -> Result<Ticket, Refusal> {
        let register = admission.register();
        let ticket = self.journal.set_register(register::NAME, &register.encode())?;
        admission.written(ticket.seq(), register.ceiling);
        Ok(ticket)
    }

    pub(crate) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn derived(&self) -> MutexGuard<'_, Derived> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Readings that devices sent, by class.
    pub(crate) fn accepted(&self) -> Counts {
        let _admission = self.admission();
        let derived = Counts { process: self.derived().count, critical: 0 };
        let all = journaled(&self.journal.status());
        Counts { process: all.process.saturating_sub(derived.process), ..all }
    }

    pub(crate) fn sinks(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readings in the journal, ever: what devices sent, and what rules derived.
fn journaled(status: &Status) -> Counts {
    let of_readings = status.counts.iter().find(|(stream, _)| *stream == READINGS);
    of_readings.map_or_else(Counts::default, |(_, counts)| *counts)
}

/// One account for each sink.
fn cursors(status: &Status) -> Vec<Account> {
    let ours = |account: &&Account| account.stream == READINGS && account.cursor.starts_with(CURSOR_PREFIX);
    by_sink(status.accounts.iter().filter(ours).cloned())
}
