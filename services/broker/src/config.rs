//! What a broker can be told, with defaults and limits. Reads no file: the node does.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_plug::config::{Faults, Values};

use crate::error::BrokerError;
use crate::fields::{MEMORY_BYTES_MAX, WITHHELD_MAX};

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
    /// From its section, whose limits are those of [`Config::check`]; a topic filter that is none is a fault at its place.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Config {
        Config {
            listen: values.get("listen"),
            connections_max: values.get("connections_max"),
            connect_timeout_ms: values.millis("connect_timeout"),
            write_timeout_ms: values.millis("write_timeout"),
            packet_bytes_max: values.get("packet_bytes_max"),
            unacknowledged_max: values.get("unacknowledged_max"),
            hold_ms_max: values.millis("hold_max"),
            receive_max: values.get("receive_max"),
            inflight_max: values.get("inflight_max"),
            queue_messages_max: values.get("queue_messages_max"),
            queue_bytes_max: values.get("queue_bytes_max"),
            queued_bytes_total_max: values.get("queued_bytes_total_max"),
            sessions_max: values.get("sessions_max"),
            session_expiry_s_max: seconds(values, "session_expiry_max"),
            subscriptions_max: values.get("subscriptions_max"),
            topic_levels_max: values.get("topic_levels_max"),
            retained_max: values.get("retained_max"),
            retained_bytes_max: values.get("retained_bytes_max"),
            will_bytes_max: values.get("will_bytes_max"),
            topic_alias_max: values.get("topic_alias_max"),
            keep_alive_s_max: u16::try_from(seconds(values, "keep_alive_max")).unwrap_or(u16::MAX),
            withheld: filters(values, faults),
        }
    }

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
        check("will_bytes_max", self.will_bytes_max as u64, 0..=65_535)?;
        check("withheld", self.withheld.len() as u64, 0..=WITHHELD_MAX as u64)
    }

    fn check_queues(&self) -> Result<(), BrokerError> {
        let memory = MEMORY_BYTES_MAX;
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

/// Whole seconds; what is begun counts.
fn seconds(values: &Values, field: &str) -> u32 {
    u32::try_from(values.millis(field).div_ceil(1000)).unwrap_or(u32::MAX)
}

fn filters(values: &Values, faults: &mut Faults) -> Vec<TopicFilter> {
    let texts: Vec<String> = values.get("withheld");
    let parsed = texts.iter().enumerate().filter_map(|(at, text)| match text.parse() {
        Ok(filter) => Some(filter),
        Err(error) => {
            let message = format!("mqtt.withheld: {text:?} is no topic filter: {error}");
            faults.push(values.fault_in(
                "withheld",
                at,
                message,
                "+ stands for one level, # at the end for the rest",
            ));
            None
        }
    });
    parsed.collect()
}

fn check(field: &'static str, found: u64, allowed: RangeInclusive<u64>) -> Result<(), BrokerError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(BrokerError::Setting { field, found, min: *allowed.start(), max: *allowed.end() })
}
