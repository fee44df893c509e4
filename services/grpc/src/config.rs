//! What the listener can be told, with defaults and limits. Reads no file: the node does.

use crate::error::GrpcError;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Settings of the listener; `sample.toml` says them in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    /// Connections at once; beyond it one is closed as soon as it is accepted.
    pub connections_max: usize,
    /// Calls at once on one connection; HTTP/2 lets a client wait with the next one.
    pub calls_per_connection_max: u32,
    /// Time from the connection to the first bytes of HTTP/2.
    pub connect_timeout_ms: u64,
    /// How often a connection is asked whether it is alive, and how long it may take to say so.
    pub keep_alive_ms: u64,
    pub keep_alive_timeout_ms: u64,
    /// Longest time a client may leave acknowledgements unread.
    pub write_timeout_ms: u64,
    /// Largest message, and how much a connection may send ahead of being read.
    pub message_bytes_max: usize,
    /// Readings of one call that wait for the journal; beyond it the call is not read from.
    pub unacknowledged_max: usize,
    /// Longest time a call is not read from, or a rate is waited for, before the call ends.
    pub hold_ms_max: u64,
    /// Streams whose position is kept; beyond it the one that was silent for longest is forgotten.
    pub streams_max: usize,
    /// How often positions are written beside the journal.
    pub snapshot_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7310)),
            connections_max: 256,
            calls_per_connection_max: 16,
            connect_timeout_ms: 10_000,
            keep_alive_ms: 30_000,
            keep_alive_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            message_bytes_max: 1 << 20,
            unacknowledged_max: 4096,
            hold_ms_max: 30_000,
            streams_max: 10_000,
            snapshot_ms: 10_000,
        }
    }
}

impl Config {
    pub fn check(&self) -> Result<(), GrpcError> {
        check("connections_max", self.connections_max as u64, 1..=100_000)?;
        check("calls_per_connection_max", self.calls_per_connection_max.into(), 1..=1000)?;
        check("connect_timeout_ms", self.connect_timeout_ms, 1..=600_000)?;
        check("keep_alive_ms", self.keep_alive_ms, 100..=3_600_000)?;
        check("keep_alive_timeout_ms", self.keep_alive_timeout_ms, 100..=600_000)?;
        check("write_timeout_ms", self.write_timeout_ms, 1..=600_000)?;
        check("message_bytes_max", self.message_bytes_max as u64, 65_536..=16_777_216)?;
        check("unacknowledged_max", self.unacknowledged_max as u64, 1..=1_000_000)?;
        check("hold_ms_max", self.hold_ms_max, 1..=600_000)?;
        check("streams_max", self.streams_max as u64, 1..=1_000_000)?;
        check("snapshot_ms", self.snapshot_ms, 100..=3_600_000)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(crate) fn hold_max(&self) -> Duration {
        Duration::from_millis(self.hold_ms_max)
    }
}

fn check(field: &'static str, found: u64, allowed: RangeInclusive<u64>) -> Result<(), GrpcError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(GrpcError::Setting { field, found, min: *allowed.start(), max: *allowed.end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_shows_every_setting_with_its_default() {
        let config = Config::default();
        let shown = format!("{config:?}");
        let fields = shown.trim_start_matches("Config { ").trim_end_matches(" }").split(", ");
        let line = |field: &str| match field.split_once(": ").unwrap() {
            ("listen", address) => format!("listen = \"{address}\""),
            (name, value) => format!("{name} = {value}"),
        };
        let expected: Vec<_> = ["[grpc]".to_owned()].into_iter().chain(fields.map(line)).collect();
        let sample = include_str!("../sample.toml").lines();
        let settings: Vec<&str> = sample.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_setting_outside_its_limits_is_named() {
        let error = Config { streams_max: 0, ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "streams_max is 0, outside 1 to 1000000");
    }
}
