//! `plant.dead10`: a tenth of the devices take connections and never answer. How punctual the others are asked, beside a run with none dead.

use super::load::Load;
use super::site::{Site, Window};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use std::time::Duration;
use tidegate_kernel_lab::Row;

const SCENARIO: &str = "plant.dead10";

pub(super) fn measure(report: &Report, scratch: &Scratch, time: Duration) -> Result<(), Trouble> {
    let well = run(scratch, &Load::FAST, time)?;
    let dead = run(scratch, &Load::DEAD, time)?;
    let before = well.jitter.quantile_us(0.99);
    let row = dead.row(SCENARIO, &Load::DEAD);
    report.print(Row {
        metric: "jitter of the others",
        peer: Some("a run with none dead"),
        peer_value: Some(before),
        ratio: Some(row.value / before),
        ..row
    });
    Ok(())
}

fn run(scratch: &Scratch, load: &Load, time: Duration) -> Result<Window, Trouble> {
    let site = Site::start(scratch, load, "")?;
    let window = site.watch(time);
    drop(site);
    scratch.clear("floor")?;
    window
}
