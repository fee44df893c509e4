//! The driver under a real plant: at a station made of the codec's other end, and at python-snap7's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod places;
mod reading;
mod rig;
mod snap7;
mod station;
