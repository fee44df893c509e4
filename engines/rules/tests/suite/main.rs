//! Rules against what they promise: a reference that keeps everything, truth tables, and texts nobody would write.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod alarms;
mod faults;
mod form;
mod language;
mod phases;
mod properties;
mod reference;
mod replacing;
mod site;
mod texts;
