//! The two trees of one log: grown behind `books`, or behind what keeps a book elsewhere, by a thread of their own, and signed.
//!
//! What goes wrong with them is said on `/readyz`; the node, and the book they are over, go on. Nobody waits for this thread but the end.

use super::Log;
use super::keys::Keys;
use crate::failure::Failure;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidegate_kernel_audit::{AuditError, Builder, Lag, Profile, Source, Tree};
use tidegate_kernel_journal::Journal;
use tidegate_service_ledger::Ledger;

/// Reads of the journal from one signature to the next, where it grows all the time.
const STEPS_MAX: usize = 64;
/// Bundles of entries compared with their records in one round, where others could have changed those.
const COMPARED_MAX: usize = 4;
/// Rounds of a node that is stopping: half a million records, which is a second or two.
const LAST_ROUNDS_MAX: usize = 8;
/// Farther behind than this, the next round begins at once.
const BEHIND_RECORDS: u64 = 1 << 16;
/// From one try to the next after a failure that may pass.
const RETRY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Pair {
    pub(super) log: Log,
    journal: Journal,
    /// What has the books, once that is known.
    ledger: OnceLock<Arc<Ledger>>,
    path: PathBuf,
    keys: Arc<Keys>,
    every: Duration,
    /// In the order of [`Profile::ALL`].
    readers: [Tree; 2],
    state: Mutex<State>,
    /// While it runs. Dropping the sender ends it.
    thread: Mutex<Option<Running>>,
}

pub(super) type Running = (Sender<()>, JoinHandle<()>);

#[derive(Debug, Default)]
pub(super) struct State {
    lag: Option<Lag>,
    pub(super) checkpoints: u64,
    pub(super) rebuilt: u64,
    pub(super) failures: u64,
    pub(super) compared: u64,
    fault: Option<Fault>,
}

/// Why trees stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Fault {
    code: &'static str,
    message: String,
    /// Trying again changes nothing.
    is_final: bool,
}

/// How far the trees are, as it is told.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    log: String,
    entries: u64,
    lag_records: u64,
    /// Entries of the last checkpoint of each tree.
    signed: Vec<u64>,
    fault: Option<Fault>,
}

impl Pair {
    /// Makes the folder where there is none. Blocks for the disk.
    pub(super) fn open(
        data: &Path,
        journal: &Journal,
        log: Log,
        keys: Arc<Keys>,
        every: Duration,
    ) -> Result<Pair, Failure> {
        let path = log.folder(data);
        make(data, &path)?;
        let reader =
            |profile: Profile| Tree::new(&path.join(profile.name()), keys.signer(&log, profile).verifier());
        let readers = Profile::ALL.map(reader);
        let (journal, ledger) = (journal.clone(), OnceLock::new());
        let (state, thread) = (Mutex::default(), Mutex::default());
        Ok(Pair { log, journal, ledger, path, keys, every, readers, state, thread })
    }

    pub(super) fn tree(&self, profile: Profile) -> &Tree {
        &self.readers[profile as usize]
    }

    /// Both, with what they are called.
    pub(super) fn trees(&self) -> impl Iterator<Item = (String, &Tree)> {
        self.readers.iter().map(|tree| (self.log.tree(tree.profile()), tree))
    }

    /// What the trees are grown over.
    pub(super) fn source(&self) -> Option<Box<dyn Source>> {
        self.log.source(&self.journal, self.ledger.get().map(|ledger| &**ledger))
    }

