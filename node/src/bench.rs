//! `tidegate bench`: measures, prints rows, judges nothing. All it writes is in a scratch folder that it removes.
//!
//! Rows go to standard output as they come, words to standard error.

mod bare;
mod child;
mod commits;
mod delivery;
mod devices;
mod floor;
mod ingest;
mod ledger;
mod load;
mod memory;
mod models;
mod mqtt;
mod node;
mod outage;
mod pipeline;
mod plant;
mod replay;
mod scratch;
mod stall;
mod standin;
mod start;

use crate::banner::say;
use crate::cli::{Bench, Subject};
use crate::failure::Failure;
use crate::progress;
use scratch::Scratch;
use std::error::Error;
use std::process::ExitCode;
use tidegate_kernel_lab::{Row, Setting, TABLE_HEAD};

/// What a benchmark could not go on with: the journal's errors, the system's.
type Trouble = Box<dyn Error + Send + Sync>;

/// Runs one subject to its end. Success means that it ran, whatever came out.
pub(crate) fn run(options: &Bench) -> Result<ExitCode, Failure> {
    let measured = match options.subject {
        Subject::StandIn => standin::serve(options.extent.influx),
        Subject::EndlessStall => models::endless(options.shape.as_deref().unwrap_or_default()),
        _ => Scratch::below(&options.data).map_err(Trouble::from).and_then(|scratch| {
            let report = Report { setting: Setting::here(scratch.path(), command()), json: options.json };
            // A child's rows stand under its parent's head.
            if !options.json && options.shape.is_none() {
                say(&format!("{TABLE_HEAD}\n"));
            }
            progress::during("measuring", options.json, || measure(options, &report, &scratch))
        }),
    };
    let failed = |error: Trouble| {
        Failure::new("TG-ND-020", &*error, "look at the disk below --data, or choose another folder")
    };
    measured.map(|()| ExitCode::SUCCESS).map_err(failed)
}

fn measure(options: &Bench, report: &Report, scratch: &Scratch) -> Result<(), Trouble> {
    match options.subject {
        Subject::Journal => {
            commits::measure(report, scratch)?;
            memory::measure(report, scratch)
        }
        Subject::Ingest => ingest::measure(report, scratch, &options.extent),
        Subject::Ledger => ledger::measure(report, scratch, &options.extent),
        Subject::Load => devices::measure(report, options),
        Subject::Mqtt => mqtt::measure(report, scratch, &options.peer, &options.extent),
        Subject::Models => models::measure(report, options),
        Subject::Node => node::measure(report, scratch, &options.extent),
        Subject::Plant => floor::measure(report, scratch, &options.extent),
        Subject::StandIn | Subject::EndlessStall => Err("what others start measures nothing".into()),
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
}

impl Report {
    fn print(&self, row: Row) {
        let row = self.setting.stamp(row);
        let line = if self.json { row.json() } else { row.line() };
        progress::clear();
        say(&format!("{line}\n"));
    }
}
