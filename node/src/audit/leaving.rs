//! Checkpoints leave the node: to a file, and to witnesses (C2SP tlog-witness), another node for one. What never leaves can be made anew by
//! whoever has folder and keys; so an alarm is raised when nothing has left for too long.
//!
//! Runs on the exporters' runtime, which may block. Takes the monotonic clock for how long something waits, the wall clock for ids.

use super::Trees;
use super::config::{Config, WitnessConfig};
use super::wall_ms;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_audit::{AuditError, Checkpoint, Profile, Submission, Tree, WitnessKey};
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, OutboundError, Request};
use tidegate_kernel_plug::{Family, with_causes};
use tidegate_service_notice::{Change, Notice, Outbox, Severity};

/// From one try to the next at a destination that failed.
const RETRY: Duration = Duration::from_secs(5);
const ALARM: &str = "audit.checkpoints";

/// Where checkpoints go, and how far they are.
#[derive(Debug)]
pub(crate) struct Leaving {
    ways: Vec<Way>,
    every: Duration,
    within: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Way {
    name: String,
    to: To,
}

#[derive(Debug)]
enum To {
    File(PathBuf),
    Witness { client: Client, key: WitnessKey },
}

#[derive(Debug)]
struct State {
    /// By destination and tree: entries of the last checkpoint it has.
    left: Vec<[u64; 2]>,
    /// By destination: why the last try failed.
    faults: Vec<Option<Fault>>,
    failures: Vec<u64>,
    /// Since when there is a checkpoint that no destination has.
    waiting: Option<Instant>,
    is_alarmed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    code: &'static str,
    message: String,
}

#[derive(Debug, thiserror::Error)]
enum LeaveError {
    #[error(transparent)]
    Own(#[from] AuditError),
    #[error("{path} cannot be appended to")]
    File { path: PathBuf, source: io::Error },
    #[error("the witness cannot be reached")]
    Unreached(#[from] OutboundError),
    #[error("the witness answered {status}: {excerpt}")]
    Refused { status: u16, excerpt: String },
    #[error("the witness signed something else, or with another key")]
    Unsigned(#[source] AuditError),
    #[error("the witness has seen another history of this tree: {what}")]
    OtherHistory { what: String },
}

impl LeaveError {
    fn code(&self) -> &'static str {
        match self {
            LeaveError::Own(error) => error.code(),
            LeaveError::File { .. } | LeaveError::Unreached(_) | LeaveError::Refused { .. } => "TG-AU-010",
            LeaveError::Unsigned(_) => "TG-AU-006",
            LeaveError::OtherHistory { .. } => "TG-AU-011",
        }
    }
}

impl Leaving {
    /// Nothing where no destination is named.
    pub(crate) fn new(config: &Config, dialer: &Dialer) -> Option<Leaving> {
        let file =
            config.copy_to.iter().map(|path| Way { name: "file".to_owned(), to: To::File(path.clone()) });
        let witness = |WitnessConfig { name, endpoint, key }: &WitnessConfig| {
            let client = Client::new(dialer.clone(), endpoint.clone(), HttpLimits::default());
            Way { name: name.clone(), to: To::Witness { client, key: key.clone() } }
        };
        let ways: Vec<_> = file.chain(config.witnesses.iter().map(witness)).collect();
        let many = ways.len();
        let state = State {
            left: vec![[0; 2]; many],
            faults: vec![None; many],
            failures: vec![0; many],
            waiting: None,
            is_alarmed: false,
        };
        let (every, within) = (config.checkpoint_every, config.left_within);
        (many > 0).then(|| Leaving { ways, every, within, state: Mutex::new(state) })
    }

    /// To the end of the process.
    pub(crate) async fn run(self: Arc<Leaving>, trees: Arc<Trees>, outbox: Outbox) {
        let mut due = vec![Instant::now(); self.ways.len()];
        loop {
            for (at, way) in
                self.ways.iter().enumerate().filter(|(at, _)| due[*at] <= Instant::now()).collect::<Vec<_>>()
            {
                if !self.send(at, way, &trees).await {
                    due[at] = Instant::now() + RETRY;
                }
            }
            self.judge(&trees, &outbox);
            tokio::time::sleep(self.every).await;
        }
    }

    /// Whether the destination has what there is now.
    async fn send(&self, at: usize, way: &Way, trees: &Trees) -> bool {
        for (which, profile) in Profile::ALL.into_iter().enumerate() {
            let has = self.state().left[at][which];
            match way.send(trees.tree(profile), has).await {
                Ok(size) => self.state().left[at][which] = size,
                Err(error) => {
                    self.failed(at, way, &error);
                    return false;
                }
            }
        }
        self.state().faults[at] = None;
        true
    }

    fn failed(&self, at: usize, way: &Way, error: &LeaveError) {
        let fault = Fault { code: error.code(), message: with_causes(error) };
        let mut state = self.state();
        state.failures[at] += 1;
        if state.faults[at].as_ref() != Some(&fault) {
            tracing::warn!(
                code = fault.code,
                destination = way.name,
                "a checkpoint did not leave the node: {}",
                fault.message
            );
        }
        state.faults[at] = Some(fault);
    }

    /// Looks for what no destination has, and raises or clears the alarm.
    fn judge(&self, trees: &Trees, outbox: &Outbox) {
        let signed = Profile::ALL
            .map(|profile| trees.tree(profile).signed().ok().flatten().map_or(0, |signed| signed.size));
        let change = {
            let mut state = self.state();
            let most = |which: usize| state.left.iter().map(|left| left[which]).max().unwrap_or(0);
            let is_waiting = (0..signed.len()).any(|which| most(which) < signed[which]);
            state.waiting = is_waiting.then(|| state.waiting.unwrap_or_else(Instant::now));
            let is_late = state.waiting.is_some_and(|since| since.elapsed() > self.within);
            let change = if is_late { Change::Raised } else { Change::Cleared };
            (is_late != std::mem::replace(&mut state.is_alarmed, is_late)).then_some(change)
        };
        if let Some(change) = change {
            self.tell(change, outbox);
        }
    }

    fn tell(&self, change: Change, outbox: &Outbox) {
        let text = match change {
            Change::Raised => {
                tracing::error!(
                    code = "TG-AU-009",
                    within_s = self.within.as_secs(),
                    "no audit checkpoint has left the node"
                );
                format!("TG-AU-009: no audit checkpoint has left the node for {} s", self.within.as_secs())
            }
            _ => "audit checkpoints leave the node again".to_owned(),
        };
        let (at_ms, alarm) = (wall_ms(), ALARM.to_owned());
        let [origin, value, by] = [const { String::new() }; 3];
        let notice = Notice {
            id: Id::v7(at_ms),
            change,
            severity: Severity::High,
            at_ms,
            alarm,
            origin,
            value,
            text,
            by,
        };
        if let Err(refusal) = outbox.post(&notice) {
            tracing::error!(code = "TG-AU-009", "the alarm was not put into the outbox: {refusal}");
        }
    }

    /// Why a person should look.
    pub(super) fn trouble(&self) -> Option<String> {
        let state = self.state();
        let fault = state
            .faults
            .iter()
            .flatten()
            .next()
            .map_or_else(String::new, |fault| format!("; {}: {}", fault.code, fault.message));
        state.is_alarmed.then(|| {
            format!("no checkpoint has left the node for {} s: TG-AU-009{fault}", self.within.as_secs())
        })
    }

    pub(super) fn metrics(&self) -> [Family; 3] {
        let state = self.state();
        let waiting = state.waiting.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let mut entries = Family::gauge(
            "tidegate_audit_left_entries",
            "Entries of the last checkpoint that a destination has.",
        );
        let mut failures = Family::counter(
            "tidegate_audit_leave_failures_total",
            "Tries to hand a checkpoint on that failed, since the start.",
        );
        for (at, way) in self.ways.iter().enumerate() {
            for (which, profile) in Profile::ALL.into_iter().enumerate() {
                entries.push(&[("destination", &way.name), ("tree", profile.name())], state.left[at][which]);
            }
            failures.push(&[("destination", &way.name)], state.failures[at]);
        }
        let help = "How long a checkpoint has been there that no destination has.";
        [Family::gauge("tidegate_audit_unleft_seconds", help).with(&[], waiting), entries, failures]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    /// Hands the last checkpoint on, where it is newer than what the destination has; how many entries it has then.
    async fn send(&self, tree: &Tree, has: u64) -> Result<u64, LeaveError> {
        let (Some(note), Some(signed)) = (tree.checkpoint()?, tree.signed()?) else { return Ok(has) };
        // Another one may have been signed between the two reads.
        let size = Checkpoint::open(&note, tree.key())?.size.min(signed.size);
        if size <= has {
            return Ok(has);
        }
        match &self.to {
            To::File(path) => append(path, &note).map(|()| size),
            To::Witness { client, key } => witness(client, key, tree, note, size, has).await,
        }
    }
}

fn append(path: &Path, note: &str) -> Result<(), LeaveError> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // A note ends in one newline; the empty line is for people.
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| LeaveError::File { path: path.to_owned(), source })
}

/// The witness may be elsewhere than we remember, after a restart for one: then it says where, and is asked once more.
async fn witness(
    client: &Client,
    key: &WitnessKey,
    tree: &Tree,
    note: String,
    size: u64,
    mut old: u64,
) -> Result<u64, LeaveError> {
    for _ in 0..2 {
        let submission = Submission { old, path: tree.prove_growth(old, size)?, checkpoint: note.clone() };
        let answer = client.send(Request::post("/add-checkpoint", submission.to_string())).await?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        match (answer.status, body.trim().parse::<u64>()) {
            (200, _) => {
                key.verify(&note, &body).map_err(LeaveError::Unsigned)?;
                return Ok(size);
            }
            (409, Ok(there)) if there > size => {
                return Err(LeaveError::OtherHistory {
                    what: format!("it has {there} entries, and there are {size}"),
                });
            }
            (409, Ok(there)) if there != old => old = there,
            (409 | 422, _) => return Err(LeaveError::OtherHistory { what: answer.excerpt() }),
            (status, _) => return Err(LeaveError::Refused { status, excerpt: answer.excerpt() }),
        }
    }
    Err(LeaveError::Refused { status: 409, excerpt: "it was elsewhere twice".to_owned() })
}
