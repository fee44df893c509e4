//! The gear on a real PostgreSQL: the suite that every gear takes, and everything that can become of a database and of the way to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../../../../services/ledger/tests/suite/asks.rs"]
mod asks;
mod cable;
#[path = "../../../../services/ledger/tests/suite/conformance.rs"]
mod conformance;
mod desk;
#[path = "../../../../services/ledger/tests/suite/grown.rs"]
mod grown;
mod moving;
mod outage;
mod server;
mod start;
mod takeover;
mod tampering;
mod trees;
