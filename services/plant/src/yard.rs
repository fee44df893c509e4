//! The tasks of all buses: begun, ended and begun again as the configuration says, and after a panic, later each time.
//!
//! Nothing is begun while something is still ending: a device has few seats, and the old connection is to be gone first.

use crate::error::PANICKED;
use crate::line::LineSpec;
use crate::plant::Plant;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_flow::{RestartLimits, Restarts};
use tidegate_kernel_plug::listed;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

const RESTARTS: RestartLimits = RestartLimits {
    wait: Duration::from_millis(100),
    wait_max: Duration::from_secs(10),
    window: Duration::from_secs(60),
    panics_max: 7,
};

/// Buses by their name.
pub(crate) type Wanted = BTreeMap<String, Arc<LineSpec>>;

pub(crate) struct Yard<'p> {
    plant: &'p Plant,
    wanted: Wanted,
    berths: BTreeMap<String, Berth>,
    tasks: JoinSet<()>,
    names: HashMap<Id, String>,
    began: Instant,
}

/// One bus that was begun.
struct Berth {
    spec: Arc<LineSpec>,
    stop: watch::Sender<bool>,
    restarts: Restarts,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    /// It was told to end.
    Ends,
    /// It panicked, and begins again then.
    Waits(Instant),
    /// It panicked too often.
    Failed,
}

impl<'p> Yard<'p> {
    pub(crate) fn new(plant: &'p Plant) -> Yard<'p> {
        let (wanted, berths) = (Wanted::new(), BTreeMap::new());
        Yard { plant, wanted, berths, tasks: JoinSet::new(), names: HashMap::new(), began: Instant::now() }
    }

    /// From now on this is what is asked; what stays as it is goes on undisturbed.
    pub(crate) fn arrange(&mut self, wanted: Wanted) {
        self.wanted = wanted;
        let wanted = &self.wanted;
        self.berths.retain(|name, berth| {
            let stays = wanted.get(name) == Some(&berth.spec) && berth.state != State::Failed;
            stays || berth.end()
        });
        self.begin();
    }

    fn begin(&mut self) {
        if self.berths.values().any(|berth| berth.state == State::Ends) {
            return;
        }
        let new: Vec<_> = self.wanted.iter().filter(|(name, _)| !self.berths.contains_key(*name)).collect();
        let new: Vec<_> = new.into_iter().map(|(name, spec)| (name.clone(), spec.clone())).collect();
        for (name, spec) in new {
            let restarts = Restarts::new(RESTARTS);
            let berth = Berth { spec, stop: watch::Sender::new(false), restarts, state: State::Runs };
            self.spawn(&name, &berth);
            self.berths.insert(name, berth);
        }
    }

    fn spawn(&mut self, name: &str, berth: &Berth) {
        let line = self.plant.line(berth.spec.clone(), berth.stop.subscribe());
        let task = self.tasks.spawn(listed("plant", format!("bus {name}"), line));
        self.names.insert(task.id(), name.to_owned());
    }

    /// Resolves when a task has ended, or is to begin again; never while there is nothing of either kind.
    pub(crate) async fn next(&mut self) {
        let again_at = self.berths.values().filter_map(Berth::again_at).min();
        let soon = Instant::now();
        tokio::select! {
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            () = tokio::time::sleep_until(again_at.unwrap_or(soon)), if again_at.is_some() => self.resume(),
            else => std::future::pending().await,
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(name) = self.names.remove(&id) else { return };
        let Some(berth) = self.berths.get_mut(&name) else { return };
        match ended {
            Err(panic) if berth.state == State::Runs => {
                self.plant.panicked();
                berth.fell(self.began.elapsed());
                let state = berth.state;
                tracing::error!(bus = name, code = PANICKED, ?state, "the tasks of a bus panicked: {panic}");
            }
            _ => drop(self.berths.remove(&name)),
        }
        self.plant.note_failed(self.berths.values().filter(|berth| berth.state == State::Failed).count());
        self.begin();
    }

    fn resume(&mut self) {
        let now = Instant::now();
        let is_due = |berth: &Berth| berth.again_at().is_some_and(|at| at <= now);
        let due: Vec<String> =
            self.berths.iter().filter(|(_, berth)| is_due(berth)).map(|(name, _)| name.clone()).collect();
        for name in due {
            let Some(mut berth) = self.berths.remove(&name) else { continue };
            berth.state = State::Runs;
            self.spawn(&name, &berth);
            self.berths.insert(name, berth);
        }
    }

    /// Tells all of them to end, and waits; how many had not by the deadline. Those are cut.
    pub(crate) async fn close(mut self, deadline: Instant) -> u64 {
        self.wanted.clear();
        self.berths.retain(|_, berth| berth.end());
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout_at(deadline, all).await;
        self.tasks.len() as u64
    }
}

impl Berth {
    /// Tells it to end; whether there is an end to wait for.
    fn end(&mut self) -> bool {
        let runs = matches!(self.state, State::Runs | State::Ends);
        self.stop.send_replace(true);
        self.state = State::Ends;
        runs
    }

    fn fell(&mut self, now: Duration) {
        let wait = self.restarts.wait(now);
        self.state = wait.map_or(State::Failed, |wait| State::Waits(Instant::now() + wait));
    }

    fn again_at(&self) -> Option<Instant> {
        if let State::Waits(at) = self.state { Some(at) } else { None }
    }
}
