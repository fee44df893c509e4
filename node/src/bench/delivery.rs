//! `ingest.e2e*`: from the moment a publication was due to the line in the file, on a schedule, for a minute.
//!
//! A thread of its own follows the file as it grows. The load's, the watcher's and the node's CPU time are apart; only the
//! node's is in the row.

use super::child::{Node, cpu_of, memory_of};
use super::load::{Goal, PATIENCE, Scheduled, Tally, connect_all, read, runtime, scheduled};
use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::Extent;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::{Latencies, Row};

/// Between two looks at the end of the file.
const GLANCE: Duration = Duration::from_micros(500);
const READING_BYTES: usize = 58;
/// A row is longer than its payload by id, times, client and topic; a line longer than this is none of ours.
const LINE_BYTES: usize = 512;

/// A load and what it is called.
pub(super) struct Scenario {
    name: &'static str,
    per_second: u64,
    connections: usize,
    duration: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const SCENARIOS: [Scenario; 2] = [
    Scenario { name: "ingest.e2e15k", per_second: 15_000, connections: 2000, duration: MINUTE },
    Scenario { name: "ingest.e2e75k", per_second: 75_000, connections: 20, duration: MINUTE },
];

impl Scenario {
    /// One of those above, at another rate and for another time if so asked.
    pub(super) fn named(name: &str, extent: &Extent) -> Scenario {
        let is_named = |scenario: &&Scenario| scenario.name.ends_with(name);
        let scenario = SCENARIOS.iter().find(is_named).expect("each name has its scenario");
        let duration = extent.seconds.map_or(scenario.duration, Duration::from_secs);
        Scenario { per_second: extent.rate.unwrap_or(scenario.per_second), duration, ..*scenario }
    }

    pub(super) fn measure(&self, report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
        report.print(self.run(&scratch.inner("e2e"))?);
        Ok(scratch.clear("e2e")?)
    }

    fn run(&self, folder: &Path) -> Result<Row, Trouble> {
        let (node, runtime) = (Node::start(folder)?, runtime()?);
        let wires = runtime.block_on(connect_all(node.mqtt, self.connections))?;
        let load = self.load();
        let (goal, goals) = channel();
        let (file, epoch) = (folder.join("ingest/readings.ndjson"), load.epoch.into());
        let watcher = thread::spawn(move || follow(&file, epoch, &goals));
        let before = cpu_of(node.pid())?;
        let tally = runtime.block_on(scheduled(node.mqtt, wires, load))?;
        goal.send(tally.sent)?;
        let seen = watcher.join().map_err(|_| "the watcher of the file panicked")??;
        let cpu = cpu_of(node.pid())? - before;
        let row = self.row(&tally, &seen, cpu);
        Ok(Row { rss_peak_bytes: Some(memory_of(node.pid(), "VmHWM")?), ..row })
    }

    fn load(&self) -> Scheduled {
        let Scenario { per_second, duration, .. } = *self;
        let (goal, epoch) = (Goal::new(per_second * duration.as_secs()), tokio::time::Instant::now());
        Scheduled { per_second, payload_bytes: READING_BYTES, epoch, goal, watch: None }
    }

    fn row(&self, tally: &Tally, seen: &Seen, cpu: Duration) -> Row {
        let Scenario { per_second, connections, .. } = self;
        let seconds = self.duration.as_secs();
        let of = |share| Some(seen.latencies.quantile_us(share));
        Row {
            scenario: self.name.to_owned(),
            metric: "rate",
            unit: "msg/s",
            value: tally.per_second(),
            p50_us: of(0.5),
            p99_us: of(0.99),
            p999_us: of(0.999),
            cpu_us_per_op: Some(cpu.as_secs_f64() * 1e6 / seen.lines.max(1) as f64),
            lost: Some(tally.sent.saturating_sub(seen.lines)),
            resent: Some(tally.resent).filter(|resent| *resent > 0),
            load: format!(
                "{per_second} msg/s due over {connections} connections, QoS 1, {READING_BYTES} B, {seconds} s; times from due to line written"
            ),
            ..Row::default()
        }
    }
}

/// The lines that were found.
struct Seen {
    lines: u64,
    latencies: Latencies,
}

/// Reads lines as they are written, until there are as many as were sent or none comes for long.
fn follow(file: &Path, epoch: Instant, goals: &Receiver<u64>) -> io::Result<Seen> {
    let mut lines = BufReader::with_capacity(1 << 20, File::open(wait_for(file)?)?);
    let mut seen = Seen { lines: 0, latencies: Latencies::new() };
    let (mut line, mut goal, mut last) = (Vec::with_capacity(LINE_BYTES), u64::MAX, Instant::now());
    while seen.lines < goal && last.elapsed() < PATIENCE {
        lines.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            goal = match goals.try_recv() {
                Ok(sent) => sent,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => goal,
            };
            thread::park_timeout(GLANCE);
            continue;
        }
        last = Instant::now();
        if let Some((_, due)) = read(&line) {
            seen.latencies.record(last.duration_since(epoch).saturating_sub(Duration::from_nanos(due)));
        }
        seen.lines += 1;
        line.clear();
    }
    Ok(seen)
}

/// The sink makes the file when the first reading comes.
fn wait_for(file: &Path) -> io::Result<PathBuf> {
    let began = Instant::now();
    while !file.exists() {
        if began.elapsed() > PATIENCE {
            return Err(io::ErrorKind::NotFound.into());
        }
        thread::park_timeout(GLANCE);
    }
    Ok(file.to_owned())
}
