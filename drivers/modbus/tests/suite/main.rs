//! The driver against devices that behave oddly, and against a server that others wrote.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod odd;
mod pymodbus;
mod real;
mod serial;
#[path = "../../../../services/plant/tests/shared/floor.rs"]
#[allow(dead_code, reason = "each driver's tests use a part of it")]
mod shared;
mod siege;
mod stub;
