//! `node.profile`: what a CPU profile at 100 Hz costs a node under load, by CPU time for each message: many short pairs of a window with a
//! profile and one without, in turns.
//!
//! The load goes on all the time. What else the machine does changes slowly beside a pair, so the two of a pair are compared, and the
//! middle of all pairs is told with how sure it is. Writing the names into the profile is no part of a window, and is told by itself.

use crate::bench::child::{Node, bytes, cpu_of_threads};
use crate::bench::load::{Goal, Scheduled, connect_all, runtime, scheduled};
use crate::bench::scratch::Scratch;
use crate::bench::{Report, Trouble};
use crate::cli::Extent;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::{Row, median, median_bounds, quantile};

const PER_SECOND: u64 = 15_000;
const CONNECTIONS: usize = 100;
const READING_BYTES: usize = 58;
/// Pairs; with `--seconds` as many as there is time for.
const PAIRS: u64 = 36;
const PAIR_S: u64 = 4;
const WINDOW: Duration = Duration::from_millis(1500);
/// More than its window and what comes before that, so that it is under way all the time.
const PROFILE_S: u64 = 2;
/// Before each window: what came before it is over, or what it is about has begun.
const SETTLING: Duration = Duration::from_millis(250);

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    let node = Node::start(&scratch.inner("profile"))?;
    let per_second = extent.rate.unwrap_or(PER_SECOND);
    let count = extent.seconds.map_or(PAIRS, |seconds| seconds.div_ceil(PAIR_S));
    let goal = Goal::new(u64::MAX);
    let (address, ours) = (node.mqtt, goal.clone());
    let load = thread::spawn(move || publish(address, per_second, ours).map_err(|error| error.to_string()));
    let pairs = (0..count).map(|number| Pair::run(&node, number, per_second)).collect::<Result<Vec<_>, _>>();
    // All that is due by now has been sent or will be; what comes behind it is not.
    goal.bring_forward(0);
    load.join().map_err(|_| "the load panicked")??;
    let (pairs, window_ms) = (pairs?, WINDOW.as_millis());
    let load = format!(
        "{per_second} msg/s due over {CONNECTIONS} connections, QoS 1, {READING_BYTES} B, to the file; {count} pairs of {window_ms} ms with \
         and {window_ms} ms without, each other pair the other way round"
    );
    report.print(cost(&pairs, &load));
    report.print(naming(&pairs, &load));
    drop(node);
    Ok(scratch.clear("profile")?)
}

fn publish(address: SocketAddr, per_second: u64, goal: Goal) -> std::io::Result<()> {
    runtime()?.block_on(async {
        let wires = connect_all(address, CONNECTIONS).await?;
        let epoch = tokio::time::Instant::now();
        let load = Scheduled { per_second, payload_bytes: READING_BYTES, epoch, goal, watch: None };
        scheduled(address, wires, load).await.map(drop)
    })
}

/// CPU time of the node for each message, in microseconds.
struct Pair {
    without: f64,
    with: f64,
    /// From the end of the samples to the end of the answer, in milliseconds.
    naming_ms: f64,
}

impl Pair {
    fn run(node: &Node, number: u64, per_second: u64) -> Result<Pair, Trouble> {
        if number.is_multiple_of(2) {
            let without = window(node, per_second)?;
            let (with, naming_ms) = profiled(node, per_second)?;
            return Ok(Pair { without, with, naming_ms });
        }
        let (with, naming_ms) = profiled(node, per_second)?;
        Ok(Pair { without: window(node, per_second)?, with, naming_ms })
    }

    /// In percent.
    fn cost(&self) -> f64 {
        (self.with / self.without - 1.0) * 100.0
    }
}

/// A window within a profile, and how long that took beyond its samples.
fn profiled(node: &Node, per_second: u64) -> Result<(f64, f64), Trouble> {
    let (address, path) = (node.admin(), format!("/debug/pprof/profile?seconds={PROFILE_S}"));
    let profile = thread::spawn(move || {
        let began = Instant::now();
        bytes(address, &path).map(|answer| (answer, began.elapsed()))
    });
    let with = window(node, per_second)?;
    let (answer, took) = profile.join().map_err(|_| "asking for a profile panicked")??;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err("the node gave no profile".into());
    }
    Ok((with, took.saturating_sub(Duration::from_secs(PROFILE_S)).as_secs_f64() * 1e3))
}

fn window(node: &Node, per_second: u64) -> Result<f64, Trouble> {
    thread::park_timeout(SETTLING);
    let (began, before) = (Instant::now(), cpu_of_threads(node.pid())?);
    thread::park_timeout(WINDOW);
    let (took, cpu) = (began.elapsed(), cpu_of_threads(node.pid())?.since(&before));
    Ok(cpu.as_secs_f64() * 1e6 / (took.as_secs_f64() * per_second as f64))
}

fn cost(pairs: &[Pair], load: &str) -> Row {
    let over = |of: fn(&Pair) -> f64| median(pairs.iter().map(of).collect());
    let costs: Vec<f64> = pairs.iter().map(Pair::cost).collect();
    let [low, high] = [0.25, 0.75].map(|share| quantile(costs.clone(), share));
    let (value, without) = (over(Pair::cost), over(|pair| pair.without));
    Row {
        scenario: "node.profile".to_owned(),
        metric: "cost",
        unit: "%",
        value,
        between: Some(median_bounds(costs)),
        cpu_us_per_op: Some(over(|pair| pair.with)),
        peer: Some("the same without a profile, us/op"),
        peer_value: Some(without),
        ratio: Some(value / 100.0 + 1.0),
        load: format!("{load}; median of the pairs, half of which are from {low:+.1} to {high:+.1} %"),
        ..Row::default()
    }
}

fn naming(pairs: &[Pair], load: &str) -> Row {
    let value = pairs.iter().map(|pair| pair.naming_ms).fold(0.0, f64::max);
    Row {
        scenario: "node.profile".to_owned(),
        metric: "naming",
        unit: "ms",
        value,
        load: format!("{load}; the longest of them"),
        ..Row::default()
    }
}
