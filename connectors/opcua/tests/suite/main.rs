//! The server, seen by clients of asyncua.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod client;
mod ending;
mod limits;
mod reading;
mod rig;
mod security;
