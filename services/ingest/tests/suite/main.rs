//! The pipeline on a real journal, with sinks that do as a test says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod accounts;
mod crash;
mod heard;
mod http;
mod letters;
mod memory;
mod modelled;
mod outage;
mod pump;
mod quarantine;
mod rules;
mod scripts;
mod site;
mod story;
