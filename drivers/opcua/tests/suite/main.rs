//! The driver as the plant sees it, against servers of asyncua.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod asyncua;
mod browsing;
mod desk;
mod reading;
mod restarts;
mod security;
#[path = "../../../../services/plant/tests/shared/floor.rs"]
#[allow(dead_code, reason = "each driver's tests use a part of it")]
mod shared;
mod subscribing;
mod trusting;
mod writing;
