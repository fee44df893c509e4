//! What a broker can be told, with defaults and limits. Reads no file: the node does.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};

use crate::error::BrokerError;

const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 600_000 };

/// What the configuration file can say of it.
pub const SECTION: Section = Section::new(
    "mqtt",
    "The MQTT listener.",
    &[
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:1883",
            "Where to listen for plain MQTT. Wider than loopback only where the network is trusted.",
        ),
        Field::new(
            "connections_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "10000",
            "Connections served at once; the next one is closed as soon as it is accepted. The limit on open files must be \
             higher.",
        ),
        Field::new("connect_timeout", WAIT, "10 s", "Time from the connection to its CONNECT packet."),
        Field::new("write_timeout", WAIT, "10 s", "Longest time a client may leave an answer unread."),
        Field::new(
            "packet_bytes_max",
            Kind::Bytes { min: 128, max: 268_435_460 },
            "256 KiB",
            "Largest packet, fixed header included. A larger one is refused from its first bytes.",
        ),
        Field::new(
            "unacknowledged_max",
            Kind::Integer { min: 1, max: 65_535 },
            "1024",
            "Publications of one connection that wait for the journal. Beyond it the connection is not read from until the \
             next acknowledgement. Two syncs' worth of what one connection is to reach: at 75,000 a second and 6 ms a sync, \
             900.",
        ),
        Field::new(
            "hold_max",
            WAIT,
            "30 s",
            "Longest time a connection without keep-alive is not read from; then it is closed. A connection with keep-alive \
             gets two fifths of that instead.",
        ),
    ],
);

/// Settings of one broker; `sample.toml` says them in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen for plain MQTT.
    pub listen: SocketAddr,
    /// Connections served at once; beyond it one is closed as soon as it is accepted.
    pub connections_max: usize,
    /// Time from the connection to its CONNECT packet.
    pub connect_timeout_ms: u64,
    /// Longest time a client may leave an answer unread.
    pub write_timeout_ms: u64,
    /// Largest packet, fixed header included.
    pub packet_bytes_max: usize,
    /// Publications of one connection that wait for the journal; beyond it the connection is not read from.
    ///
    /// A group commit takes in what arrived while the last sync ran, so a connection that alone is to keep the journal
    /// busy needs two syncs' worth of publications out: at 75,000 a second and 6 ms a sync, 900. Each costs 32 bytes
    /// while it waits; the payload is in the journal's own bounded queue by then.
    pub unacknowledged_max: usize,
    /// Longest time a connection without keep-alive is not read from before it is closed; one with keep-alive gets two
    /// fifths of that.
    pub hold_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            connections_max: 10_000,
            connect_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            packet_bytes_max: 256 * 1024,
            unacknowledged_max: 1024,
            hold_ms_max: 30_000,
        }
    }
}

impl Config {
    /// From its section, whose limits are those of [`Config::check`].
    pub fn from_values(values: &Values, _: &mut Faults) -> Config {
        Config {
            listen: values.get("listen"),
            connections_max: values.get("connections_max"),
            connect_timeout_ms: values.millis("connect_timeout"),
            write_timeout_ms: values.millis("write_timeout"),
            packet_bytes_max: values.get("packet_bytes_max"),
            unacknowledged_max: values.get("unacknowledged_max"),
            hold_ms_max: values.millis("hold_max"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), BrokerError> {
        check("connections_max", self.connections_max as u64, 1..=1_000_000)?;
        check("connect_timeout_ms", self.connect_timeout_ms, 1..=600_000)?;
        check("write_timeout_ms", self.write_timeout_ms, 1..=600_000)?;
        check("packet_bytes_max", self.packet_bytes_max as u64, 128..=268_435_460)?;
        check("unacknowledged_max", self.unacknowledged_max as u64, 1..=65_535)?;
        check("hold_ms_max", self.hold_ms_max, 1..=600_000)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// How long a client with this keep-alive is not read from: less than half of it, so that a PINGREQ that waits in
    /// the socket is still answered in time.
    pub(crate) fn hold_max(&self, keep_alive_s: u16) -> Duration {
        match keep_alive_s {
            0 => Duration::from_millis(self.hold_ms_max),
            seconds => Duration::from_millis(u64::from(seconds) * 400),
        }
    }
}

fn check(field: &'static str, found: u64, allowed: RangeInclusive<u64>) -> Result<(), BrokerError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(BrokerError::Setting { field, found, min: *allowed.start(), max: *allowed.end() })
}
