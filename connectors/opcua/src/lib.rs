#![doc = include_str!("../README.md")]

//! `space` is what clients see and `tags` how they may use it, `server` listens as `setup` says, `users` lets them in, `sink` puts values down as the
//! pipeline delivers them. Certificates are files that the library reads as clients come, so a server is to run where tasks may block.

mod config;
mod error;
mod server;
mod setup;
mod sink;
mod space;
mod strangers;
mod tags;
mod users;

pub use config::{Config, SECTION};
pub use error::OpcUaError;
pub use server::OpcUaServer;
pub use setup::Own;
pub use sink::OpcUaSink;
pub use space::Units;
