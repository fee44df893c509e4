//! `plant.opcua`: many variables of one server by subscription. What that costs the node; and the server is killed and started again: how
//! long it takes from when it accepts connections until all values have come again.

use super::load::Load;
use super::site::Site;
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::time::Duration;
use tidegate_kernel_lab::Row;

const SCENARIO: &str = "plant.opcua";
const RESTARTS: usize = 3;
/// From the kill to the start.
const OUTAGE: Duration = Duration::from_secs(8);

pub(super) fn measure(report: &Report, scratch: &Scratch, time: Duration) -> Result<(), Trouble> {
    let load = Load::SUBSCRIBED;
    let mut site = Site::start(scratch, &load, "")?;
    let all = load.values as u64;
    site.read(2 * all)?;
    let before = site.values()?;
    let window = site.watch(time)?;
    let values = site.values()? - before;
    let words = format!("{}, {values} values in {} s", load.words(), window.elapsed.as_secs());
    let row =
        Row { scenario: SCENARIO.to_owned(), rss_peak_bytes: Some(window.rss_peak_bytes), ..Row::default() };
    report.print(Row {
        metric: "cpu",
        unit: "% of a core",
        value: window.cpu_percent(),
        cpu_us_per_op: Some(window.cpu.as_secs_f64() * 1e6 / values.max(1) as f64),
        load: format!("{words}; no sink"),
        ..row.clone()
    });
    let mut times = Vec::with_capacity(RESTARTS);
    for _ in 0..RESTARTS {
        let accepts = site.restart(OUTAGE)?;
        site.read(site.values()? + all)?;
        times.push(accepts.elapsed().as_secs_f64());
    }
    drop(site);
    report.print(Row {
        metric: "restart",
        unit: "s",
        value: times.iter().copied().fold(0.0, f64::max),
        load: format!(
            "{}; killed for {} s, from when the server accepts connections until so many values were read: {times:.2?}, the longest",
            load.words(),
            OUTAGE.as_secs()
        ),
        ..row
    });
    Ok(scratch.clear("floor")?)
}
