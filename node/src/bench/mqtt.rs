//! `broker.*`: what the broker costs by itself: many connections with one publication out, few with many, one to many.
//!
//! On a node of its own, which keeps every publication in its journal and has no sink, or with `--broker` on one that runs already, so that a peer can be measured by the same load.

use super::child::{Node, cpu_of, memory_of};
use super::load::{Closed, Fan, Tally, closed, fan, runtime};
use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::{Extent, Peer};
use crate::open_files;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;
use tidegate_kernel_lab::Row;

const CONNECTIONS: usize = 2000;
const PIPELINES: usize = 10;
const IN_FLIGHT: usize = 100;
const SUBSCRIBERS: usize = 10;
/// The length of a reading in a plant: a device, a time and three values.
const READING_BYTES: usize = 58;
const FAN_BYTES: usize = 64;
const DURATION: Duration = Duration::from_secs(10);

pub(super) fn measure(
    report: &Report,
    scratch: &Scratch,
    peer: &Peer,
    extent: &Extent,
) -> Result<(), Trouble> {
    open_files::raise();
    let own = match peer.broker {
        Some(_) => None,
        None => Some(alone(scratch)?),
    };
    let (address, pid) = match (&own, peer.broker) {
        (Some(node), _) => (node.mqtt, Some(node.pid())),
        (None, Some(address)) => (address, peer.pid),
        (None, None) => return Err("there is no broker to measure".into()),
    };
    let target = Target { address, pid, duration: extent.seconds.map_or(DURATION, Duration::from_secs) };
    for (name, run) in SCENARIOS.into_iter().filter(|(name, _)| extent.wants(name)) {
        report.print(run(&target, name)?);
    }
    Ok(())
}

/// A node that passes publications on to nobody but subscribers, as any broker does.
fn alone(scratch: &Scratch) -> Result<Node, Trouble> {
    let file = scratch.inner("mqtt.toml");
    fs::write(&file, "[ingest.file]\nenabled = false\n")?;
    Node::start_with(&scratch.inner("mqtt"), &["--config".as_ref(), file.as_ref()])
}

/// The broker under load.
struct Target {
    address: SocketAddr,
    /// Whose CPU time and memory are read; nothing where that is not known.
    pid: Option<u32>,
    duration: Duration,
}

/// The name of a scenario and how it is run.
type Scenario = (&'static str, fn(&Target, &str) -> Result<Row, Trouble>);

const SCENARIOS: [Scenario; 4] = [
    ("broker.qos1.c2000", |target, name| target.closed(name, CONNECTIONS, 1)),
    ("broker.qos1.pipelined", |target, name| target.closed(name, PIPELINES, IN_FLIGHT)),
    ("broker.fanout.qos0", |target, name| target.fan(name, 0)),
    ("broker.fanout.qos1", |target, name| target.fan(name, 1)),
];

impl Target {
    fn closed(&self, scenario: &str, connections: usize, in_flight: usize) -> Result<Row, Trouble> {
        let load = Closed { connections, in_flight, payload_bytes: READING_BYTES, duration: self.duration };
        let words =
            format!("{connections} connections, QoS 1, {in_flight} in flight each, {READING_BYTES} B");
        let (tally, cpu) = self.watched(|| runtime()?.block_on(closed(self.address, load)))?;
        self.row(scenario, tally, cpu, words)
    }

    fn fan(&self, scenario: &str, qos: u8) -> Result<Row, Trouble> {
        let load = Fan { subscribers: SUBSCRIBERS, qos, payload_bytes: FAN_BYTES, duration: self.duration };
        let words = format!("1 publisher to {SUBSCRIBERS} subscribers, QoS {qos}, {FAN_BYTES} B");
        let (tally, cpu) = self.watched(|| runtime()?.block_on(fan(self.address, load)))?;
        self.row(scenario, tally, cpu, words)
    }

    fn watched(
        &self,
        load: impl FnOnce() -> std::io::Result<Tally>,
    ) -> Result<(Tally, Option<Duration>), Trouble> {
        let before = self.pid.map(cpu_of).transpose()?;
        let tally = load()?;
        let after = self.pid.map(cpu_of).transpose()?;
        Ok((tally, after.zip(before).map(|(after, before)| after - before)))
    }

    fn row(&self, scenario: &str, tally: Tally, cpu: Option<Duration>, load: String) -> Result<Row, Trouble> {
        let of = |share| tally.latencies.as_ref().map(|latencies| latencies.quantile_us(share));
        Ok(Row {
            scenario: scenario.to_owned(),
            metric: "rate",
            unit: "msg/s",
            value: tally.per_second(),
            p50_us: of(0.5),
            p99_us: of(0.99),
            p999_us: of(0.999),
            cpu_us_per_op: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / tally.arrived.max(1) as f64),
            rss_peak_bytes: self.pid.map(|pid| memory_of(pid, "VmHWM")).transpose()?,
            lost: Some(tally.sent.saturating_sub(tally.arrived)),
            load,
            ..Row::default()
        })
    }
}
