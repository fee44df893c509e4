//! `ingest.*`: the pipeline alone, from a publication to its line, and sinks in trouble; all of it or what `--only` names.

use super::delivery::Scenario;
use super::scratch::Scratch;
use super::{Report, Trouble, outage, pipeline, stall};
use crate::cli::Extent;
use crate::open_files;

const ALL: [&str; 5] = ["pipeline", "e2e15k", "e2e75k", "outage", "stall"];

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    open_files::raise();
    for name in ALL.into_iter().filter(|name| extent.wants(name)) {
        match name {
            "pipeline" => pipeline::measure(report, scratch)?,
            "outage" => outage::measure(report, scratch, extent)?,
            "stall" => stall::measure(report, scratch, extent)?,
            _ => Scenario::named(name, extent).measure(report, scratch)?,
        }
    }
    Ok(())
}
