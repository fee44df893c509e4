//! The sink against a real influxd, and against servers that misbehave on purpose.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod influxd;
mod outage;
mod real;
mod rows;
mod stub;
mod troubles;
