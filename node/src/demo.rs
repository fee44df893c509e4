//! `tidegate up --demo`: a node with a plant in front of it and a centre behind a cable that can be pulled.
//!
//! A small parent runs the children, restarts what ends and tells what happens. The node under demonstration is a child like the
//! others, so that it can be killed; nothing in it knows of the demonstration but the routes that pass a visitor's wishes on.

mod banner;
mod cable;
mod centre;
mod child;
mod clerk;
mod desk;
mod folder;
mod layout;
mod link;
mod ports;
mod receiver;
mod routes;
mod stage;
mod steps;

pub(crate) use link::{Link, Listening, end_with_stdin};
pub(crate) use routes::routes;
pub(crate) use steps::run;

use crate::cli::Up;
use crate::failure::Failure;
use crate::signals::Stops;
use std::io;
use std::process::ExitCode;

/// Runs until it is told to stop, and ends its children in order then.
pub(crate) fn up(options: &Up) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| unstarted(&error))?.block_on(show(options))
}

async fn show(options: &Up) -> Result<ExitCode, Failure> {
    let stops = Stops::listen().map_err(|error| unstarted(&error))?;
    let folder = folder::Folder::open(options.data.as_deref())?;
    stage::Stage::set(options, folder).await?.play(stops).await
}

fn unstarted(error: &io::Error) -> Failure {
    let hint = "look at the limits and permissions of the process";
    Failure::message("TG-DM-001", format!("the demonstration could not start: {error}"), hint)
}
