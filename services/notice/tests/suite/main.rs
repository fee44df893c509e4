//! The outbox with couriers whose moods a test decides, and a clock that a test sets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod ends;
mod flow;
mod following;
mod site;
