//! `models.sweep`: how many workers and how long a queue are enough here, and when unbounded tasks would end.
//!
//! Workers are enough where nothing is shed with a long queue, and twice as many do not make critical messages faster by more than a tenth; a queue is enough where
//! nothing is shed through the stall.

use super::super::{Report, Trouble};
use super::budget;
use super::load::{self, Outcome, PER_SECOND};
use super::shape::Shape;
use std::time::Duration;
use tidegate_kernel_lab::Row;

const WORKERS: [usize; 7] = [4, 8, 16, 32, 64, 128, 256];
const QUEUES: [usize; 8] = [64, 128, 256, 512, 1024, 2048, 4096, 8192];
/// Two stalls.
const DURATION: Duration = Duration::from_secs(4);
/// A shorter queue may shed and still be called enough where it sheds less than one in so many.
const SHED_SHARE: u64 = 100_000;
/// Twice the workers must be faster by more than this to be worth it.
const GAIN: f64 = 0.9;

pub(super) fn measure(report: &Report) -> Result<(), Trouble> {
    let longest = QUEUES[QUEUES.len() - 1];
    let workers = enough_workers(longest)?;
    let queue = enough_queue(workers)?;
    report.print(row(
        "workers",
        "workers per class",
        workers as f64,
        format!("queue of {longest}; {}", load::WORDS),
    ));
    let words = format!("{workers} workers per class; {}", load::WORDS);
    match queue {
        Some(queue) => report.print(row("queue", "messages per class", queue as f64, words)),
        None => {
            let why = format!("the longest tried, {longest}, still sheds");
            report.print(Row { skipped: Some(why), ..row("queue", "messages per class", 0.0, words) });
        }
    }
    report.print(end_of_memory()?);
    Ok(())
}

fn enough_workers(queue: usize) -> Result<usize, Trouble> {
    let mut found = None;
    for workers in WORKERS {
        let outcome = load::run(Shape::WorkersPerClass { queue, workers }, DURATION)?;
        let slowest = outcome.critical.quantile_us(0.99);
        match found {
            _ if sheds(&outcome) => {}
            Some((_, before)) if slowest > before * GAIN => break,
            _ => found = Some((workers, slowest)),
        }
    }
    Ok(found.map_or(WORKERS[WORKERS.len() - 1], |(workers, _)| workers))
}

fn enough_queue(workers: usize) -> Result<Option<usize>, Trouble> {
    for queue in QUEUES {
        if !sheds(&load::run(Shape::WorkersPerClass { queue, workers }, DURATION)?) {
            return Ok(Some(queue));
        }
    }
    Ok(None)
}

fn sheds(outcome: &Outcome) -> bool {
    outcome.shed * SHED_SHARE >= outcome.sent
}

/// From what one stall took of memory: how long a sink may stand still until unbounded tasks have all there is.
fn end_of_memory() -> Result<Row, Trouble> {
    let outcome = load::run(Shape::TaskPerMessage, DURATION)?;
    let waiting = load::STALL.as_secs_f64() * PER_SECOND as f64 * load::TELEMETRY_SHARE;
    let bytes_per_second = outcome.rss_peak_bytes as f64 / waiting * PER_SECOND as f64;
    let words = format!("{} bytes in the worst moment; {}", outcome.rss_peak_bytes, load::WORDS);
    let row = row("memory_ends", "s of stall", 0.0, words);
    Ok(match budget::memory_bytes() {
        Some(bytes) => Row { value: bytes as f64 / bytes_per_second, ..row },
        None => Row { skipped: Some("the system does not say how much memory there is".to_owned()), ..row },
    })
}

fn row(metric: &'static str, unit: &'static str, value: f64, load: String) -> Row {
    Row { scenario: "models.sweep".to_owned(), metric, unit, value, load, ..Row::default() }
}
