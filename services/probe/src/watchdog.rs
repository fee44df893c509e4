//! The watchdog: looks once a second, on a thread of its own, and needs no runtime for it. What it finds is dumped by another thread, so
//! that it goes on looking, whatever the disk does.

use crate::dump::{self, Order};
use crate::incident::{Incidents, Step, Window};
use crate::meter::{Load, Meter};
use crate::ports::{Cause, Ports};
use crate::probe::Probe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;
use tidegate_kernel_plug::tasks;

const LOOK: Duration = Duration::from_secs(1);
/// What is named of what is stuck.
const NAMED_MAX: usize = 3;

pub(crate) struct Watchdog {
    probe: Arc<Probe>,
    ports: Ports,
    meter: Meter,
    high: Window,
    cpu: Incidents,
    stall: Incidents,
    dump: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn new(probe: Arc<Probe>, ports: Ports) -> Watchdog {
        let gap_s = probe.config.dump_gap.as_secs();
        Watchdog {
            meter: Meter::new(probe.quota_of),
            high: Window::default(),
            cpu: Incidents::new(gap_s),
            stall: Incidents::new(gap_s),
            dump: None,
            probe,
            ports,
        }
    }

    /// Until the other side of the channel is gone.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK) {
            self.second();
        }
    }

    fn second(&mut self) {
        let load = self.meter.look();
        self.probe.note(&load);
        self.probe.hearts().iter().for_each(|heart| heart.look());
        let is_high = load.ratio() * 100.0 >= f64::from(self.probe.config.cpu_percent);
        let is_bad = self.high.second(is_high);
        // An incident that is open goes on with every high second; it takes several to open one.
        let step = self.cpu.second(is_bad);
        self.take(Cause::Cpu, step, || used(&load));
        // Whoever was stopped as a whole finds everything late, and nothing stuck.
        let stuck = if load.span > LOOK * 2 { Vec::new() } else { self.stuck() };
        let step = self.stall.second(!stuck.is_empty());
        self.take(Cause::Stall, step, || stuck.join(", "));
    }

    /// What does not move, in words; the first few.
    fn stuck(&self) -> Vec<String> {
        let limit = self.probe.config.stall_after;
        let runtimes = self.probe.runtimes().into_iter().filter(|runtime| runtime.stuck_s >= limit.as_secs());
        let runtimes = runtimes.map(|told| format!("runtime {} for {} s", told.runtime, told.stuck_s));
        let is_stuck = |ms: u64| u128::from(ms) >= limit.as_millis();
        let tasks =
            tasks().tasks.into_iter().filter(|task| task.state == "polled" && is_stuck(task.state_ms));
        let tasks = tasks
            .map(|task| format!("task {}/{} for {} s", task.capability, task.name, task.state_ms / 1000));
        runtimes.chain(tasks).take(NAMED_MAX).collect()
    }

    fn take(&mut self, cause: Cause, step: Step, evidence: impl FnOnce() -> String) {
        let code = cause.code();
        match step {
            Step::Same => {}
            Step::Ended => tracing::info!(code, cause = cause.name(), "the incident is over"),
            Step::Begun | Step::HeldBack => {
                let evidence = evidence();
                let is_told = step == Step::Begun && self.dump.as_ref().is_none_or(JoinHandle::is_finished);
                tracing::warn!(code, cause = cause.name(), is_told, "{evidence}");
                self.probe.count_incident(cause, is_told);
                if is_told {
                    self.begin(Order { cause, evidence, ports: self.ports.clone() });
                }
            }
        }
    }

    fn begin(&mut self, order: Order) {
        match dump::start(self.probe.clone(), order) {
            Ok(running) => self.dump = Some(running),
            Err(error) => {
                self.probe.count_dump(false);
                tracing::error!(code = "TG-PB-005", "no thread could be started for a dump: {error}");
            }
        }
    }
}

fn used(load: &Load) -> String {
    let Load { used, quota, .. } = load;
    format!(
        "{used:.2} of {:.2} processors ({:.0} %), by {}",
        quota.processors,
        load.ratio() * 100.0,
        quota.source
    )
}

#[cfg(test)]
mod tests;
