//! `plant.stall`: the sink stands still for a while. How punctual devices are asked, beside as long a time before, and whether any
//! connection to them is lost.

use super::load::Load;
use super::site::Site;
use crate::bench::scratch::Scratch;
use crate::bench::standin::StandIn;
use crate::bench::{Report, Trouble};
use std::time::Duration;
use tidegate_kernel_lab::Row;

const SCENARIO: &str = "plant.stall";

pub(super) fn measure(report: &Report, scratch: &Scratch, time: Duration) -> Result<(), Trouble> {
    let mut sink = StandIn::start(None)?;
    let influx = format!(
        "[ingest.influx.plant]\nurl = \"http://{}\"\ndatabase = \"plant\"\nmeasurement = \"readings\"\n",
        sink.address
    );
    let site = Site::start(scratch, &Load::FAST, &influx)?;
    let calm = site.watch(time)?;
    sink.set_stalls(true)?;
    let stalled = site.watch(time)?;
    sink.set_stalls(false)?;
    drop(site);
    let row = stalled.row(SCENARIO, &Load::FAST);
    let before = calm.jitter.quantile_us(0.99);
    let row = Row {
        peer: Some("as long a time before"),
        peer_value: Some(before),
        ratio: Some(row.value / before),
        load: row.load.replace("no sink", &format!("an InfluxDB that stands still for {} s", time.as_secs())),
        ..row
    };
    report.print(row.clone());
    report.print(Row {
        metric: "reconnects",
        unit: "connections",
        value: stalled.connections as f64,
        p50_us: None,
        p99_us: None,
        p999_us: None,
        peer_value: None,
        ratio: None,
        peer: None,
        ..row
    });
    Ok(scratch.clear("floor")?)
}
