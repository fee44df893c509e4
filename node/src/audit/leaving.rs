//! Checkpoints leave the node: to a file, and to witnesses (C2SP tlog-witness), another node for one. What never leaves can be made anew by
//! whoever has folder and keys; so an alarm is raised when nothing has left for too long.
//!
//! Runs on the exporters' runtime, which may block. Takes the monotonic clock for how long something waits, the wall clock for ids.

use super::Trees;
use super::config::{Config, WitnessConfig};
use super::wall_ms;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_audit::{AuditError, Checkpoint, Submission, Tree, WitnessKey};
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, OutboundError, Request};
use tidegate_kernel_plug::{Family, listed, with_causes};
use tidegate_service_notice::{Change, Notice, Outbox, Severity};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// From one try to the next at a destination that failed.
const RETRY: Duration = Duration::from_secs(5);
/// From one look for what is late to the next.
const LOOK: Duration = Duration::from_secs(1);
const ALARM: &str = "audit.checkpoints";

/// Where checkpoints go, and how far they are.
#[derive(Debug)]
pub(crate) struct Leaving {
    ways: Vec<Way>,
    /// What they are called behind the origin.
    trees: Vec<String>,
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
    left: Vec<Vec<u64>>,
    /// By destination: why the last try failed.
    faults: Vec<Option<Fault>>,
    failures: Vec<u64>,
    /// By tree: since when there is a checkpoint that no destination has, and none of that tree has left.
    waiting: Vec<Option<Instant>>,
    is_alarmed: bool,
}

impl State {
    fn of(destinations: usize, trees: usize) -> State {
        State {
            left: vec![vec![0; trees]; destinations],
            faults: vec![None; destinations],
            failures: vec![0; destinations],
            waiting: vec![None; trees],
            is_alarmed: false,
        }
    }

    /// A destination has a checkpoint of that tree over so many entries.
    fn left(&mut self, at: usize, tree: usize, size: u64) {
        if size > self.left[at][tree] {
            self.left[at][tree] = size;
            self.waiting[tree] = None;
        }
    }

    /// Compares with what is signed; how the alarm changes, if it does.
    fn judge(&mut self, signed: &[u64], now: Instant, within: Duration) -> Option<Change> {
        for (tree, signed) in signed.iter().copied().enumerate() {
            let most = self.left.iter().map(|left| left[tree]).max().unwrap_or(0);
            self.waiting[tree] = (most < signed).then(|| self.waiting[tree].unwrap_or(now));
        }
        let is_late = self.waiting.iter().flatten().any(|since| now.duration_since(*since) > within);
        let change = if is_late { Change::Raised } else { Change::Cleared };
        (is_late != std::mem::replace(&mut self.is_alarmed, is_late)).then_some(change)
    }
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
    pub(crate) fn new(config: &Config, dialer: &Dialer, trees: &Trees) -> Option<Leaving> {
        let file =
            config.copy_to.iter().map(|path| Way { name: "file".to_owned(), to: To::File(path.clone()) });
        let witness = |WitnessConfig { name, endpoint, key }: &WitnessConfig| {
            let client = Client::new(dialer.clone(), endpoint.clone(), HttpLimits::default());
            Way { name: name.clone(), to: To::Witness { client, key: key.clone() } }
        };
        let ways: Vec<_> = file.chain(config.witnesses.iter().map(witness)).collect();
        let trees: Vec<_> = trees.all().map(|(name, _)| name).collect();
        let state = Mutex::new(State::of(ways.len(), trees.len()));
        let (every, within) = (config.checkpoint_every, config.left_within);
        (!ways.is_empty()).then_some(Leaving { ways, trees, every, within, state })
    }

    /// Sets it running, to the end of the process: each destination by itself, so that one that hangs holds up no other.
    pub(crate) fn start(self: &Arc<Leaving>, trees: &Arc<Trees>, outbox: Outbox, exporters: &Handle) {
        for at in 0..self.ways.len() {
            exporters.spawn(listed("audit", "checkpoints", self.clone().keep_sending(at, trees.clone())));
        }
        exporters.spawn(listed("audit", "standstill", self.clone().keep_judging(trees.clone(), outbox)));
    }

    async fn keep_sending(self: Arc<Leaving>, at: usize, trees: Arc<Trees>) {
        loop {
            let has_all = self.send(at, &trees).await;
            sleep(if has_all { self.every } else { RETRY }).await;
        }
    }

