//! What an HTTP listener can be told, with defaults and limits, and why it may not start. Reads no file.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;
use tidegate_kernel_plug::RequestLimits;

/// Settings of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Connections at once; beyond it one is answered with 503 and closed.
    pub(crate) connections_max: usize,
    /// The same, of one address.
    pub(crate) connections_per_address_max: usize,
    /// From the first byte of a request to the end of its head.
    pub(crate) head_ms_max: u64,
    /// How long a connection may wait for its next request, or a client leave an answer unread.
    pub(crate) idle_ms_max: u64,
    pub(crate) requests: RequestLimits,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7301)),
            connections_max: 4096,
            connections_per_address_max: 1024,
            head_ms_max: 10_000,
            idle_ms_max: 60_000,
            requests: RequestLimits::default(),
        }
    }
}

/// Why a listener did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("could not listen for {name} on {address}")]
    Listen { name: &'static str, address: SocketAddr, source: io::Error },
    #[error("{field} is {found}, and may be from {min} to {max}")]
    Setting { field: &'static str, found: u64, min: u64, max: u64 },
}

impl HttpError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            HttpError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => "TG-ND-001",
            HttpError::Listen { .. } => "TG-ND-004",
            HttpError::Setting { .. } => "TG-HT-020",
        }
    }

    /// What to do about it, in one line.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            HttpError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "stop what listens there, or choose another address"
            }
            HttpError::Listen { .. } => "give it an address of this machine",
            HttpError::Setting { .. } => "give it a value in that range",
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), HttpError> {
        check("connections_max", self.connections_max as u64, 1..=1_000_000)?;
        check("connections_per_address_max", self.connections_per_address_max as u64, 1..=1_000_000)?;
        check("head_ms_max", self.head_ms_max, 1..=600_000)?;
        check("idle_ms_max", self.idle_ms_max, 1..=3_600_000)?;
        check("body_ms_max", self.requests.body_ms_max, 1..=600_000)?;
        check("headers_max", self.requests.headers_max as u64, 8..=1000)?;
        check("header_bytes_max", self.requests.header_bytes_max as u64, 1024..=1_048_576)?;
        check("bodies_bytes_max", self.requests.bodies_bytes_max as u64, 65_536..=4_294_967_295)
    }

    pub(crate) fn head_max(&self) -> Duration {
        Duration::from_millis(self.head_ms_max)
    }

    pub(crate) fn idle_max(&self) -> Duration {
        Duration::from_millis(self.idle_ms_max)
    }
}

fn check(field: &'static str, found: u64, allowed: RangeInclusive<u64>) -> Result<(), HttpError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(HttpError::Setting { field, found, min: *allowed.start(), max: *allowed.end() })
}
