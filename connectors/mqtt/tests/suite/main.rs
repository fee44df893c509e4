//! A link and a broker whose answers a test decides, over real sockets; the sink at a real mosquitto, and at brokers of a few lines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod desk;
mod greeting;
mod sink;
mod taking;
