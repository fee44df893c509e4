//! The driver under a real plant: at a station made of the codec's other end, and at python-snap7's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod places;
mod reading;
#[path = "../../../../services/plant/tests/shared/floor.rs"]
#[allow(dead_code, reason = "each driver's tests use a part of it")]
mod shared;
mod snap7;
mod station;
