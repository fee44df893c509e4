#![doc = include_str!("../README.md")]

//! The watchdog has an operating system's thread of its own, a dump has another; no runtime is needed to notice that one is stuck. All
//! `unsafe` code is in `sampler` (ADR-0005).

mod capability;
mod config;
mod dump;
mod error;
mod folder;
mod heart;
mod incident;
mod mapping;
mod meter;
mod ports;
mod pprof;
mod probe;
mod profile;
mod quota;
mod ring;
mod routes;
mod sampler;
mod symbols;
mod threads;
mod watchdog;

pub use config::{Config, SECTION};
pub use error::ProbeError;
pub use folder::{Dump, DumpFile, dumps_in};
pub use heart::Runtime;
pub use ports::{Cause, Herald, Incident, Ports, Tell};
pub use probe::{Now, Probe};
pub use profile::{HZ, Profile, Taken};
pub use routes::routes;
