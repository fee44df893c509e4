#![doc = include_str!("../README.md")]

//! [`Link`] is one broker elsewhere and all that is done to stay connected to it. One task for each link, which is the only one that
//! touches its socket; what others see of it are counters. Time is tokio's; randomness is the operating system's, for jitter.

mod source;

pub use source::{Config, Link, LinkError, Links, Protocol, SECTION, Security, Setback, Snapshot};
