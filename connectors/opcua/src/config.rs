//! What the configuration file can say of it. Reads no file: the node does.

use std::net::{Ipv4Addr, SocketAddr};
use tidegate_kernel_plug::config::{Field, Kind, Section, Values};

const REQUIRED: &str = "required";
/// Values of one tag that wait for their subscription to be published; clients may ask for fewer.
pub(crate) const QUEUE_MAX: usize = 50;
/// The longest message, either way, and the parts it may have.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2 << 20;
pub(crate) const CHUNKS_MAX: usize = 33;
/// A value with its status and times, wherever it waits.
const VALUE_BYTES: u64 = 128;
/// A variable with its names, references and value.
const TAG_BYTES: u64 = 2048;

pub const SECTION: Section = Section::new(
    "opcua",
    "The OPC UA server: devices and tags, for systems that read over OPC UA.",
    &[
        Field::new("enabled", Kind::Flag, "false", "Whether there is one."),
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:4840",
            "Where to listen; wider than loopback only where [identity] names somebody.",
        ),
        Field::new(
            "security",
            Kind::Choice(&[REQUIRED, "optional"]),
            REQUIRED,
            "Whether messages are always signed; with optional there is an endpoint without security as well, over which no secret is taken.",
        ),
        Field::new("sessions_max", Kind::Integer { min: 1, max: 1000 }, "20", "Sessions at once."),
        Field::new(
            "subscriptions_max",
            Kind::Integer { min: 1, max: 100 },
            "10",
            "Subscriptions of one session.",
        ),
        Field::new(
            "items_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "10000",
            "Tags that all subscriptions watch together; one that two of them watch counts twice.",
        ),
        Field::new(
            "tags_max",
            Kind::Integer { min: 1, max: 1_000_000 },
            "100000",
            "Tags that are shown; values of those that come later are left out and counted.",
        ),
    ],
);

/// The settings of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    /// Also without security.
    pub is_open: bool,
    pub sessions_max: usize,
    pub subscriptions_max: usize,
    pub items_max: usize,
    pub tags_max: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4840)),
            is_open: false,
            sessions_max: 20,
            subscriptions_max: 10,
            items_max: 10_000,
            tags_max: 100_000,
        }
    }
}

impl Config {
    /// Nothing where there is to be no server.
    pub fn from_values(values: &Values) -> Option<Config> {
        let enabled: bool = values.get("enabled");
        enabled.then(|| Config {
            listen: values.get("listen"),
            is_open: values.get::<String>("security") != REQUIRED,
            sessions_max: values.get("sessions_max"),
            subscriptions_max: values.get("subscriptions_max"),
            items_max: values.get("items_max"),
            tags_max: values.get("tags_max"),
        })
    }

    /// The memory that it may take: tags, values that wait in two places until a client took them, a message of each session both ways.
    pub fn bytes_max(&self) -> u64 {
        let waiting = self.items_max as u64 * QUEUE_MAX as u64 * 2 * VALUE_BYTES;
        let messages = self.sessions_max as u64 * 2 * MESSAGE_BYTES_MAX as u64;
        self.tags_max as u64 * TAG_BYTES + waiting + messages
    }
}
