//! The book against a naive model of it, its forms, and every refusal.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod form;
mod linked;
mod model;
mod properties;
mod reckoning;
mod refusals;
mod rig;
