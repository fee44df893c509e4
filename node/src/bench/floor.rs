//! `plant.*`: devices that are asked, simulated in this process, and a node in one of its own that asks them. How punctual it is as the
//! PLCs see it, and what that costs the node; all of it or what `--only` names.

mod dead;
mod load;
mod meter;
mod opcua;
mod pace;
mod site;
mod stall;

use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::Extent;
use crate::open_files;
use load::Load;
use std::time::Duration;

const ALL: [&str; 6] = ["modbus1s", "modbus200ms", "s7", "dead10", "opcua", "stall"];
const SECONDS: u64 = 60;

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    open_files::raise();
    let time = Duration::from_secs(extent.seconds.unwrap_or(SECONDS));
    for name in ALL.into_iter().filter(|name| extent.wants(name)) {
        match name {
            "modbus1s" => pace::measure(report, scratch, "plant.modbus1s", &Load::SLOW, time)?,
            "modbus200ms" => pace::measure(report, scratch, "plant.modbus200ms", &Load::FAST, time)?,
            "s7" => {
                pace::measure(report, scratch, "plant.s7", &Load::CONTIGUOUS, time)?;
                pace::measure(report, scratch, "plant.s7", &Load::SCATTERED, time)?;
            }
            "dead10" => dead::measure(report, scratch, time)?,
            "opcua" => opcua::measure(report, scratch, time)?,
            _ => stall::measure(report, scratch, time)?,
        }
    }
    Ok(())
}
