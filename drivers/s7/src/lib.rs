#![doc = include_str!("../README.md")]

//! `session` has the socket, `reads` what is asked for at once and what came of it, `place` and `driver` the texts of people. What is
//! decided about time is the plant's; what is decided about bytes is the codec's.

mod driver;
mod fault;
mod neuron;
mod place;
mod reads;
mod session;

pub use driver::{Address, S7};
pub use neuron::from_neuron;
pub use place::Place;
pub use reads::Reads;
pub use session::Session;
