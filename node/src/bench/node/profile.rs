//! `node.profile`: what a CPU profile at 100 Hz costs a node under load, by CPU time for each message: the same load with and without it,
//! in turns of one run.
//!
//! The load goes on all the time; a turn is a window in it. Writing the names into the profile is no part of a window, and is told by
//! itself.

use super::child::{Node, bytes, cpu_of};
use super::load::{Goal, Scheduled, connect_all, runtime, scheduled};
use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::Extent;
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::Row;

const PER_SECOND: u64 = 15_000;
const CONNECTIONS: usize = 100;
const READING_BYTES: usize = 58;
/// Turns of two windows, one with a profile and one without.
const TURNS: u64 = 6;
const WINDOW: Duration = Duration::from_secs(3);
/// A second more than its window, so that it is under way all the time.
const PROFILE_S: u64 = 4;
/// Until the load is steady.
const SETTLING: Duration = Duration::from_millis(500);

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    let node = Node::start(&scratch.inner("profile"))?;
    let per_second = extent.rate.unwrap_or(PER_SECOND);
    let goal = Goal::new(u64::MAX);
    let (address, ours) = (node.mqtt, goal.clone());
    let load = thread::spawn(move || publish(address, per_second, ours).map_err(|error| error.to_string()));
    let turns = (0..TURNS).map(|_| Turn::run(&node, per_second)).collect::<Result<Vec<_>, _>>();
    // All that is due by now has been sent or will be; what comes behind it is not.
    goal.bring_forward(0);
    load.join().map_err(|_| "the load panicked")??;
    let (turns, seconds) = (turns?, WINDOW.as_secs());
    let load = format!(
        "{per_second} msg/s due over {CONNECTIONS} connections, QoS 1, {READING_BYTES} B, to the file; {TURNS} turns of {seconds} s with and {seconds} s without"
    );
    report.print(cost(&turns, &load));
    report.print(naming(&turns, &load));
    drop(node);
    Ok(scratch.clear("profile")?)
}

fn publish(address: std::net::SocketAddr, per_second: u64, goal: Goal) -> std::io::Result<()> {
    runtime()?.block_on(async {
        let wires = connect_all(address, CONNECTIONS).await?;
        let epoch = tokio::time::Instant::now();
        let load = Scheduled { per_second, payload_bytes: READING_BYTES, epoch, goal };
        scheduled(address, wires, load).await.map(drop)
    })
}

/// CPU time of the node for each message, in microseconds.
struct Turn {
    without: f64,
    with: f64,
    /// From the end of the samples to the end of the answer, in milliseconds.
    naming_ms: f64,
}

impl Turn {
    fn run(node: &Node, per_second: u64) -> Result<Turn, Trouble> {
        thread::park_timeout(SETTLING);
        let without = window(node, per_second)?;
        let (address, path) = (node.admin(), format!("/debug/pprof/profile?seconds={PROFILE_S}"));
        let profile = thread::spawn(move || {
            let began = Instant::now();
            bytes(address, &path).map(|answer| (answer, began.elapsed()))
        });
        thread::park_timeout(SETTLING / 2);
        let with = window(node, per_second)?;
        let (answer, took) = profile.join().map_err(|_| "asking for a profile panicked")??;
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err("the node gave no profile".into());
        }
        let naming = took.saturating_sub(Duration::from_secs(PROFILE_S));
        Ok(Turn { without, with, naming_ms: naming.as_secs_f64() * 1e3 })
    }
}

fn window(node: &Node, per_second: u64) -> Result<f64, Trouble> {
    let (began, before) = (Instant::now(), cpu_of(node.pid())?);
    thread::park_timeout(WINDOW);
    let (took, cpu) = (began.elapsed(), cpu_of(node.pid())? - before);
    Ok(cpu.as_secs_f64() * 1e6 / (took.as_secs_f64() * per_second as f64))
}

fn cost(turns: &[Turn], load: &str) -> Row {
    let sum = |of: fn(&Turn) -> f64| turns.iter().map(of).sum::<f64>() / turns.len() as f64;
    let (with, without) = (sum(|turn| turn.with), sum(|turn| turn.without));
    let each: Vec<_> =
        turns.iter().map(|turn| format!("{:+.1}", (turn.with / turn.without - 1.0) * 100.0)).collect();
    Row {
        scenario: "node.profile".to_owned(),
        metric: "cost",
        unit: "%",
        value: (with / without - 1.0) * 100.0,
        cpu_us_per_op: Some(with),
        peer: Some("the same without a profile, us/op"),
        peer_value: Some(without),
        ratio: Some(with / without),
        load: format!("{load}; each turn: {} %", each.join(", ")),
        ..Row::default()
    }
}

fn naming(turns: &[Turn], load: &str) -> Row {
    let value = turns.iter().map(|turn| turn.naming_ms).fold(0.0, f64::max);
    Row {
        scenario: "node.profile".to_owned(),
        metric: "naming",
        unit: "ms",
        value,
        load: format!("{load}; the longest of them"),
        ..Row::default()
    }
}