    /// Sets the thread running.
    pub(super) fn start(self: &Arc<Pair>, ledger: Option<&Arc<Ledger>>) -> io::Result<()> {
        if let Some(ledger) = ledger {
            self.ledger.get_or_init(|| ledger.clone());
        }
        let (stop, stopped) = channel();
        let pair = self.clone();
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || pair.run(&stopped))?;
        *self.thread() = Some((stop, thread));
        Ok(())
    }

    /// The thread, for whoever ends it.
    pub(super) fn thread(&self) -> MutexGuard<'_, Option<Running>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, stopped: &Receiver<()>) {
        let mut builder = None;
        loop {
            builder = self.round(builder);
            if stopped.recv_timeout(self.pause()) != Err(RecvTimeoutError::Timeout) {
                self.finish(builder);
                return;
            }
        }
    }

    /// What was appended since is signed before the journal closes, as far as that is soon done.
    fn finish(&self, mut builder: Option<Builder>) {
        for _ in 0..LAST_ROUNDS_MAX {
            builder = self.round(builder);
            if builder.is_none() || self.left().is_none() {
                return;
            }
        }
    }

    fn pause(&self) -> Duration {
        let is_behind = self.lag().records > BEHIND_RECORDS;
        match &self.state().fault {
            None if is_behind => Duration::ZERO,
            None => self.every,
            Some(fault) if fault.is_final => Duration::MAX,
            Some(_) => RETRY,
        }
    }

    /// Grows and signs; nothing is left of the builder after a failure, which the next one makes up for.
    fn round(&self, builder: Option<Builder>) -> Option<Builder> {
        if self.state().fault.as_ref().is_some_and(|fault| fault.is_final) {
            return None;
        }
        match self.grown(builder) {
            Ok(builder) => {
                self.state().fault = None;
                builder
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn grown(&self, builder: Option<Builder>) -> Result<Option<Builder>, AuditError> {
        let Some(mut builder) = builder.map_or_else(|| self.opened(), |builder| Ok(Some(builder)))? else {
            return Ok(None);
        };
        for _ in 0..STEPS_MAX {
            let lag = builder.step()?;
            self.state().lag = Some(lag);
            if lag.records == 0 {
                break;
            }
        }
        let signed = builder.sign()?;
        self.state().checkpoints += u64::from(signed);
        for _ in 0..COMPARED_MAX {
            let compared = builder.compare()?;
            self.state().compared += compared as u64;
        }
        Ok(Some(builder))
    }

    /// Nothing where there is nothing to grow them over.
    fn opened(&self) -> Result<Option<Builder>, AuditError> {
        let Some(source) = self.source() else { return Ok(None) };
        let signers = Profile::ALL.map(|profile| self.keys.signer(&self.log, profile));
        let (builder, opened) = Builder::over(&self.path, source, signers.into())?;
        for tree in opened.iter().filter(|tree| tree.rebuilt) {
            tracing::warn!(
                code = "TG-AU-002",
                tree = self.log.tree(tree.profile),
                entries = tree.size,
                "audit files were damaged and made again"
            );
            self.state().rebuilt += 1;
        }
        Ok(Some(builder))
    }

    fn failed(&self, error: &AuditError) {
        let is_final = matches!(
            error,
            AuditError::Contradiction { .. }
                | AuditError::OwnCheckpoint { .. }
                | AuditError::Rewritten { .. }
        );
        let fault = Fault { code: error.code(), message: error.to_string(), is_final };
        let mut state = self.state();
        state.failures += 1;
        if state.fault.as_ref() != Some(&fault) {
            let log = self.log.name();
            tracing::error!(
                code = fault.code,
                log,
                hint = error.hint(),
                "the audit trees stand still: {error}"
            );
        }
        state.fault = Some(fault);
    }

    /// Records that were not looked at when it grew last; nothing where there are none, or it never did.
    pub(super) fn left(&self) -> Option<u64> {
        self.state().lag.map(|lag| lag.records).filter(|records| *records > 0)
    }

    pub(super) fn lag(&self) -> Lag {
        let unseen = || Lag { size: 0, records: self.source().map_or(0, |source| source.kept_seq()) };
        self.state().lag.unwrap_or_else(unseen)
    }

    /// Why a person should look.
    pub(super) fn trouble(&self) -> Option<String> {
        let name = self.log.name();
        if self.thread().as_ref().is_some_and(|(_, thread)| thread.is_finished()) {
            return Some(format!("the thread of the audit trees of {name} ended; the log says why"));
        }
        let state = self.state();
        let Fault { code, message, .. } = state.fault.as_ref()?;
        Some(format!("the audit trees of {name} stand still: {code}: {message}"))
    }

    /// Reads the disk.
    pub(super) fn standing(&self) -> Standing {
        let Lag { size, records } = self.lag();
        let signed = |tree: &Tree| tree.signed().ok().flatten().map_or(0, |signed| signed.size);
        Standing {
            log: self.log.name(),
            entries: size,
            lag_records: records,
            signed: self.readers.iter().map(signed).collect(),
            fault: self.state().fault.clone(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With the folders between, so that each name is synced.
pub(super) fn make(data: &Path, path: &Path) -> Result<(), Failure> {
    let above = || path.ancestors().skip(1).take_while(|above| above.starts_with(data));
    let synced = || above().try_for_each(|above| fs::File::open(above)?.sync_all());
    fs::create_dir_all(path).and_then(|()| synced()).map_err(|error| {
        let message = format!("could not make the folder {}: {error}", path.display());
        Failure::message("TG-AU-008", message, "look at the permissions of the data folder, and for room")
    })
}
