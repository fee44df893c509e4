//! `models.sweep`: how many workers and how long a queue are enough here, and when unbounded tasks end.
//!
//! Workers are enough where nothing is shed with a long queue, which is empty soon after the last stall, and twice as many do not make
//! critical messages faster by more than a tenth; a queue is enough where nothing is shed through the stall.

use super::super::{Report, Trouble};
use super::ending;
use super::load::{self, Outcome, STALL, Standstill};
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
    ending::measure(report, Shape::WorkersPerClass { queue: queue.unwrap_or(longest), workers })
}

fn enough_workers(queue: usize) -> Result<usize, Trouble> {
    let mut found = None;
    for workers in WORKERS {
        let outcome = run(queue, workers)?;
        let slowest = outcome.critical.quantile_us(0.99);
        match found {
            _ if sheds(&outcome) || lags(&outcome) => {}
            Some((_, before)) if slowest > before * GAIN => break,
            _ => found = Some((workers, slowest)),
        }
    }
    Ok(found.map_or(WORKERS[WORKERS.len() - 1], |(workers, _)| workers))
}

fn enough_queue(workers: usize) -> Result<Option<usize>, Trouble> {
    for queue in QUEUES {
        if !sheds(&run(queue, workers)?) {
            return Ok(Some(queue));
        }
    }
    Ok(None)
}

fn run(queue: usize, workers: usize) -> Result<Outcome, Trouble> {
    load::run(Shape::WorkersPerClass { queue, workers }, Standstill::NowAndThen, DURATION)
}

fn sheds(outcome: &Outcome) -> bool {
    outcome.shed * SHED_SHARE >= outcome.sent
}

/// Whether more was waiting at the end than the last stall had left.
fn lags(outcome: &Outcome) -> bool {
    outcome.elapsed > DURATION + 2 * STALL
}

fn row(metric: &'static str, unit: &'static str, value: f64, load: String) -> Row {
    Row { scenario: "models.sweep".to_owned(), metric, unit, value, load, ..Row::default() }
}
