//! The watchdog as the node holds it: its measures; always ready; watches the drain, and ends with it.

use crate::ports::Cause;
use crate::probe::Probe;
use std::time::Instant;
use tidegate_kernel_plug::{Capability, Draining, Family, Readiness, Stage, tasks};

impl Capability for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    /// The last stage: a drain that hangs is what it is there for.
    fn stage(&self) -> Stage {
        Stage::Storage
    }

    fn metrics(&self) -> Vec<Family> {
        let (seen, dumps, tasks) = (self.seen().clone(), self.dumps(), tasks());
        let gauge = |name, help| Family::gauge(name, help);
        let bytes: u64 = dumps.iter().map(|dump| dump.bytes).sum();
        let mut families = vec![
            gauge("tidegate_probe_quota_processors", "Processors the process may use at once.")
                .with(&[], self.quota().processors),
            gauge("tidegate_probe_dumps", "Dumps that are kept.").with(&[], dumps.len() as u64),
            gauge("tidegate_probe_dumps_bytes", "Bytes they take.").with(&[], bytes),
            gauge("tidegate_probe_listed_tasks", "Long-lived tasks.").with(&[], tasks.tasks.len() as u64),
            Family::counter("tidegate_probe_unlisted_tasks_total", "Tasks that found no room on the list.")
                .with(&[], tasks.unlisted),
            Family::counter("tidegate_probe_dumps_total", "Dumps since the start, by what became of them.")
                .with(&[("outcome", "written")], seen.dumps_written)
                .with(&[("outcome", "failed")], seen.dumps_failed),
            Family::counter(
                "tidegate_probe_samples_total",
                "Samples of CPU profiles, by what became of them.",
            )
            .with(&[("outcome", "taken")], seen.samples)
            .with(&[("outcome", "dropped")], seen.samples_dropped),
        ];
        if let Some(load) = seen.load {
            let help = "Part of the processor quota that was used in the last second.";
            families.push(gauge("tidegate_probe_quota_used_ratio", help).with(&[], load.ratio()));
        }
        let help = "Seconds for which a runtime has not moved; 0 while it does.";
        let mut stuck = gauge("tidegate_probe_runtime_stuck_seconds", help);
        for told in self.runtimes() {
            stuck.push(&[("runtime", told.runtime)], told.stuck_s);
        }
        let help = "Incidents since the start, by cause and whether they were dumped and told.";
        let mut incidents = Family::counter("tidegate_probe_incidents_total", help);
        for cause in [Cause::Cpu, Cause::Stall].map(Cause::name) {
            for (outcome, is_told) in [("told", true), ("held_back", false)] {
                let many = seen.incidents.get(&(cause, is_told)).copied().unwrap_or_default();
                incidents.push(&[("cause", cause), ("outcome", outcome)], many);
            }
        }
        families.extend([stuck, incidents]);
        families
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            self.end();
            Vec::new()
        })
    }
}
