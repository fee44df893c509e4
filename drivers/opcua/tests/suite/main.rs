//! The driver as the plant sees it, against servers of asyncua.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod asyncua;
mod browsing;
mod reading;
mod restarts;
mod rig;
mod security;
mod subscribing;
mod trusting;
