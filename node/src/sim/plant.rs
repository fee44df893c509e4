//! The plant: every device on a connection of its own, and one line of counts a second on standard output.

use crate::banner::say;
use crate::cli::Plant;
use crate::demo::end_with_stdin;
use crate::failure::Failure;
use crate::signals::Stops;
use crate::sim::device::Device;
use crate::sim::site::{DEVICES, places};
use serde::{Deserialize, Serialize};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout_at};

const REPORT: Duration = Duration::from_secs(1);
/// How long the end waits for acknowledgements.
const PARTING: Duration = Duration::from_secs(5);

/// What the plant says of itself. `produced = acked + dropped + waiting`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) devices: usize,
    /// Readings measured in the last second.
    pub(crate) rate: u64,
    /// Readings measured.
    pub(crate) produced: u64,
    /// Publications written to a socket; a reading that is sent again is one more.
    pub(crate) sent: u64,
    /// Readings acknowledged.
    pub(crate) acked: u64,
    /// Readings a device had no room for, unacknowledged.
    pub(crate) dropped: u64,
    pub(crate) waiting: u64,
}

/// What all devices count together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    produced: AtomicU64,
    sent: AtomicU64,
    acked: AtomicU64,
    dropped: AtomicU64,
}

impl Tally {
    pub(super) fn produce(&self) {
        self.produced.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn send(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn acknowledge(&self) {
        self.acked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self, before: Counts) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What is settled is read first, so that it is never more than what was measured.
        let (acked, dropped) = (of(&self.acked), of(&self.dropped));
        let (sent, produced) = (of(&self.sent), of(&self.produced));
        let (rate, waiting) = (produced - before.produced, produced - acked - dropped);
        Counts { devices: DEVICES, rate, produced, sent, acked, dropped, waiting }
    }
}

pub(crate) fn run(options: &Plant) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| {
        let message = format!("the plant could not start: {error}");
        Failure::message("TG-ND-006", message, "look at the limits and permissions of the process")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(work(options)).map_err(failed)
}

async fn work(options: &Plant) -> io::Result<ExitCode> {
    if options.end_with_stdin {
        end_with_stdin()?;
    }
    let mut stops = Stops::listen()?;
    let (tally, stopping, began) = (Arc::new(Tally::default()), watch::Sender::new(false), Instant::now());
    let mut devices = JoinSet::new();
    for place in places() {
        devices.spawn(Device::new(place, options.broker, tally.clone()).run(began, stopping.subscribe()));
    }
    let mut counts = Counts::default();
    let mut reports = interval(REPORT);
    loop {
        tokio::select! {
            _ = reports.tick() => counts = report(&tally, counts),
            () = stops.next() => break,
        }
    }
    tokio::spawn(stops.end_at_next());
    stopping.send_replace(true);
    let parting = async { while devices.join_next().await.is_some() {} };
    // Whoever is not done then is counted as waiting.
    let _ = timeout_at(Instant::now() + PARTING, parting).await;
    report(&tally, counts);
    Ok(ExitCode::SUCCESS)
}

fn report(tally: &Tally, before: Counts) -> Counts {
    let counts = tally.counts(before);
    let line = serde_json::to_string(&counts).expect("counts are JSON");
    say(&format!("{line}\n"));
    counts
}
