//! `load.devices`: the load of a plant alone, on a broker that runs already and may go and come back.

use super::load::{Goal, Scheduled, connect_all, runtime, scheduled};
use super::standin::DEVICES;
use super::{Report, Trouble};
use crate::cli::Bench;
use crate::open_files;
use tidegate_kernel_lab::Row;
use tokio::time::Instant;

const PER_SECOND: u64 = 15_000;
const SECONDS: u64 = 60;
const READING_BYTES: usize = 58;

pub(super) fn measure(report: &Report, options: &Bench) -> Result<(), Trouble> {
    open_files::raise();
    let broker = options.peer.broker.expect("the command line asks for it");
    let (per_second, seconds) =
        (options.extent.rate.unwrap_or(PER_SECOND), options.extent.seconds.unwrap_or(SECONDS));
    let runtime = runtime()?;
    let wires = runtime.block_on(connect_all(broker, DEVICES as usize))?;
    let (goal, epoch) = (Goal::new(per_second * seconds), Instant::now());
    let load = Scheduled { per_second, payload_bytes: READING_BYTES, epoch, goal, watch: None };
    let tally = runtime.block_on(scheduled(broker, wires, load))?;
    report.print(Row {
        scenario: "load.devices".to_owned(),
        metric: "acknowledged",
        unit: "msg",
        value: tally.arrived as f64,
        lost: Some(tally.sent - tally.arrived),
        resent: Some(tally.resent),
        load: format!(
            "{per_second} msg/s due over {DEVICES} connections, QoS 1, {READING_BYTES} B, {seconds} s, {} sent",
            tally.sent
        ),
        ..Row::default()
    });
    Ok(())
}
