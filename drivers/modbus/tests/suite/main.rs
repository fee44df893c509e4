//! The driver against devices that behave oddly, and against a server that others wrote.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod odd;
mod pymodbus;
mod real;
mod serial;
mod stub;
