//! One round of a closed-loop load: so many threads, each doing one operation after another, for so long.
//!
//! Starts threads and ends them before it returns. Bounded by its duration and by the slowest operation.

use crate::latencies::Latencies;
use crate::setting::process_cpu;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How hard and how long.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub threads: usize,
    pub duration: Duration,
}

/// What a round measured.
#[derive(Debug)]
pub struct Round {
    pub operations: u64,
    pub elapsed: Duration,
    /// Of the whole process, whoever spent it.
    pub cpu: Duration,
    pub latencies: Latencies,
}

impl Round {
    pub fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    pub fn cpu_us_per_operation(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.operations.max(1) as f64
    }
}

/// Runs `operation` on each thread again and again. The first error ends that thread's part and is returned.
pub fn drive<E: Send>(load: Load, operation: impl Fn() -> Result<(), E> + Sync) -> Result<Round, E> {
    let (start, stop) = (Barrier::new(load.threads + 1), AtomicBool::new(false));
    let one = || {
        start.wait();
        let (mut operations, mut latencies) = (0, Latencies::new());
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            operation()?;
            latencies.record(began.elapsed());
            operations += 1;
        }
        Ok((operations, latencies))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..load.threads).map(|_| scope.spawn(one)).collect();
        start.wait();
        let (began, cpu_before) = (Instant::now(), process_cpu());
        rest(load.duration);
        stop.store(true, Ordering::Relaxed);
        let mut round =
            Round { operations: 0, elapsed: began.elapsed(), cpu: cpu_before, latencies: Latencies::new() };
        for thread in threads {
            let (operations, latencies) =
                thread.join().expect("an operation returns errors and does not panic")?;
            round.operations += operations;
            round.latencies += latencies;
        }
        round.elapsed = began.elapsed();
        round.cpu = process_cpu().saturating_sub(cpu_before);
        Ok(round)
    })
}

/// Stands by while the load runs.
fn rest(duration: Duration) {
    let began = Instant::now();
    while let Some(left) = duration.checked_sub(began.elapsed()) {
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_operation_is_counted_once_whichever_thread_did_it() {
        let done = AtomicU64::new(0);
        let load = Load { threads: 3, duration: Duration::from_millis(20) };
        let round = drive(load, || {
            done.fetch_add(1, Ordering::Relaxed);
            Ok::<(), ()>(())
        });
        let round = round.unwrap();
        assert_eq!(round.operations, done.into_inner());
        assert!(round.operations > 0 && round.elapsed >= load.duration);
    }

    #[test]
    fn an_operation_that_fails_ends_the_round_with_its_error() {
        let load = Load { threads: 2, duration: Duration::from_millis(1) };
        assert_eq!(drive(load, || Err("no room")).unwrap_err(), "no room");
    }
}
