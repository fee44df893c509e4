//! What the listener can be told, with defaults and limits. Reads no file: the node does.

use crate::error::GrpcError;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;
use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};

const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 600_000 };
const PERIOD: Kind = Kind::Duration { min_ms: 100, max_ms: 3_600_000 };

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "grpc",
    "The gRPC listener.",
    &[
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:7310",
            "Where to listen. Wider than loopback only where everybody is asked who they are.",
        ),
        Field::new(
            "connections_max",
            Kind::Integer { min: 1, max: 100_000 },
            "256",
            "Connections at once; the next one is closed as soon as it is accepted.",
        ),
        Field::new(
            "calls_per_connection_max",
            Kind::Integer { min: 1, max: 1000 },
            "16",
            "Calls at once on one connection; a client waits with the next one.",
        ),
        Field::new("connect_timeout", WAIT, "10 s", "Time from the connection to its first bytes."),
        Field::new("keep_alive", PERIOD, "30 s", "How often a connection is asked whether it is alive."),
        Field::new(
            "keep_alive_timeout",
            Kind::Duration { min_ms: 100, max_ms: 600_000 },
            "10 s",
            "How long it may take to answer that.",
        ),
        Field::new("write_timeout", WAIT, "10 s", "Longest time a client may leave acknowledgements unread."),
        Field::new(
            "message_bytes_max",
            Kind::Bytes { min: 65_536, max: 16_777_216 },
            "1 MiB",
            "Largest message; a connection may send as much ahead of being read.",
        ),
        Field::new(
            "unacknowledged_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "4096",
            "Readings of one call that wait for the journal. Beyond it the call is not read from.",
        ),
        Field::new(
            "hold_max",
            WAIT,
            "30 s",
            "Longest time a call is not read from because there is no room; then it ends and the client comes back.",
        ),
        Field::new(
            "streams_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "10000",
            "Streams whose position is kept; beyond it the one that was silent for longest is forgotten.",
        ),
        Field::new(
            "snapshot",
            PERIOD,
            "10 s",
            "How often positions are written beside the journal. Between two of them the journal itself has them.",
        ),
    ],
);

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
    /// From its section, whose limits are those of [`Config::check`].
    pub fn from_values(values: &Values, _: &mut Faults) -> Config {
        Config {
            listen: values.get("listen"),
            connections_max: values.get("connections_max"),
            calls_per_connection_max: values.get("calls_per_connection_max"),
            connect_timeout_ms: values.millis("connect_timeout"),
            keep_alive_ms: values.millis("keep_alive"),
            keep_alive_timeout_ms: values.millis("keep_alive_timeout"),
            write_timeout_ms: values.millis("write_timeout"),
            message_bytes_max: values.get("message_bytes_max"),
            unacknowledged_max: values.get("unacknowledged_max"),
            hold_ms_max: values.millis("hold_max"),
            streams_max: values.get("streams_max"),
            snapshot_ms: values.millis("snapshot"),
        }
    }

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
    use tidegate_kernel_plug::config::{Source, Table};

    #[test]
    fn the_table_has_the_same_defaults_and_the_sample_is_made_of_it() {
        let table = Table::new(&[SECTION]);
        let source = Source { file: None, overrides: &[], secrets: &|_| Err("none here".to_owned()) };
        let mut reading = table.read(&source);
        assert_eq!(reading.section("grpc", Config::from_values), Some(Config::default()));
        assert_eq!(table.sample_of("grpc").as_deref(), Some(include_str!("../sample.toml")));
    }

    #[test]
    fn a_setting_outside_its_limits_is_named() {
        let error = Config { streams_max: 0, ..Config::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "streams_max is 0, outside 1 to 1000000");
    }
}
