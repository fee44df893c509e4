//! The codec's tests: vectors of other implementations, addresses and values, both ends against each other, plans, seeded mutations; and
//! over sockets our client at the server of python-snap7, its client and rust7's at our server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod addresses;
mod ends;
#[path = "../../fuzz/src/harness.rs"]
mod harness;
mod memory;
mod mutation;
mod plans;
mod refusals;
mod socket;
mod strangers;
mod values;
mod vectors;
