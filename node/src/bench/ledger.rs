//! `ledger.engine`, `ledger.durable.w256`, `ledger.durable.w16`, `ledger.http`, `ledger.open`, `ledger.verify`, `ledger.proof`: a book from
//! deciding alone to the whole way over HTTP, how long it takes to be back, and what it costs to show that it is right.
//! With a PostgreSQL at hand also `ledger.postgres.c16`, `.c64` and `ledger.gear.w256`, `.w16`.

mod durable;
mod engine;
mod history;
mod open;
mod orders;
mod posts;
mod proof;
mod textbook;
mod verify;

use super::scratch::Scratch;
use super::{Report, Trouble};
use crate::cli::Extent;

pub(super) fn measure(report: &Report, scratch: &Scratch, extent: &Extent) -> Result<(), Trouble> {
    if extent.wants("ledger.engine") {
        engine::measure(report)?;
    }
    if extent.wants("ledger.durable") {
        durable::measure(report, scratch)?;
    }
    if extent.wants("ledger.http") {
        posts::measure(report, scratch)?;
    }
    if extent.wants("ledger.open") {
        open::measure(report, scratch)?;
    }
    if extent.wants("ledger.verify") {
        verify::measure(report, scratch)?;
    }
    if extent.wants("ledger.proof") {
        proof::measure(report, scratch)?;
    }
    match extent.postgres {
        Some(server) if extent.wants("ledger.postgres") => textbook::measure(report, scratch, server),
        _ => Ok(()),
    }
}
