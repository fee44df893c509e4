//! The driver under a real plant: at NUT's own upsd with its dummy-ups, and at a few lines of server that answer wrongly.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod places;
mod rig;
mod server;
mod upsd;
mod wrong;
