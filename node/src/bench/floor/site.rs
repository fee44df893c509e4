//! Simulated PLCs on a thread of this process, a node that asks them, and what there is to see of both for a while.

use super::load::Load;
use super::meter::Meter;
use crate::bench::Trouble;
use crate::bench::child::{Node, cpu_of, memory_of};
use crate::bench::scratch::Scratch;
use crate::sim::floor::Floor;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};
use tidegate_kernel_lab::{Latencies, Row};
use tokio::runtime::{Builder, Runtime};

/// Until every device that answers was asked twice.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);
/// Before anything counts: those that are dead are found out, and queues find their sizes.
const SETTLING: Duration = Duration::from_secs(6);

pub(super) struct Site {
    pub(super) load: Load,
    node: Node,
    meter: Meter,
    /// Nothing while the PLCs are killed.
    served: Option<Served>,
}

/// The PLCs, and the thread that serves them.
struct Served {
    floor: Floor,
    _thread: Runtime,
}

/// What there was to see for a while.
pub(super) struct Window {
    pub(super) jitter: Latencies,
    /// Of the node.
    pub(super) cpu: Duration,
    pub(super) elapsed: Duration,
    /// Times that were over before a device could be asked, and reads that failed.
    pub(super) missed: u64,
    /// Connections that PLCs took meanwhile.
    pub(super) connections: u64,
    pub(super) rss_peak_bytes: u64,
}

impl Site {
    /// Comes back when everything runs as it will. `sinks` is more of the node's configuration.
    pub(super) fn start(scratch: &Scratch, load: &Load, sinks: &str) -> Result<Site, Trouble> {
        let meter = Meter::default();
        let served = Served::open(load, &meter, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let file = scratch.inner("floor.toml");
        fs::write(
            &file,
            format!("[ingest.file]\nenabled = false\n{sinks}{}", load.config(&served.floor.plcs)),
        )?;
        let node = Node::start_with(&scratch.inner("floor"), &["--config".as_ref(), file.as_ref()])?;
        let site = Site { load: *load, node, meter, served: Some(served) };
        site.settle()?;
        Ok(site)
    }

    fn settle(&self) -> Result<(), Trouble> {
        let began = Instant::now();
        while self.meter.noted().devices < self.load.alive() {
            if began.elapsed() > PATIENCE {
                return Err(format!("only {} devices were asked", self.meter.noted().devices).into());
            }
            thread::park_timeout(GLANCE);
        }
        pass(SETTLING);
        Ok(())
    }

    pub(super) fn watch(&self, time: Duration) -> Result<Window, Trouble> {
        let (began, cpu) = (Instant::now(), cpu_of(self.node.pid())?);
        let (connections, missed) = (self.connections(), self.missed()?);
        self.meter.take();
        pass(time);
        Ok(Window {
            jitter: self.meter.take(),
            cpu: cpu_of(self.node.pid())? - cpu,
            elapsed: began.elapsed(),
            missed: self.missed()? - missed,
            connections: self.connections() - connections,
            rss_peak_bytes: memory_of(self.node.pid(), "VmHWM")?,
        })
    }

    fn connections(&self) -> u64 {
        self.served.as_ref().map_or(0, |served| served.floor.counts.connections())
    }

    /// Values that the node has read so far.
    pub(super) fn values(&self) -> Result<u64, Trouble> {
        let driver = self.load.protocol.name();
        self.node.metric(&format!("tidegate_plant_values_total{{driver=\"{driver}\"}}"))
    }

    /// Until the node has read so many values.
    pub(super) fn read(&self, values: u64) -> Result<(), Trouble> {
        let began = Instant::now();
        while self.values()? < values {
            if began.elapsed() > PATIENCE {
                return Err(format!("only {} values were read", self.values()?).into());
            }
            thread::park_timeout(GLANCE);
        }
        Ok(())
    }

    /// Kills the PLCs, and serves them again at the same place after a while; when they accept connections again.
    pub(super) fn restart(&mut self, outage: Duration) -> Result<Instant, Trouble> {
        let first = self.served.take().ok_or("no PLC is served")?.floor.plcs[0].1;
        pass(outage);
        self.served = Some(Served::open(&self.load, &self.meter, first)?);
        Ok(Instant::now())
    }

    fn missed(&self) -> Result<u64, Trouble> {
        let driver = self.load.protocol.name();
        let of = |outcome| {
            self.node
                .metric(&format!("tidegate_plant_cycles_total{{driver=\"{driver}\",outcome=\"{outcome}\"}}"))
        };
        Ok(of("missed")? + of("failed")?)
    }
}

impl Served {
    fn open(load: &Load, meter: &Meter, first: SocketAddr) -> Result<Served, Trouble> {
        let thread = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let floor = thread.block_on(Floor::open(load.plcs(meter), first))?;
        Ok(Served { floor, _thread: thread })
    }
}

fn pass(time: Duration) {
    let began = Instant::now();
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

impl Window {
    /// With how punctual reads were.
    pub(super) fn row(&self, scenario: &str, load: &Load) -> Row {
        let of = |share| self.jitter.quantile_us(share);
        Row {
            scenario: scenario.to_owned(),
            metric: "jitter",
            unit: "us, p99",
            value: of(0.99),
            p50_us: Some(of(0.5)),
            p99_us: Some(of(0.99)),
            p999_us: Some(of(0.999)),
            rss_peak_bytes: Some(self.rss_peak_bytes),
            load: format!(
                "{}; {} intervals in {} s, as the PLCs see them, {} reads missed or failed, {} new connections; no sink",
                load.words(),
                self.jitter.count(),
                self.elapsed.as_secs(),
                self.missed,
                self.connections,
            ),
            ..Row::default()
        }
    }

    /// The node's CPU time, of one core.
    pub(super) fn cpu_percent(&self) -> f64 {
        100.0 * self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}
