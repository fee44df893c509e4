#![doc = include_str!("../README.md")]

mod random;
mod uuid;

pub use random::{NoRandomness, jitter, random};
pub use uuid::{Id, NotAnId};
