//! The broker as clients and intakes see it: real sockets on port 0, a real journal, and streams in memory with a paused
//! clock where time is what is tested.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod announcing;
mod client;
mod connecting;
mod contract;
mod delivering;
mod draining;
mod fifth;
mod gate;
mod holding;
mod keeping;
mod odd_packets;
mod publishing;
mod rig;
mod shelf;
mod stall;
mod timing;
