//! `tidegate bench`: measures, prints rows, judges nothing. All it writes is in a scratch folder that it removes.
//!
//! Rows go to standard output as they come, words to standard error.

mod bare;
mod child;
mod commits;
mod delivery;
mod load;
mod memory;
mod models;
mod mqtt;
mod pipeline;
mod replay;
mod scratch;
mod start;

use crate::banner::say;
use crate::cli::{Bench, Subject};
use crate::failure::Failure;
use scratch::Scratch;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tidegate_kernel_lab::{Row, Setting, TABLE_HEAD};

/// What a benchmark could not go on with: the journal's errors, the system's.
type Trouble = Box<dyn Error + Send + Sync>;

/// Runs one subject to its end. Success means that it ran, whatever came out.
pub(crate) fn run(options: &Bench) -> Result<ExitCode, Failure> {
    let measured = Scratch::below(&options.data).map_err(Trouble::from).and_then(|scratch| {
        let report = Report {
            setting: Setting::here(scratch.path(), command()),
            json: options.json,
            only: options.only.clone(),
            duration: options.seconds.map(Duration::from_secs),
        };
        if !options.json {
            say(&format!("{TABLE_HEAD}\n"));
        }
        measure(options, &report, &scratch)
    });
    let failed = |error: Trouble| {
        Failure::new("TG-ND-020", &*error, "look at the disk below --data, or choose another folder")
    };
    measured.map(|()| ExitCode::SUCCESS).map_err(failed)
}

fn measure(options: &Bench, report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    match options.subject {
        Subject::Journal => {
            commits::measure(report, scratch)?;
            if report.wants("journal.memory") { memory::measure(report, scratch) } else { Ok(()) }
        }
        Subject::Ingest => {
            if report.wants("ingest.pipeline") {
                pipeline::measure(report, scratch)?;
            }
            delivery::measure(report, scratch)
        }
        Subject::Mqtt => mqtt::measure(report, scratch, &options.peer),
        Subject::Models => models::measure(report, options.sweep),
        Subject::Start => {
            start::measure(report, scratch)?;
            replay::measure(report, scratch)
        }
    }
}

/// The command line without the path of the binary.
fn command() -> String {
    let arguments = std::env::args().skip(1);
    ["tidegate".to_owned()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Where rows go.
#[derive(Debug)]
struct Report {
    setting: Setting,
    json: bool,
    only: Option<String>,
    /// Of each load, where it is not what the scenario says.
    duration: Option<Duration>,
}

impl Report {
    /// Whether this scenario is to be measured.
    fn wants(&self, scenario: &str) -> bool {
        self.only.as_deref().is_none_or(|name| scenario.contains(name))
    }

    fn duration(&self, usual: Duration) -> Duration {
        self.duration.unwrap_or(usual)
    }

    fn print(&self, row: Row) {
        let row = self.setting.stamp(row);
        let line = if self.json { row.json() } else { row.line() };
        say(&format!("{line}\n"));
    }
}
