#![doc = include_str!("../README.md")]

//! Opens connections through the way out of the kernel; takes no clock, for the time of a message comes with it; holds no lock.

mod address;
mod answer;
mod body;
mod robot;
mod vendor;

pub use address::{Address, NotAnAddress};
pub use robot::Robot;
pub use vendor::Vendor;
