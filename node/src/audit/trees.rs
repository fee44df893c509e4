//! The hash trees over administrative acts: grown behind `books` by a thread of their own, signed, and handed to whoever asks.
//!
//! What goes wrong with them is said on `/readyz`; the node goes on with everything else. Nobody waits for this thread but the end.

use super::AUDIT;
use super::config::Config;
use super::leaving::Leaving;
use crate::failure::Failure;
use crate::identity::{NodeKey, key_file};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tidegate_kernel_audit::{AuditError, Builder, Lag, Profile, Signer, Tree, Verifier, Witness, WitnessKey};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Capability, Draining, Family, Leftover, Readiness, Stage};
use tidegate_kernel_sm::sm2;
use zeroize::Zeroizing;

/// Below the data folder.
pub(super) const FOLDER: &str = "audit";
const SM2_KEY: &str = "sm2.key";
/// Checkpoints of others that were signed here.
pub(super) const WITNESSED: &str = "witnessed";
/// Reads of the journal from one signature to the next, where it grows all the time.
const STEPS_MAX: usize = 64;
/// From one try to the next after a failure that may pass.
const RETRY: Duration = Duration::from_secs(10);

/// The trees, while the node runs.
#[derive(Debug)]
pub(crate) struct Trees {
    journal: Journal,
    path: PathBuf,
    every: Duration,
    keys: Keys,
    /// In the order of [`Profile::ALL`].
    readers: [Tree; 2],
    /// Nothing where checkpoints stay here.
    leaving: Option<Arc<Leaving>>,
    state: Mutex<State>,
    /// While it runs. Dropping the sender ends it.
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// What signs.
#[derive(Debug)]
struct Keys {
    origin: String,
    node: NodeKey,
    sm2: sm2::SigningKey,
}

#[derive(Debug, Default)]
struct State {
    lag: Option<Lag>,
    checkpoints: u64,
    rebuilt: u64,
    failures: u64,
    fault: Option<Fault>,
}

/// Why trees stand still.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    code: &'static str,
    message: String,
    /// Trying again changes nothing.
    is_final: bool,
}

impl Keys {
    fn open(folder: &Path, config: &Config, node: NodeKey) -> Result<Keys, Failure> {
        let sm2 = key_file::open(folder, SM2_KEY, made, |bytes| {
            sm2::SigningKey::from_bytes(bytes).map_err(|error| error.to_string())
        })?;
        let origin = config.origin.clone();
        let origin = origin.unwrap_or_else(|| format!("tidegate/{}", &node.fingerprint()[..16]));
        Ok(Keys { origin, node, sm2 })
    }

    fn signer(&self, profile: Profile) -> Signer {
        let name = format!("{}/{}", self.origin, profile.name());
        let signer = match profile {
            Profile::Sha256 => Signer::ed25519(&name, self.node.pkcs8()),
            Profile::Sm3 => Signer::sm2(&name, self.sm2.clone()),
        };
        signer.expect("the key was read and the name judged with the configuration")
    }
}

fn made() -> Zeroizing<Vec<u8>> {
    let key = sm2::SigningKey::generate().expect("Linux gives random bytes since 3.17");
    Zeroizing::new(key.to_bytes().to_vec())
}

impl Trees {
    /// Makes folder and keys where there are none. Blocks for the disk.
    pub(crate) fn open(
        data: &Path,
        books: &Journal,
        config: &Config,
        node: NodeKey,
        leaving: Option<Leaving>,
    ) -> Result<Trees, Failure> {
        let path = data.join(FOLDER);
        let made = fs::create_dir_all(&path).and_then(|()| fs::File::open(data)?.sync_all());
        made.map_err(|error| unmade(&path, &error))?;
        let keys = Keys::open(&path, config, node)?;
        let reader =
            |profile: Profile| Tree::new(&path.join(profile.name()), keys.signer(profile).verifier());
        Ok(Trees {
            journal: books.clone(),
            every: config.checkpoint_every,
            readers: Profile::ALL.map(reader),
            keys,
            leaving: leaving.map(Arc::new),
            path,
            state: Mutex::default(),
            thread: Mutex::default(),
        })
    }

    pub(crate) fn tree(&self, profile: Profile) -> &Tree {
        &self.readers[profile as usize]
    }

    /// This node as a witness of others; nothing where it is asked for none.
    pub(crate) fn witness(&self, logs: &[Verifier]) -> Option<Arc<Witness>> {
        (!logs.is_empty()).then(|| Arc::new(self.as_witness(logs.to_vec())))
    }

    pub(crate) fn witness_key(&self) -> WitnessKey {
        self.as_witness(Vec::new()).key()
    }

    fn as_witness(&self, logs: Vec<Verifier>) -> Witness {
        let (name, key) = (format!("{}/witness", self.keys.origin), self.keys.node.pkcs8());
        Witness::new(&self.path.join(WITNESSED), &name, key, logs).expect("the key was read at the start")
    }

