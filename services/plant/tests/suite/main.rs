//! A plant over devices that a test holds in its hand; time stands still but for what is waited for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod config;
mod ending;
mod groups;
mod rig;
mod scanning;
mod writing;
