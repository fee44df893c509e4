#![doc = include_str!("../README.md")]

//! Tags for Prometheus, by remote write and as a page.
//!
//! No clock: every sample has the time of its reading. The page's series are behind a lock held for one batch or one page.

mod config;
mod message;
mod page;
mod remote;
mod sample;

pub use config::{PageConfig, RemoteConfig, SECTION};
pub use page::{CONTENT_TYPE, Page, PageSink, SERIES_MAX};
pub use remote::RemoteWriteSink;
