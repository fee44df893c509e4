//! How punctual a node asks many devices, and what it costs.

use super::load::Load;
use super::site::Site;
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::time::Duration;
use tidegate_kernel_lab::Row;

pub(super) fn measure(
    report: &Report,
    scratch: &Scratch,
    scenario: &str,
    load: &Load,
    time: Duration,
) -> Result<(), Trouble> {
    let site = Site::start(scratch, load, "")?;
    let window = site.watch(time)?;
    drop(site);
    let jitter = window.row(scenario, load);
    let values = window.jitter.count() * load.values as u64;
    let (cpu_metric, jitter_metric) = metrics(load);
    let cpu = Row {
        metric: cpu_metric,
        unit: "% of a core",
        value: window.cpu_percent(),
        cpu_us_per_op: Some(window.cpu.as_secs_f64() * 1e6 / values.max(1) as f64),
        p50_us: None,
        p99_us: None,
        p999_us: None,
        ..jitter.clone()
    };
    report.print(Row { metric: jitter_metric, ..jitter });
    report.print(cpu);
    Ok(scratch.clear("floor")?)
}

/// Where a scenario has two loads, they are told apart.
fn metrics(load: &Load) -> (&'static str, &'static str) {
    match load.name {
        "contiguous" => ("cpu contiguous", "jitter contiguous"),
        "scattered" => ("cpu scattered", "jitter scattered"),
        _ => ("cpu", "jitter"),
    }
}
