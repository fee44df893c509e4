//! The process itself as metrics: memory, start time, version. Reads `/proc` when asked.

use crate::budget;
use crate::settings::Settings;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_plug::Family;

/// What is known from the start on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    started_s: f64,
    /// Bytes of memory by who may hold them.
    budget: [(&'static str, u64); budget::PARTS],
}

impl Vitals {
    /// The process starts now.
    pub(crate) fn begin() -> Vitals {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let started_s = since.map_or(0.0, |since| since.as_secs_f64());
        Vitals { started_s, budget: [("", 0); budget::PARTS] }
    }

    /// The same with what these settings allow.
    pub(crate) fn allowing(self, settings: &Settings) -> Vitals {
        Vitals { budget: budget::parts(settings), ..self }
    }

    /// Milliseconds since 1970.
    pub(crate) fn started_ms(&self) -> u64 {
        (self.started_s * 1000.0) as u64
    }

    /// Memory the process holds, in bytes, and CPU time it has spent, in milliseconds; zero where the system does not say.
    pub(crate) fn costs(&self) -> (u64, u64) {
        (resident_bytes().unwrap_or(0), cpu_ms().unwrap_or(0))
    }

    pub(crate) fn metrics(&self) -> Vec<Family> {
        let start =
            Family::gauge("tidegate_process_start_time_seconds", "When the process started, since 1970.")
                .with(&[], self.started_s);
        let build = Family::gauge("tidegate_build_info", "1, with the version as a label.")
            .with(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        let resident = resident_bytes().map(|bytes| {
            Family::gauge("tidegate_process_resident_bytes", "Memory the process holds.").with(&[], bytes)
        });
        let budget = Family::gauge(
            "tidegate_process_budget_bytes",
            "Memory that the configuration allows, by who may hold it.",
        );
        let budget =
            self.budget.iter().fold(budget, |family, (part, bytes)| family.with(&[("part", part)], *bytes));
        [start, build, budget].into_iter().chain(resident).collect()
    }
}

/// Nothing where there is no `/proc`.
fn resident_bytes() -> Option<u64> {
    let kib: u64 = status("VmRSS:")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Threads of the process; nothing where there is no `/proc`.
pub(crate) fn threads() -> Option<u64> {
    status("Threads:")?.parse().ok()
}

fn status(key: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(key)?.trim().to_owned()))
}

/// Of the process, all threads together.
fn cpu_ms() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before the numbers may hold anything, but ends with the last parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks * 1000 / rustix::param::clock_ticks_per_second())
}
