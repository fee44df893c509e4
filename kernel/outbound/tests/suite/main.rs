//! The way out, against servers of a few lines on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod exchanges;
mod names;
