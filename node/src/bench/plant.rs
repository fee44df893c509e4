//! A plant of 2,000 devices on a node whose sinks are stand-ins for InfluxDB: what the scenarios of sinks in trouble have in common.
//!
//! The load runs in a thread, the node and each stand-in in processes of their own; only the node's CPU time and memory are told.

use super::Trouble;
use super::child::{Node, cpu_of, memory_of};
use super::load::{Goal, PATIENCE, Scheduled, Tally, connect_all, runtime, scheduled};
use super::scratch::Scratch;
use super::standin::{CRITICAL_DEVICES, DEVICES, StandIn, Told};
use crate::cli::Extent;
use std::fmt::Write;
use std::fs;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidegate_kernel_lab::{Cell, Row, SMALL_NODE_BYTES};
use tokio::time::Instant;

const READING_BYTES: usize = 58;
const PER_SECOND: u64 = 15_000;
/// Messages that are still to come when a load is brought to its end.
const END_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Plant {
    node: Node,
    cell: Result<Cell, String>,
    pub(super) sinks: Vec<StandIn>,
    load: Scheduled,
    running: JoinHandle<io::Result<Tally>>,
    cpu_before: Duration,
}

/// What a run came to.
pub(super) struct Outcome {
    pub(super) tally: Tally,
    /// By sink.
    pub(super) told: Vec<Told>,
    pub(super) cpu: Duration,
    pub(super) rss_peak_bytes: u64,
    pub(super) budget_bytes: u64,
    /// Where the node ran and what was put on it.
    pub(super) words: String,
}

impl Plant {
    /// Everything runs; the first publication is due now. Without a goal the load would end after `longest`.
    pub(super) fn start(
        scratch: &Scratch,
        names: &[&str],
        extent: &Extent,
        longest: Duration,
    ) -> Result<Plant, Trouble> {
        let mut sinks =
            names.iter().map(|_| StandIn::start(extent.influx)).collect::<Result<Vec<_>, Trouble>>()?;
        let file = scratch.inner("plant.toml");
        fs::write(&file, config(names.iter().copied().zip(&sinks)))?;
        let node = Node::start_with(&scratch.inner("plant"), &["--config".as_ref(), file.as_ref()])?;
        let cell = Cell::new(SMALL_NODE_BYTES).and_then(|cell| {
            cell.admit(node.pid()).map(|()| cell).map_err(|error| format!("nobody is let in: {error}"))
        });
        let runtime = runtime()?;
        let wires = runtime.block_on(connect_all(node.mqtt, DEVICES as usize))?;
        let (per_second, epoch) = (extent.rate.unwrap_or(PER_SECOND), Instant::now());
        let goal = Goal::new(per_second * longest.as_secs());
        let load = Scheduled { per_second, payload_bytes: READING_BYTES, epoch, goal, watch: None };
        sinks.iter_mut().try_for_each(|sink| sink.begin(epoch))?;
        let (address, cpu_before, publishing) = (node.mqtt, cpu_of(node.pid())?, load.clone());
        let running = thread::spawn(move || runtime.block_on(scheduled(address, wires, publishing)));
        Ok(Plant { node, cell, sinks, load, running, cpu_before })
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.load.epoch.elapsed()
    }

    /// Comes back when so long has passed since the first publication.
    pub(super) fn pass_until(&self, elapsed: Duration) {
        while let Some(left) = elapsed.checked_sub(self.elapsed()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
    }

    /// From what is due now on it is another window, for all sinks; where it begins.
    pub(super) fn open_window(&mut self) -> Result<u64, Trouble> {
        let from = self.load.due_by(self.elapsed());
        self.sinks.iter_mut().try_for_each(|sink| sink.open_window(from))?;
        Ok(from)
    }

    /// Ends the load soon and waits until every sink has everything, or gets nothing more for long.
    pub(super) fn finish(mut self) -> Result<Outcome, Trouble> {
        let total = self.load.due_by(self.elapsed() + END_WAIT);
        self.load.goal.bring_forward(total);
        let tally = self.running.join().map_err(|_| "the load panicked")??;
        let settled = self.sinks.iter_mut().map(|sink| sink.settled(tally.sent, PATIENCE));
        let told = settled.collect::<Result<Vec<_>, Trouble>>()?;
        let cpu = cpu_of(self.node.pid())? - self.cpu_before;
        let place = match &self.cell {
            Ok(cell) => format!("in {}", cell.words()),
            Err(why) => format!("in no cgroup ({why}), memory read from VmHWM"),
        };
        let (per_second, seconds) = (self.load.per_second, tally.elapsed.as_secs());
        let words = format!(
            "{per_second} msg/s due over {DEVICES} connections, {CRITICAL_DEVICES} of them critical, QoS 1, {READING_BYTES} B, {seconds} s; \
             the node {place}"
        );
        Ok(Outcome {
            tally,
            told,
            cpu,
            rss_peak_bytes: memory_of(self.node.pid(), "VmHWM")?,
            budget_bytes: self.node.metric("tidegate_process_budget_bytes{")?,
            words,
        })
    }
}

impl Outcome {
    /// A row of this run with what is the same in all of them.
    pub(super) fn row(&self, scenario: &str, metric: &'static str) -> Row {
        let lost = |told: &Told| self.tally.sent.saturating_sub(told.seen);
        Row {
            scenario: scenario.to_owned(),
            metric,
            cpu_us_per_op: Some(self.cpu.as_secs_f64() * 1e6 / self.tally.sent.max(1) as f64),
            lost: Some(self.told.iter().map(lost).max().unwrap_or_default()),
            resent: Some(self.tally.resent).filter(|resent| *resent > 0),
            rss_peak_bytes: Some(self.rss_peak_bytes),
            budget_bytes: Some(self.budget_bytes),
            load: self.words.clone(),
            ..Row::default()
        }
    }
}

/// Batches go within 20 ms, and what is on the first hundred devices' topics is critical.
fn config<'a>(sinks: impl Iterator<Item = (&'a str, &'a StandIn)>) -> String {
    let mut text = format!(
        "[mqtt]\nconnections_max = {}\npacket_bytes_max = \"16 KiB\"\n[ingest]\ncritical = [\"f/0/#\"]\n",
        DEVICES + 10
    );
    for (name, sink) in sinks {
        let address = sink.address;
        writeln!(
            text,
            "[ingest.influx.{name}]\nurl = \"http://{address}\"\ndatabase = \"plant\"\nmeasurement = \"readings\"\n\
             [ingest.influx.{name}.delivery]\nbatch_age = \"20 ms\"\nlive_share_percent = 90"
        )
        .expect("writing to a string does not fail");
    }
    text
}
