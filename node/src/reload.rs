//! Taking up a changed file while the node runs: read whole, judged whole, taken up whole or not at all.
//!
//! Both ways in, SIGHUP and `POST /-/reload`, end in [`Reloader::reload`], one after the other. Reads the file and
//! the wall clock.

mod importing;

use crate::config::{Origins, Unread};
use crate::settings::Settings;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_plug::Family;
use tidegate_kernel_plug::config::{
    Change, FAULTS_MAX, Fault, Faults, Place, Reload, Shown, Values, changes,
};

/// Hands what may change to whoever holds it. Cannot fail: everything was judged before.
pub(crate) type TakeUp = Box<dyn Fn(&Settings) + Send + Sync>;

/// What the file said last, and how to say it anew.
pub(crate) struct Reloader {
    origins: Origins,
    take_up: TakeUp,
    /// Held for as long as a reload takes, so that there is one at a time.
    turn: Mutex<()>,
    /// Held for a moment: `/readyz` does not wait for the disk.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    values: Values,
    generation: u64,
    counts: [u64; Outcome::ALL.len()],
    last: Option<Last>,
}

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Applied,
    Unchanged,
    Refused,
}

/// The answer to whoever asked for a reload.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// What holds now.
    generation: u64,
    /// `ingest.critical: [] -> ["alarm/#"]`.
    pub(crate) changes: Vec<String>,
    faults: Vec<Told>,
}

/// A fault as an answer says it.
#[derive(Debug, Clone, Serialize)]
struct Told {
    place: String,
    code: Cow<'static, str>,
    message: String,
    hint: String,
}

#[derive(Debug, Clone, Serialize)]
struct Last {
    /// Milliseconds since 1970.
    at_ms: u64,
    outcome: Outcome,
    faults: Vec<Told>,
}

/// What `/readyz` says of it.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    pub(crate) generation: u64,
    pub(crate) file: Option<String>,
    last_reload: Option<Last>,
}

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Applied, Outcome::Unchanged, Outcome::Refused];

    fn name(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused => "refused",
        }
    }
}

impl Reloader {
    /// The first generation holds.
    pub(crate) fn new(origins: Origins, values: Values, take_up: TakeUp) -> Reloader {
        let state = State { values, generation: 1, counts: [0; Outcome::ALL.len()], last: None };
        Reloader { origins, take_up, turn: Mutex::default(), state: Mutex::new(state) }
    }

    /// Reads the file again. Blocks for the disk.
    pub(crate) fn reload(&self) -> Verdict {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.state().values.clone();
        let judged = self.judge(&old);
        let mut state = self.state();
        let verdict = match judged {
            Ok((values, settings, changed)) => {
                (self.take_up)(&settings);
                state.applied(values, &changed)
            }
            Err(faults) => state.verdict(Outcome::Refused, &[], self.told(&faults)),
        };
        state.remember(&verdict);
        log(&verdict);
        verdict
    }

    fn judge(&self, old: &Values) -> Result<(Values, Settings, Vec<Change>), Faults> {
        if self.origins.file.is_none() {
            return Err(one(NO_FILE.0, NO_FILE.1.to_owned(), NO_FILE.2));
        }
        let (values, settings) = self.origins.read().map_err(|unread| match unread {
            Unread::Faults(faults) => faults,
            Unread::File(error) => {
                one("TG-CF-001", format!("could not be read: {error}"), "look at its path and permissions")
            }
        })?;
        let changed = changes(old, &values);
        let mut faults = Faults::default();
        changed
            .iter()
            .filter(|change| change.reload == Reload::Restart)
            .for_each(|change| faults.push(fixed(change)));
        if faults.is_empty() { Ok((values, settings, changed)) } else { Err(faults) }
    }

    fn told(&self, faults: &Faults) -> Vec<Told> {
        let file = self.origins.name();
        faults.iter().take(FAULTS_MAX).map(|fault| Told::of(fault, &file)).collect()
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        let file = self.origins.file.as_ref().map(|file| file.display().to_string());
        Standing { generation: state.generation, file, last_reload: state.last.clone() }
    }

    /// Every setting that holds, and where it comes from.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.state().values.shown()
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let state = self.state();
        let generation = Family::gauge(
            "tidegate_config_generation",
            "Which configuration holds: 1 from the start, one more with each change taken up.",
        )
        .with(&[], state.generation);
        let mut reloads =
            Family::counter("tidegate_config_reloads_total", "Reloads since the start, by how they ended.");
        for (outcome, count) in Outcome::ALL.iter().zip(state.counts) {
            reloads.push(&[("outcome", outcome.name())], count);
        }
        vec![generation, reloads]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn of(fault: &Fault, file: &str) -> Told {
        let Fault { code, message, hint, .. } = fault;
        Told {
            place: fault.place_in(file),
            code: (*code).into(),
            message: message.clone(),
            hint: hint.clone(),
        }
    }
}

impl State {
    fn applied(&mut self, values: Values, changed: &[Change]) -> Verdict {
        self.values = values;
        if changed.is_empty() {
            return self.verdict(Outcome::Unchanged, &[], Vec::new());
        }
        self.generation += 1;
        self.verdict(Outcome::Applied, changed, Vec::new())
    }

    fn verdict(&self, outcome: Outcome, changed: &[Change], faults: Vec<Told>) -> Verdict {
        let changes = changed.iter().map(described).collect();
        Verdict { outcome, generation: self.generation, changes, faults }
    }

    fn remember(&mut self, verdict: &Verdict) {
        self.counts[verdict.outcome as usize] += 1;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.last = Some(Last { at_ms, outcome: verdict.outcome, faults: verdict.faults.clone() });
    }
}

const NO_FILE: (&str, &str, &str) =
    ("TG-CF-023", "the node was started without a configuration file", "start it with --config FILE");

fn one(code: &'static str, message: String, hint: &str) -> Faults {
    let mut faults = Faults::default();
    faults.push(Fault { place: Place::Whole, code, message, hint: hint.to_owned() });
    faults
}

fn fixed(change: &Change) -> Fault {
    Fault {
        place: change.origin.place(),
        code: "TG-CF-020",
        message: format!("{}, which takes a restart", described(change)),
        hint: "restart the node, or put it back and reload".to_owned(),
    }
}

fn described(change: &Change) -> String {
    match (&change.from, &change.to) {
        (None, None) => format!("{}: added or taken away", change.path),
        (from, to) => {
            let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "not set".to_owned());
            format!("{}: {} -> {}", change.path, text(from), text(to))
        }
    }
}

fn log(verdict: &Verdict) {
    let Verdict { outcome, generation, changes, faults } = verdict;
    match outcome {
        Outcome::Applied => tracing::info!(generation, ?changes, "the configuration was taken up"),
        Outcome::Unchanged => {
            tracing::info!(generation, "the configuration was read again and has not changed")
        }
        Outcome::Refused => {
            for Told { place, code, message, .. } in faults {
                tracing::warn!(%code, generation, "a reload was refused: {place}: {message}");
            }
        }
    }
}
