//! Whether a runtime moves: a task on it that counts, and a thread outside that looks whether it does.
//!
//! Looks are counted, not time: a process that was stopped as a whole misses beats and looks alike, and nothing is stuck for that.

use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidegate_kernel_plug::{listed, waiting_on};
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

/// More often than anybody looks.
const BEAT: Duration = Duration::from_millis(400);

/// A runtime under watch.
#[derive(Debug)]
pub(crate) struct Heart {
    name: &'static str,
    runtime: Handle,
    beats: Arc<AtomicU64>,
    /// At the last look.
    seen: AtomicU64,
    /// Looks in a row without a beat between them.
    missed: AtomicU64,
}

/// A runtime as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runtime {
    pub runtime: &'static str,
    pub workers: usize,
    /// Tasks that have not ended.
    pub tasks: usize,
    /// Tasks that wait for a worker, in the queue all workers share.
    pub queued: usize,
    /// Seconds without a beat; 0 while it moves.
    pub stuck_s: u64,
}

impl Heart {
    /// Beats as long as the runtime lives.
    pub(crate) fn start(name: &'static str, runtime: Handle) -> Heart {
        let beats = Arc::new(AtomicU64::new(0));
        runtime.spawn(listed("probe", format!("heart of {name}"), beat(beats.clone())));
        Heart { name, runtime, beats, seen: AtomicU64::new(0), missed: AtomicU64::new(0) }
    }

    /// Once a second.
    pub(crate) fn look(&self) {
        let beats = self.beats.load(Ordering::Relaxed);
        if self.seen.swap(beats, Ordering::Relaxed) == beats {
            self.missed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.missed.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn told(&self) -> Runtime {
        let metrics = self.runtime.metrics();
        Runtime {
            runtime: self.name,
            workers: metrics.num_workers(),
            tasks: metrics.num_alive_tasks(),
            queued: metrics.global_queue_depth(),
            stuck_s: self.missed.load(Ordering::Relaxed),
        }
    }
}

async fn beat(beats: Arc<AtomicU64>) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        waiting_on("the next beat", ticks.tick()).await;
        beats.fetch_add(1, Ordering::Relaxed);
    }
}
