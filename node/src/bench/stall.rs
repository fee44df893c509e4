//! `ingest.stall`: of two InfluxDBs one stands still for a while. How much later critical readings arrive at the other one than in
//! as long a time before, when both were well.

use super::plant::Plant;
use super::scratch::Scratch;
use super::standin::Quantiles;
use super::{Report, Trouble};
use crate::cli::Extent;
use std::time::Duration;
use tidegate_kernel_lab::Row;

const SCENARIO: &str = "ingest.stall";
const STALL_S: u64 = 60;
/// Before the calm time that counts, for queues and limits to find their sizes; and after the stall, before what is counted last.
const SETTLING: Duration = Duration::from_secs(5);

const WELL: &str = "well";
const STALLED: &str = "stalled";
/// Windows of numbers.
const CALM: usize = 1;
const STALL: usize = 2;

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    let stall = Duration::from_secs(extent.seconds.unwrap_or(STALL_S));
    let mut plant = Plant::start(scratch, &[WELL, STALLED], extent, SETTLING * 3 + stall * 2)?;
    plant.pass_until(SETTLING);
    plant.open_window()?;
    plant.pass_until(SETTLING + stall);
    plant.open_window()?;
    plant.sinks[1].set_stalls(true)?;
    plant.pass_until(SETTLING + stall * 2);
    plant.open_window()?;
    plant.sinks[1].set_stalls(false)?;
    let outcome = plant.finish()?;
    let windows = &outcome.told[0].windows;
    let row = |metric, calm: Quantiles, stalled: Quantiles| {
        let row = outcome.row(SCENARIO, metric);
        let words =
            format!("one of two InfluxDBs stands still for {} s, the other one's times", stall.as_secs());
        Row {
            unit: "us, p99",
            value: stalled.p99,
            p50_us: Some(stalled.p50),
            p99_us: Some(stalled.p99),
            p999_us: Some(stalled.p999),
            peer: Some("as long a time before, both well"),
            peer_value: Some(calm.p99),
            ratio: Some(stalled.p99 / calm.p99),
            load: format!("{words}, from due to the HTTP answer; {}", row.load),
            ..row
        }
    };
    report.print(row("critical", windows[CALM].critical, windows[STALL].critical));
    report.print(row("all", windows[CALM].all, windows[STALL].all));
    scratch.clear("plant")?;
    Ok(())
}
