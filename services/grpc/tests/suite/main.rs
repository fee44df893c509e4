//! The capability on real sockets, with a client of the same library; generated code against its source.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod client;
mod generated;
mod limits;
mod refusing;
mod resuming;
mod rig;
mod sending;
mod traced;
