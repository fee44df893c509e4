//! `tidegate sim ledger`: books on a simulated disk, one world after another, until one breaks a promise or the time is over.

use crate::banner::say;
use crate::cli::SimLedger;
use crate::failure::Failure;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tidegate_service_ledger::sim::{Plant, Tally, run as live};
use tokio::runtime::Builder;

/// Worlds between two signs of life.
const STRIDE: u64 = 100;

pub(super) fn run(options: &SimLedger) -> Result<ExitCode, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::message(
            "TG-ND-006",
            format!("could not start threads: {error}"),
            "look at the limits of the process",
        )
    })?;
    let (began, time) = (Instant::now(), Duration::from_secs_f64(options.hours * 3600.0));
    let (mut seed, mut all) = (options.seed, Tally::default());
    loop {
        let tally = runtime.block_on(live(seed, Plant::Nothing)).map_err(|broken| {
            let message = format!("{broken}; tidegate {}", env!("CARGO_PKG_VERSION"));
            Failure::message("TG-LE-043", message, "report it with the seed, the version and the machine")
        })?;
        all.orders += tally.orders;
        all.acknowledged += tally.acknowledged;
        all.refused += tally.refused;
        all.late += tally.late;
        seed += 1;
        if began.elapsed() >= time {
            break;
        }
        sign_of_life(seed - options.seed, &all);
    }
    say(&in_words(seed - options.seed, &all));
    Ok(ExitCode::SUCCESS)
}

fn sign_of_life(worlds: u64, all: &Tally) {
    if worlds.is_multiple_of(STRIDE) && std::io::stderr().is_terminal() {
        eprint!("\r{}", in_words(worlds, all).trim_end());
    }
}

fn in_words(worlds: u64, all: &Tally) -> String {
    let Tally { orders, acknowledged, refused, late } = *all;
    let unknown = orders - acknowledged - refused;
    format!(
        "{worlds} worlds, {orders} orders: {acknowledged} acknowledged, {refused} refused, {unknown} unknown, {late} answers late; every promise kept\n"
    )
}
