//! What the configuration file can say of the broker: one row for each field of [`crate::Config`]. A table, and nothing else.

use tidegate_kernel_plug::config::{Field, Kind, Section};

const WAIT: Kind = Kind::Duration { min_ms: 1, max_ms: 600_000 };
const FILTER: Kind = Kind::Text { bytes_max: 65_535 };
/// Filters that may be withheld: each is looked at for every publication.
pub(crate) const WITHHELD_MAX: usize = 64;
pub(crate) const MEMORY_BYTES_MAX: u64 = 1 << 40;

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
        Field::new(
            "receive_max",
            Kind::Integer { min: 1, max: 65_535 },
            "256",
            "QoS 2 publications of one client that it has not released. MQTT 5 clients are told so, for QoS 1 as well.",
        ),
        Field::new(
            "inflight_max",
            Kind::Integer { min: 1, max: 16_384 },
            "256",
            "Messages above QoS 0 that one client has not acknowledged; an MQTT 5 client may ask for fewer.",
        ),
        Field::new(
            "queue_messages_max",
            Kind::Integer { min: 1, max: 50_000 },
            "50000",
            "Messages that wait for one client, of QoS 0 and above it each. Beyond it the oldest of QoS 0 goes, and a new \
             one above QoS 0 is not queued; both are counted.",
        ),
        Field::new(
            "queue_bytes_max",
            Kind::Bytes { min: 1024, max: MEMORY_BYTES_MAX },
            "16 MiB",
            "Bytes that wait for one client.",
        ),
        Field::new(
            "queued_bytes_total_max",
            Kind::Bytes { min: 1024, max: MEMORY_BYTES_MAX },
            "128 MiB",
            "Bytes of messages that wait for any client or are retained.",
        ),
        Field::new(
            "sessions_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "20000",
            "Sessions, of clients that are connected and of those that are away.",
        ),
        Field::new(
            "session_expiry_max",
            Kind::Duration { min_ms: 1000, max_ms: 4_000_000_000_000 },
            "7 d",
            "Longest time a session is kept for a client that is away. MQTT 3.1.1 has no expiry of its own and gets this.",
        ),
        Field::new(
            "subscriptions_max",
            Kind::Integer { min: 1, max: 100_000 },
            "1000",
            "Filters one session may be subscribed to.",
        ),
        Field::new("topic_levels_max", Kind::Integer { min: 1, max: 256 }, "64", "Levels a topic may have."),
        Field::new(
            "retained_max",
            Kind::Integer { min: 0, max: 1_000_000 },
            "10000",
            "Topics with a retained message; 0 retains nothing.",
        ),
        Field::new(
            "retained_bytes_max",
            Kind::Bytes { min: 0, max: MEMORY_BYTES_MAX },
            "16 MiB",
            "Bytes of retained messages.",
        ),
        Field::new(
            "will_bytes_max",
            Kind::Bytes { min: 0, max: 65_535 },
            "16 KiB",
            "Largest payload of a last will.",
        ),
        Field::new(
            "topic_alias_max",
            Kind::Integer { min: 0, max: 65_535 },
            "32",
            "Topic aliases an MQTT 5 client may use, and the broker uses where the client lets it; 0 turns them off.",
        ),
        Field::new(
            "keep_alive_max",
            Kind::Duration { min_ms: 0, max_ms: 65_535_000 },
            "0 s",
            "Longest keep-alive of an MQTT 5 client, which is told so; 0 leaves it to the client.",
        ),
        Field::new(
            "withheld",
            Kind::List { of: &FILTER, items_max: WITHHELD_MAX },
            "[]",
            "Topics, as MQTT filters, that go to the pipeline alone: nobody may subscribe to them.",
        ),
    ],
);
