//! `models.*`: three ways to hand a message from its socket to a sink, on one load, with a sink that stalls.
//!
//! A task for each message; one bounded channel with its workers; a bounded channel with its own workers for each class. The load
//! is 2,000 devices on a schedule, in a process of its own for each, so that no shape finds memory that another one left; a message that finds a full channel is shed and counted. With a sweep: which
//! queue and how many workers are enough here, and how long a stall may last before unbounded tasks have used up the memory that
//! this process may have.

mod budget;
mod ending;
mod load;
mod shape;
mod sweep;

use super::{Report, Trouble};
use crate::cli::Bench;
pub(super) use ending::endless;
use load::{Outcome, Standstill};
use shape::Shape;
use std::process::Command;
use std::time::Duration;
use tidegate_kernel_lab::{Latencies, Row};

const DURATION: Duration = Duration::from_secs(6);
/// What the plant that this product grew from queues, with two workers for each of its two processors.
const QUEUE: usize = 512;
const WORKERS: usize = 64;

/// All shapes, or in a child the one that it was told.
pub(super) fn measure(report: &Report, options: &Bench) -> Result<(), Trouble> {
    if let Some(shape) = &options.shape {
        let shape = Shape::read(shape).ok_or("this is no shape")?;
        let outcome = load::run(shape, Standstill::NowAndThen, DURATION)?;
        rows(shape, &outcome).into_iter().for_each(|row| report.print(row));
        return Ok(());
    }
    let shapes = [
        Shape::TaskPerMessage,
        Shape::Channel { queue: QUEUE, workers: WORKERS },
        Shape::WorkersPerClass { queue: QUEUE, workers: WORKERS / 2 },
    ];
    for shape in shapes {
        apart(shape, options)?;
    }
    if options.sweep { sweep::measure(report) } else { Ok(()) }
}

/// In a child, whose rows go where ours do.
fn apart(shape: Shape, options: &Bench) -> Result<(), Trouble> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "models", "--shape", &shape.written()]).arg("--data").arg(&options.data);
    let status = command.args(options.json.then_some("--json")).status()?;
    if status.success() { Ok(()) } else { Err(format!("the child ended with {status}").into()) }
}

/// One row for all messages and one for the critical ones, whose own sink never stalls.
fn rows(shape: Shape, outcome: &Outcome) -> [Row; 2] {
    let row = |metric, latencies: &Latencies| {
        let of = |share| Some(latencies.quantile_us(share));
        Row {
            scenario: format!("models.{}", shape.name()),
            metric,
            unit: "msg/s",
            value: latencies.count() as f64 / outcome.elapsed.as_secs_f64(),
            p50_us: of(0.5),
            p99_us: of(0.99),
            p999_us: of(0.999),
            cpu_us_per_op: Some(outcome.cpu.as_secs_f64() * 1e6 / outcome.sent.max(1) as f64),
            rss_peak_bytes: Some(outcome.rss_peak_bytes),
            lost: Some(outcome.shed),
            load: format!("{}; {}", shape.words(), load::WORDS),
            ..Row::default()
        }
    };
    [row("all", &outcome.all), row("critical", &outcome.critical)]
}
