//! The real binary on real sockets, in a folder of its own, on free loopback ports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod delivery;
mod journal;
mod mqtt;
mod process;
mod refusals;
mod shutdown;
mod trouble;