    async fn keep_judging(self: Arc<Leaving>, trees: Arc<Trees>, outbox: Outbox) {
        loop {
            self.judge(&trees, &outbox);
            sleep(LOOK).await;
        }
    }

    /// Whether the destination has what there is now.
    async fn send(&self, at: usize, trees: &Trees) -> bool {
        let (way, mut fault) = (&self.ways[at], None);
        for (which, (name, tree)) in trees.all().enumerate() {
            let has = self.state().left[at][which];
            match way.send(tree, has).await {
                Ok(size) => self.state().left(at, which, size),
                Err(error) => {
                    let message = format!("{name}: {}", with_causes(&error));
                    fault = Some(Fault { code: error.code(), message });
                }
            }
        }
        let has_all = fault.is_none();
        self.note(at, fault);
        has_all
    }

    fn note(&self, at: usize, fault: Option<Fault>) {
        let mut state = self.state();
        if let Some(Fault { code, message }) = &fault {
            state.failures[at] += 1;
            if state.faults[at] != fault {
                let destination = &self.ways[at].name;
                tracing::warn!(code, destination, "a checkpoint did not leave the node: {message}");
            }
        }
        state.faults[at] = fault;
    }

    /// Looks for what no destination has, and raises or clears the alarm.
    fn judge(&self, trees: &Trees, outbox: &Outbox) {
        let size = |(_, tree): (String, &Tree)| tree.signed().ok().flatten().map_or(0, |signed| signed.size);
        let signed: Vec<_> = trees.all().map(size).collect();
        let change = self.state().judge(&signed, Instant::now(), self.within);
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
        let waiting = state.waiting.iter().flatten().map(|since| since.elapsed().as_secs_f64());
        let waiting = waiting.fold(0.0, f64::max);
        let mut entries = Family::gauge(
            "tidegate_audit_left_entries",
            "Entries of the last checkpoint that a destination has.",
        );
        let mut failures = Family::counter(
            "tidegate_audit_leave_failures_total",
            "Tries to hand a checkpoint on that failed, since the start.",
        );
        for (at, way) in self.ways.iter().enumerate() {
            for (which, tree) in self.trees.iter().enumerate() {
                entries.push(&[("destination", &way.name), ("tree", tree)], state.left[at][which]);
            }
            failures.push(&[("destination", &way.name)], state.failures[at]);
        }
        let help = "How long no checkpoint of a tree has left the node though there is a new one.";
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
            To::File(path) => append(path.clone(), note).await.map(|()| size),
            To::Witness { client, key } => witness(client, key, tree, note, size, has).await,
        }
    }
}

/// On a thread of its own: a share that is away may hang for as long as it likes.
async fn append(path: PathBuf, note: String) -> Result<(), LeaveError> {
    let to = path.clone();
    let write = move || {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(to)?;
        // A note ends in one newline; the empty line is for people.
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_all()
    };
    let written =
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    written.map_err(|source| LeaveError::File { path, source })
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

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(600);

    #[test]
    fn a_tree_that_grows_and_leaves_all_the_time_raises_no_alarm() {
        let (mut state, began) = (State::of(1, 2), Instant::now());
        for second in 1..10_000 {
            let now = began + Duration::from_secs(second);
            // Whenever it is looked, there is one more than has left.
            assert_eq!(state.judge(&[second + 1; 2], now, WITHIN), None);
            state.left(0, 0, second);
            state.left(0, 1, second);
        }
    }

    #[test]
    fn one_of_two_trees_that_never_leaves_raises_it_and_leaving_ends_it() {
        let (mut state, began) = (State::of(2, 2), Instant::now());
        let changes: Vec<_> = (0..1000)
            .filter_map(|second| {
                state.left(1, 0, second);
                state.judge(&[second; 2], began + Duration::from_secs(second), WITHIN)
            })
            .collect();
        assert_eq!(changes, [Change::Raised]);
        state.left(0, 1, 999);
        assert_eq!(state.judge(&[999; 2], began + Duration::from_secs(1000), WITHIN), Some(Change::Cleared));
    }

    #[test]
    fn nothing_new_raises_nothing_however_long() {
        let (mut state, began) = (State::of(1, 2), Instant::now());
        assert_eq!(state.judge(&[0; 2], began + 100 * WITHIN, WITHIN), None);
    }
}