    pub(crate) fn leaving(&self) -> Option<Arc<Leaving>> {
        self.leaving.clone()
    }

    /// Of the node's key.
    pub(crate) fn fingerprint(&self) -> String {
        self.keys.node.fingerprint()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Sets the thread running.
    pub(crate) fn start(self: &Arc<Trees>) -> io::Result<()> {
        let (stop, stopped) = channel();
        let trees = self.clone();
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || trees.run(&stopped))?;
        *self.thread() = Some((stop, thread));
        Ok(())
    }

    fn thread(&self) -> MutexGuard<'_, Option<(Sender<()>, JoinHandle<()>)>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, stopped: &Receiver<()>) {
        let mut builder = None;
        loop {
            builder = self.round(builder);
            let wait = match &self.state().fault {
                None => self.every,
                Some(fault) if fault.is_final => Duration::MAX,
                Some(_) => RETRY,
            };
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                // What was appended since is signed before the journal closes.
                self.round(builder);
                return;
            }
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
                Some(builder)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn grown(&self, builder: Option<Builder>) -> Result<Builder, AuditError> {
        let mut builder = match builder {
            Some(builder) => builder,
            None => self.opened()?,
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
        Ok(builder)
    }

    fn opened(&self) -> Result<Builder, AuditError> {
        let signers = Profile::ALL.map(|profile| self.keys.signer(profile));
        let (builder, opened) = Builder::open(&self.path, &self.journal, &[AUDIT], signers.into())?;
        for tree in opened.iter().filter(|tree| tree.rebuilt) {
            tracing::warn!(
                code = "TG-AU-002",
                tree = tree.profile.name(),
                entries = tree.size,
                "audit files were damaged and made again"
            );
            self.state().rebuilt += 1;
        }
        Ok(builder)
    }

    fn failed(&self, error: &AuditError) {
        let is_final = matches!(error, AuditError::Contradiction { .. } | AuditError::OwnCheckpoint { .. });
        let fault = Fault { code: error.code(), message: error.to_string(), is_final };
        let mut state = self.state();
        state.failures += 1;
        if state.fault.as_ref() != Some(&fault) {
            tracing::error!(code = fault.code, hint = error.hint(), "the audit trees stand still: {error}");
        }
        state.fault = Some(fault);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unmade(path: &Path, error: &io::Error) -> Failure {
    let message = format!("could not make the folder {}: {error}", path.display());
    Failure::message("TG-AU-008", message, "look at the permissions of the data folder, and for room")
}

impl Capability for Trees {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        let state = self.state();
        let lag = state.lag.unwrap_or(Lag { size: 0, records: self.journal.synced().value() });
        let gauge = |name, help, value: u64| Family::gauge(name, help).with(&[], value);
        let counter = |name, help, value: u64| Family::counter(name, help).with(&[], value);
        let own = [
            gauge("tidegate_audit_entries", "Acts and outcomes in each tree.", lag.size),
            gauge(
                "tidegate_audit_lag_records",
                "Records of books that the trees have not looked at yet.",
                lag.records,
            ),
            counter(
                "tidegate_audit_checkpoints_total",
                "Times that what was new was signed, since the start.",
                state.checkpoints,
            ),
            counter(
                "tidegate_audit_rebuilt_trees_total",
                "Trees whose files were damaged and made again, since the start.",
                state.rebuilt,
            ),
            counter(
                "tidegate_audit_failures_total",
                "Times that trees could not be grown or signed, since the start.",
                state.failures,
            ),
        ];
        own.into_iter().chain(self.leaving.iter().flat_map(|leaving| leaving.metrics())).collect()
    }

    fn readiness(&self) -> Readiness {
        if self.thread().as_ref().is_some_and(|(_, thread)| thread.is_finished()) {
            return Readiness::Unready("the thread of the audit trees ended; the log says why".to_owned());
        }
        let stands =
            |Fault { code, message, .. }: &Fault| format!("the audit trees stand still: {code}: {message}");
        let trouble = self.state().fault.as_ref().map(stands);
        match trouble.or_else(|| self.leaving.as_ref()?.trouble()) {
            None => Readiness::Ready,
            Some(trouble) => Readiness::Unready(trouble),
        }
    }

    fn drain(&self, deadline: Instant) -> Draining<'_> {
        Box::pin(async move {
            let running = self.thread().take();
            if let Some((stop, thread)) = running {
                drop(stop);
                let ended = tokio::task::spawn_blocking(move || thread.join());
                // Whether it came in time or not, what is left says it.
                drop(tokio::time::timeout_at(deadline.into(), ended).await);
            }
            let records = self.state().lag.map_or(0, |lag| lag.records);
            let what = "records of books not in the trees yet; the next start takes them up";
            if records > 0 {
                vec![Leftover { part: "trees".to_owned(), count: records, what }]
            } else {
                Vec::new()
            }
        })
    }
}
