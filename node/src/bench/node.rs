//! `node.rss`, `node.panic`, `node.profile`: what a node needs with all that it can do, what others feel of a capability that panics in a
//! loop, and what a CPU profile costs.

mod panic;
mod prober;
mod profile;
mod rss;

use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::Extent;
use crate::open_files;

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    open_files::raise();
    if extent.wants("node.rss") {
        rss::measure(report, scratch)?;
    }
    if extent.wants("node.panic") {
        panic::measure(report, scratch, extent)?;
    }
    if extent.wants("node.profile") {
        profile::measure(report, scratch, extent)?;
    }
    Ok(())
}
