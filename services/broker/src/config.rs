//! What a broker can be told, with defaults and limits. Reads no file: the node does.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_codec_mqtt::TopicFilter;

use crate::error::BrokerError;

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
    /// QoS 2 publications of one client that it has not released. MQTT 5 clients are told so, for QoS 1 as well.
    pub receive_max: u16,
    /// Messages above QoS 0 that one client has not acknowledged; an MQTT 5 client may ask for fewer.
    pub inflight_max: u16,
    /// Messages that wait for one client, of QoS 0 and above it each.
    pub queue_messages_max: usize,
    /// Bytes that wait for one client.
    pub queue_bytes_max: usize,
    /// Bytes of messages that wait for any client or are retained.
    pub queued_bytes_total_max: usize,
    /// Sessions, of clients that are connected and of those that are away.
    pub sessions_max: usize,
    /// Longest time a session is kept for a client that is away.
    pub session_expiry_s_max: u32,
    /// Filters one session may be subscribed to.
    pub subscriptions_max: usize,
    /// Levels a topic may have.
    pub topic_levels_max: usize,
    /// Topics with a retained message.
    pub retained_max: usize,
    /// Bytes of retained messages.
    pub retained_bytes_max: usize,
    /// Largest payload of a last will.
    pub will_bytes_max: usize,
    /// Topic aliases an MQTT 5 client may use, and the broker uses where the client lets it; 0 turns them off.
    pub topic_alias_max: u16,
    /// Longest keep-alive of an MQTT 5 client, which is told so; 0 leaves it to the client.
    pub keep_alive_s_max: u16,
    /// Topics that go to the intake alone: nobody may subscribe to them.
    pub withheld: Vec<TopicFilter>,
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
            receive_max: 256,
            inflight_max: 256,
            queue_messages_max: 50_000,
            queue_bytes_max: 16 * 1024 * 1024,
            queued_bytes_total_max: 128 * 1024 * 1024,
            sessions_max: 20_000,
            session_expiry_s_max: 7 * 24 * 3600,
            subscriptions_max: 1000,
            topic_levels_max: 64,
            retained_max: 10_000,
            retained_bytes_max: 16 * 1024 * 1024,
            will_bytes_max: 16 * 1024,
            topic_alias_max: 32,
            keep_alive_s_max: 0,
            withheld: Vec::new(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), BrokerError> {
        check("connections_max", self.connections_max as u64, 1..=1_000_000)?;
        check("connect_timeout_ms", self.connect_timeout_ms, 1..=600_000)?;
        check("write_timeout_ms", self.write_timeout_ms, 1..=600_000)?;
        check("packet_bytes_max", self.packet_bytes_max as u64, 128..=268_435_460)?;
        check("unacknowledged_max", self.unacknowledged_max as u64, 1..=65_535)?;
        check("hold_ms_max", self.hold_ms_max, 1..=600_000)?;
        self.check_queues()?;
        check("sessions_max", self.sessions_max as u64, 1..=1_000_000)?;
        check("subscriptions_max", self.subscriptions_max as u64, 1..=100_000)?;
        check("topic_levels_max", self.topic_levels_max as u64, 1..=256)?;
        check("retained_max", self.retained_max as u64, 0..=1_000_000)?;
        check("will_bytes_max", self.will_bytes_max as u64, 0..=65_535)
    }

    fn check_queues(&self) -> Result<(), BrokerError> {
        let memory = 1 << 40;
        check("receive_max", self.receive_max.into(), 1..=65_535)?;
        check("inflight_max", self.inflight_max.into(), 1..=16_384)?;
        check("queue_messages_max", self.queue_messages_max as u64, 1..=50_000)?;
        check("queue_bytes_max", self.queue_bytes_max as u64, 1024..=memory)?;
        check("queued_bytes_total_max", self.queued_bytes_total_max as u64, 1024..=memory)?;
        check("retained_bytes_max", self.retained_bytes_max as u64, 0..=memory)
    }

    pub(crate) fn session_expiry_max(&self) -> Duration {
        Duration::from_secs(self.session_expiry_s_max.into())
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
