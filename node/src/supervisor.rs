//! Who watches over the tasks of capabilities: a panic ends one capability's task and nothing else, and the task is started again.
//!
//! ```text
//!   runs ── panics ──> waits ──> runs          while the panics within the window are few
//!              └─────────────> has failed      after one too many, or where it cannot be opened again; until the process ends
//! ```
//! What it goes on from is what the journal has. Everything else in the process serves meanwhile; `/readyz`, the console, a metric and
//! the log tell of it. Takes the monotonic clock.

use crate::failure::Failure;
use crate::pulse::Reason;
use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_flow::{RestartLimits, Restarts};
use tidegate_kernel_plug::{Family, listed};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// A first panic is a matter of a moment; one that goes on for six seconds goes on for ever.
const LIMITS: RestartLimits = RestartLimits {
    wait: Duration::from_millis(50),
    wait_max: Duration::from_secs(5),
    window: Duration::from_secs(60),
    panics_max: 7,
};

/// The tasks of all capabilities of the process.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    wards: Mutex<Vec<Ward>>,
}

/// One task.
#[derive(Debug)]
struct Ward {
    /// Of its capability, which may have several.
    capability: &'static str,
    panics: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Runs,
    Waits,
    Failed(String),
}

impl Supervisor {
    /// Runs what `make` makes on this runtime until it ends, on the list of tasks; makes it again after a panic. Given up, it leaves what
    /// `abandon` puts away.
    pub(crate) fn run<F>(
        self: &Arc<Self>,
        (capability, name): (&'static str, impl Into<String>),
        runtime: &Handle,
        mut make: impl FnMut() -> F + Send + 'static,
        abandon: impl FnOnce() + Send + 'static,
    ) where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (at, name) = (self.admit(capability), name.into());
        let (supervisor, began, handle) = (self.clone(), Instant::now(), runtime.clone());
        runtime.spawn(async move {
            let mut restarts = Restarts::new(LIMITS);
            loop {
                supervisor.set(at, State::Runs);
                let panic = match handle.spawn(listed(capability, name.clone(), make())).await {
                    Ok(Ok(())) => return,
                    Ok(Err(failure)) => break supervisor.fail(at, &failure),
                    Err(ended) => ended,
                };
                // Only the end of the process cancels it.
                let Ok(panic) = panic.try_into_panic() else { return };
                supervisor.note(at, &*panic);
                match restarts.wait(began.elapsed()) {
                    Some(wait) => sleep(wait).await,
                    None => break supervisor.fail(at, &too_many(capability)),
                }
            }
            abandon();
        });
    }

    /// What does not run, and why.
    pub(crate) fn reasons(&self) -> Vec<Reason> {
        let wards = self.wards();
        let reason = |ward: &Ward| {
            let reason = match &ward.state {
                State::Runs => return None,
                State::Waits => "it panicked and is about to be started again (TG-SV-001)".to_owned(),
                State::Failed(reason) => reason.clone(),
            };
            Some(Reason { capability: ward.capability, reason })
        };
        wards.iter().filter_map(reason).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let mut sums = BTreeMap::<_, (u64, bool)>::new();
        for ward in &*self.wards() {
            let (panics, runs) = sums.entry(ward.capability).or_insert((0, true));
            *panics += ward.panics;
            *runs &= matches!(ward.state, State::Runs);
        }
        let mut panics = Family::counter(
            "tidegate_capability_panics_total",
            "Panics that ended a capability's task, which was started again unless there were too many.",
        );
        let mut running =
            Family::gauge("tidegate_capability_running_state", "1 while a capability's tasks all run.");
        for (capability, (many, runs)) in sums {
            panics.push(&[("capability", capability)], many);
            running.push(&[("capability", capability)], u64::from(runs));
        }
        vec![panics, running]
    }

    fn admit(&self, capability: &'static str) -> usize {
        let mut wards = self.wards();
        wards.push(Ward { capability, panics: 0, state: State::Runs });
        wards.len() - 1
    }

    fn set(&self, at: usize, state: State) {
        self.wards()[at].state = state;
    }

    fn note(&self, at: usize, panic: &(dyn Any + Send)) {
        let mut wards = self.wards();
        let ward = &mut wards[at];
        (ward.panics, ward.state) = (ward.panics + 1, State::Waits);
        let (capability, panics) = (ward.capability, ward.panics);
        drop(wards);
        let panic = words(panic);
        tracing::error!(capability, code = "TG-SV-001", panics, "{panic}; it is started again");
    }

    fn fail(&self, at: usize, failure: &Failure) {
        let capability = self.wards()[at].capability;
        tracing::error!(capability, code = failure.code(), "it is not started again: {}", failure.line());
        self.set(at, State::Failed(format!("it has failed: {}", failure.line())));
    }

    fn wards(&self) -> MutexGuard<'_, Vec<Ward>> {
        self.wards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

fn too_many(capability: &str) -> Failure {
    let RestartLimits { panics_max, window, .. } = LIMITS;
    let message = format!("{capability} panicked more than {panics_max} times within {} s", window.as_secs());
    Failure::message("TG-SV-002", message, "report it with the log; restart the process to try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use tokio::time::timeout;

    /// A capability that panics so many times, and then ends; how often it was made, and whether it was given up.
    async fn run_until_settled(panics: u64) -> (Arc<Supervisor>, u64, bool) {
        let (supervisor, made) = (Arc::new(Supervisor::default()), Arc::new(AtomicU64::new(0)));
        let (ended, mut end) = tokio::sync::watch::channel(());
        let counting = made.clone();
        let make = move || {
            let (at, ended) = (counting.fetch_add(1, Ordering::SeqCst), ended.clone());
            async move {
                assert!(at >= panics, "panic {at}");
                drop(ended);
                Ok(())
            }
        };
        let abandoned = Arc::new(AtomicBool::new(false));
        let given_up = abandoned.clone();
        let abandon = move || given_up.store(true, Ordering::SeqCst);
        supervisor.run(("some", "task"), &Handle::current(), make, abandon);
        // Resolves when nobody can make it again.
        let patience = Duration::from_secs(600);
        while timeout(patience, end.changed()).await.expect("it is settled in time").is_ok() {}
        tokio::task::yield_now().await;
        (supervisor, made.load(Ordering::SeqCst), abandoned.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_now_and_then_is_started_again_and_its_panics_are_counted() {
        let (supervisor, made, is_abandoned) = run_until_settled(3).await;
        assert_eq!((made, is_abandoned), (4, false));
        assert!(supervisor.reasons().is_empty());
        let page = tidegate_kernel_plug::exposition(&supervisor.metrics());
        assert!(page.contains("tidegate_capability_panics_total{capability=\"some\"} 3"), "{page}");
        assert!(page.contains("tidegate_capability_running_state{capability=\"some\"} 1"), "{page}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_panics_each_time_is_given_up_with_a_reason_and_put_away() {
        let (supervisor, made, is_abandoned) = run_until_settled(u64::MAX).await;
        assert_eq!((made, is_abandoned), (LIMITS.panics_max as u64 + 1, true));
        let reasons = supervisor.reasons();
        assert!(reasons[0].capability == "some" && reasons[0].reason.contains("TG-SV-002"), "{reasons:?}");
    }
}
