//! `ingest.outage`: InfluxDB is away for a while under load and comes back. Whether anything is lost, how long what waited takes, and
//! how late what is new arrives beside it.

use super::plant::{Outcome, Plant};
use super::scratch::Scratch;
use super::standin::Quantiles;
use super::{Report, Trouble};
use crate::cli::Extent;
use std::thread;
use std::time::Duration;
use tidegate_kernel_lab::Row;

const SCENARIO: &str = "ingest.outage";
const OUTAGE_S: u64 = 120;
/// Before it: the first and the last of this time are not counted as calm, since queues find their sizes in the one and what comes
/// due in the other may meet the outage.
const CALM: Duration = Duration::from_secs(10);
const MARGIN: Duration = Duration::from_secs(2);
/// The backlog is given up on after so many times the outage.
const DRAIN_OUTAGES_MAX: u32 = 4;
/// Between two looks at whether the backlog is there.
const GLANCE: Duration = Duration::from_millis(250);

/// Windows of numbers: due in the calm, and from the first answer after the outage on.
const BEFORE: usize = 1;
const AFTER: usize = 3;

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    let outage = Duration::from_secs(extent.seconds.unwrap_or(OUTAGE_S));
    let longest = CALM + outage * (1 + DRAIN_OUTAGES_MAX) + CALM;
    let mut plant = Plant::start(scratch, &["plant"], extent, longest)?;
    plant.pass_until(MARGIN);
    plant.open_window()?;
    plant.pass_until(CALM - MARGIN);
    plant.open_window()?;
    plant.pass_until(CALM);
    plant.sinks[0].set_up(false)?;
    let seen = plant.sinks[0].report()?.seen;
    plant.pass_until(CALM + outage);
    plant.sinks[0].set_up(true)?;
    let back = plant.elapsed();
    plant.sinks[0].settled(seen + 1, longest)?;
    plant.open_window()?;
    let caught_up = loop {
        thread::park_timeout(GLANCE);
        let caught_up = plant.sinks[0].report()?.windows[AFTER].caught_up;
        if caught_up.is_some() || plant.elapsed() > back + outage * DRAIN_OUTAGES_MAX {
            break caught_up;
        }
    };
    let outcome = plant.finish()?;
    rows(&outcome, outage, caught_up.map(|at| at.saturating_sub(back)))
        .into_iter()
        .for_each(|row| report.print(row));
    scratch.clear("plant")?;
    Ok(())
}

/// How long the backlog took with what was new beside it, of all and of the critical ones, and the same before the outage.
fn rows(outcome: &Outcome, outage: Duration, drained: Option<Duration>) -> [Row; 3] {
    let (told, seconds) = (&outcome.told[0], outage.as_secs());
    let row = |metric, quantiles: Quantiles, words: &str| {
        let row = outcome.row(SCENARIO, metric);
        let load = format!(
            "InfluxDB away for {seconds} s; times are from due to the HTTP answer, {words}; {}",
            row.load
        );
        Row {
            p50_us: Some(quantiles.p50),
            p99_us: Some(quantiles.p99),
            p999_us: Some(quantiles.p999),
            load,
            ..row
        }
    };
    let after = &told.windows[AFTER];
    let drain = |row: Row| Row {
        unit: "s",
        value: drained.unwrap_or_default().as_secs_f64(),
        skipped: drained
            .is_none()
            .then(|| format!("the backlog was not there {} s later", seconds * u64::from(DRAIN_OUTAGES_MAX))),
        ..row
    };
    let critical = row(
        "drain critical",
        after.critical_beside,
        "of critical ones that came due after the first answer while the backlog drained",
    );
    let before = row("before", told.windows[BEFORE].all, "of those due before the outage");
    [
        drain(row(
            "drain",
            after.beside,
            "of those that came due after the first answer while the backlog drained",
        )),
        drain(critical),
        Row { unit: "msg/s", value: outcome.tally.per_second(), ..before },
    ]
}
