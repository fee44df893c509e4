//! Panics that tests plant in listeners to prove that a panic is contained. Without the feature `faults`, which no shipped binary has,
//! nothing here does anything.
//!
//! A connection from 127.66.66.66 panics the listener that accepts it.

#[cfg(feature = "faults")]
use std::net::Ipv4Addr;
use std::net::SocketAddr;

/// To be called by whoever accepts, with whom.
#[cfg(not(feature = "faults"))]
pub const fn accepting(_from: SocketAddr) {}

/// To be called by whoever accepts, with whom.
///
/// # Panics
///
/// Where that is planted.
#[cfg(feature = "faults")]
pub fn accepting(from: SocketAddr) {
    assert!(from.ip() != Ipv4Addr::new(127, 66, 66, 66), "a panic that was planted");
}
