//! A link and a broker whose answers a test decides, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod desk;
mod greeting;
mod taking;
