//! 2,000 devices on a schedule, the shape under test, and the sink that stalls.

use super::super::Trouble;
use super::super::child::memory_of;
use super::shape::Shape;
use serde::Deserialize;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_lab::{Latencies, process_cpu};
use tokio::runtime::Builder;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

pub(super) const WORDS: &str = "2000 devices, 15000 msg/s, 58 B JSON, a sink of 1 ms; that of telemetry stands still for 500 ms of every 2 s";

const DEVICES: u64 = 2000;
pub(super) const PER_SECOND: u64 = 15_000;
/// One delivery, however long it waited for its worker.
const SINK_TIME: Duration = Duration::from_millis(1);
const STALL_EVERY: Duration = Duration::from_secs(2);
pub(super) const STALL: Duration = Duration::from_millis(500);
/// Longer than anybody waits for the end of a benchmark.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two looks at the schedule.
const TICK: Duration = Duration::from_millis(1);
const THREADS: usize = 2;
/// Of all messages.
pub(super) const TELEMETRY_SHARE: f64 = 0.6;

/// What one run came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) sent: u64,
    pub(super) shed: u64,
    pub(super) elapsed: Duration,
    pub(super) cpu: Duration,
    /// How much more memory was resident at its worst than before.
    pub(super) rss_peak_bytes: u64,
    pub(super) all: Latencies,
    pub(super) critical: Latencies,
}

/// The class of a message, by its number: a tenth critical, three tenths process, the rest telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Critical,
    Process,
    Telemetry,
}

impl Class {
    const COUNT: usize = 3;

    fn of(number: u64) -> Class {
        match number % 10 {
            0 => Class::Critical,
            1..=3 => Class::Process,
            _ => Class::Telemetry,
        }
    }
}

#[derive(Debug)]
struct Message {
    class: Class,
    due: Instant,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Reading {
    temp: f64,
}

/// How long the sink of telemetry stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standstill {
    NowAndThen,
    Forever,
}

/// Where messages end: parsed, delivered, timed.
#[derive(Debug)]
struct Sinks {
    began: Instant,
    standstill: Standstill,
    /// Apart by class, so that the clocks do not wait for each other.
    latencies: [Mutex<Latencies>; Class::COUNT],
}

impl Sinks {
    async fn take(&self, message: Message) {
        let reading: Reading = serde_json::from_slice(&message.payload).expect("the load is JSON");
        if message.class == Class::Telemetry
            && let Some(over) = self.stalled_until()
        {
            sleep_until(over).await;
        }
        if reading.temp > 0.0 {
            sleep(SINK_TIME).await;
        }
        self.latencies[message.class as usize].lock().await.record(message.due.elapsed());
    }

    /// The end of the stall, if there is one now: the last part of every period.
    fn stalled_until(&self) -> Option<Instant> {
        if self.standstill == Standstill::Forever {
            return Some(self.began + FOREVER);
        }
        let periods = self.began.elapsed().as_nanos() / STALL_EVERY.as_nanos() + 1;
        let over = self.began + STALL_EVERY * periods as u32;
        (over - Instant::now() < STALL).then_some(over)
    }
}

/// Runs the load on a runtime of its own and waits for what was not shed.
pub(super) fn run(shape: Shape, standstill: Standstill, duration: Duration) -> Result<Outcome, Trouble> {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    forget_peak()?;
    let (memory, cpu) = (memory_of(std::process::id(), "VmRSS")?, process_cpu());
    let mut outcome = runtime.block_on(drive(shape, standstill, duration));
    outcome.cpu = process_cpu() - cpu;
    outcome.rss_peak_bytes = memory_of(std::process::id(), "VmHWM")?.saturating_sub(memory);
    Ok(outcome)
}

/// Lets the peak of resident memory begin anew.
fn forget_peak() -> io::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5")
}

async fn drive(shape: Shape, standstill: Standstill, duration: Duration) -> Outcome {
    let began = Instant::now();
    let latencies = std::array::from_fn(|_| Mutex::default());
    let sinks = Arc::new(Sinks { began, standstill, latencies });
    let mut entrance = Entrance::new(shape, &sinks);
    let mut outcome = Outcome::default();
    while began.elapsed() < duration {
        let due = (began.elapsed().as_secs_f64() * PER_SECOND as f64) as u64;
        for number in outcome.sent..due {
            outcome.shed += u64::from(!entrance.offer(message(began, number)));
        }
        outcome.sent = outcome.sent.max(due);
        sleep(TICK).await;
    }
    entrance.close().await;
    outcome.elapsed = began.elapsed();
    for class in [Class::Critical, Class::Process, Class::Telemetry] {
        outcome.all += sinks.latencies[class as usize].lock().await.clone();
    }
    outcome.critical = sinks.latencies[Class::Critical as usize].lock().await.clone();
    outcome
}

fn message(began: Instant, number: u64) -> Message {
    let due = began + Duration::from_secs_f64(number as f64 / PER_SECOND as f64);
    // All of one length: JSON has no numbers with zeros in front.
    let (device, time) = (1000 + number % DEVICES, 10_u64.pow(9) + number);
    let payload = format!(r#"{{"dev":{device},"t":{time},"temp":61.2,"vib":0.1,"cur":34}}"#);
    Message { class: Class::of(number), due, payload: payload.into_bytes() }
}

/// What the shape is from the outside: takes a message or sheds it.
struct Entrance {
    sinks: Arc<Sinks>,
    /// By class; empty where every message is a task.
    queues: Vec<Sender<Message>>,
    tasks: JoinSet<()>,
}

impl Entrance {
    fn new(shape: Shape, sinks: &Arc<Sinks>) -> Entrance {
        let mut entrance = Entrance { sinks: sinks.clone(), queues: Vec::new(), tasks: JoinSet::new() };
        match shape {
            Shape::TaskPerMessage => {}
            Shape::Channel { queue, workers } => {
                let sender = entrance.workers(queue, workers);
                entrance.queues = vec![sender; Class::COUNT];
            }
            Shape::WorkersPerClass { queue, workers } => {
                entrance.queues = (0..Class::COUNT).map(|_| entrance.workers(queue, workers)).collect();
            }
        }
        entrance
    }

    fn workers(&mut self, queue: usize, workers: usize) -> Sender<Message> {
        let (sender, receiver) = mpsc::channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..workers {
            self.tasks.spawn(work(receiver.clone(), self.sinks.clone()));
        }
        sender
    }

    fn offer(&mut self, message: Message) -> bool {
        match self.queues.get(message.class as usize) {
            Some(queue) => queue.try_send(message).is_ok(),
            None => {
                while self.tasks.try_join_next().is_some() {}
                let sinks = self.sinks.clone();
                self.tasks.spawn(async move { sinks.take(message).await });
                true
            }
        }
    }

    async fn close(mut self) {
        self.queues.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn work(queue: Arc<Mutex<Receiver<Message>>>, sinks: Arc<Sinks>) {
    loop {
        let message = queue.lock().await.recv().await;
        match message {
            Some(message) => sinks.take(message).await,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_the_load_is_58_bytes_of_json() {
        for number in [0, 999, DEVICES - 1, 3600 * PER_SECOND] {
            let message = message(Instant::now(), number);
            let reading: Reading = serde_json::from_slice(&message.payload).expect("it is JSON");
            assert!(message.payload.len() == 58 && reading.temp > 0.0, "{number}");
        }
    }
}
