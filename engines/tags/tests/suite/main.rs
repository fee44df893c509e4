//! The engine by its public face: against references, and against what devices send that is wrong.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bad_input;
mod command;
mod compile;
mod interpret;
mod press;
mod reporter;
mod shape;
