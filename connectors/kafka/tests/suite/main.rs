//! The sink against a real broker, and against brokers of a few lines for what a real one does only in bad times.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod kafka;
mod outage;
mod real;
mod rows;
mod stub;
mod troubles;
