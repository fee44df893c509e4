//! What the configuration file can say of Prometheus. Reads no file: the node does.

use tidegate_codec_mqtt::TopicFilter;
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Section, Values};
use tidegate_service_ingest::{DELIVERY, SINKS_MAX, Sequence, SinkConfig};

const TOPICS_MAX: usize = 64;
const FILTER: Kind = Kind::Text { bytes_max: 65_535 };
const LABEL: Kind = Kind::Text { bytes_max: 128 };

/// Its groups are `[ingest.remote_write.NAME]` and `[ingest.page]`.
pub const SECTION: Section = Section::new("ingest", "", &[]).with(&[
    Group::many(
        "remote_write",
        "A sink that is a receiver of Prometheus remote write.",
        Many { groups_max: SINKS_MAX, reload: Reload::Restart },
        &[
            Field::required(
                "url",
                Kind::Url(&["http", "https"]),
                "Where samples go, such as http://127.0.0.1:9090/api/v1/write.",
            ),
            Field::new("label", LABEL, "site", "A label that every series has."),
            Field::new("value", LABEL, "tidegate", "What it says: which node this is."),
        ],
    )
    .with(&[DELIVERY]),
    Group::one(
        "page",
        "The latest numbers of chosen topics on the route /metrics/readings of the management listener.",
        &[Field::new(
            "topics",
            Kind::List { of: &FILTER, items_max: TOPICS_MAX },
            "[]",
            "Topics, as MQTT filters, whose readings are on the page; at most 10,000 series. None without any.",
        )],
    ),
]);

/// A remote write sink as the file says it.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    pub endpoint: Endpoint,
    pub label: String,
    pub value: String,
    pub delivery: SinkConfig,
}

impl RemoteConfig {
    /// From one of its groups; nothing after a fault. A receiver wants samples in order, so one batch at a time is the default.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<RemoteConfig> {
        let (endpoint, label) = (values.get::<String>("url").parse(), values.get::<String>("label"));
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let is_label = label.bytes().next().is_some_and(letter)
            && label.bytes().all(|byte| letter(byte) || byte.is_ascii_digit());
        if !is_label {
            faults.push(values.fault("label", "this is no name of a label", "use letters, digits and _"));
            return None;
        }
        let endpoint = endpoint.map_err(|error| {
            let message = format!("the URL cannot be used: {error}");
            faults.push(values.fault("url", message, "write it as http://host:port/api/v1/write"));
        });
        let delivery = SinkConfig::from_values(values, Sequence::Strict);
        Some(RemoteConfig { endpoint: endpoint.ok()?, label, value: values.get("value"), delivery })
    }
}

/// What is on the page; nothing where no topic is chosen.
#[derive(Debug, Clone)]
pub struct PageConfig {
    pub topics: Vec<TopicFilter>,
}

impl PageConfig {
    /// From its group.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<PageConfig> {
        let mut topics = Vec::new();
        for (at, text) in values.get::<Vec<String>>("topics").into_iter().enumerate() {
            match text.parse() {
                Ok(topic) => topics.push(topic),
                Err(_) => faults.push(values.fault_in(
                    "topics",
                    at,
                    "this is no topic filter",
                    "use levels, + and #",
                )),
            }
        }
        Some(PageConfig { topics }).filter(|config| !config.topics.is_empty())
    }
}
