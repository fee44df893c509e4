#![doc = include_str!("../README.md")]

//! One lock, held while the points of a reading are put down or a range is copied out. IO only where a snapshot is asked for.

mod capability;
mod config;
mod error;
mod history;
mod ring;
mod snapshot;

pub use capability::Keeper;
pub use config::{Config, SECTION};
pub use error::HistoryError;
pub use history::{History, Sample};
