//! `tidegate sim`: what stands in for a site where there is none. A plant that speaks MQTT over TCP, the model of its devices, PLCs
//! that are asked, and books on a disk that fails.

mod device;
pub(crate) mod floor;
mod ledger;
pub(crate) mod plant;
mod session;
mod signal;
mod site;

pub(crate) use plant::Counts;
pub(crate) use site::model;

use crate::banner::say;
use crate::cli::Sim;
use crate::failure::Failure;
use std::process::ExitCode;

pub(crate) fn run(command: &Sim) -> Result<ExitCode, Failure> {
    match command {
        Sim::Ledger(options) => ledger::run(options),
        Sim::Plant(options) => match options.plcs.devices {
            Some(devices) => floor::run(&options.plcs, devices, options.end_with_stdin),
            None => plant::run(options),
        },
        Sim::Model => {
            say(&model(""));
            Ok(ExitCode::SUCCESS)
        }
    }
}
