//! What the configuration file can say of a webhook. Reads no file: the node does.

use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};
use tidegate_service_ingest::{DELIVERY, SINKS_MAX, Sequence, SinkConfig};

/// Its groups are `[ingest.webhook.NAME]`.
pub const SECTION: Section = Section::new("ingest", "", &[]).with(&[Group::many(
    "webhook",
    "A sink that is a URL: batches of readings as a JSON array.",
    Many { groups_max: SINKS_MAX, reload: Reload::Restart },
    &[
        Field::required("url", Kind::Url(&["http", "https"]), "Where batches are posted to; no query."),
        Field::optional(
            "secret",
            Kind::Secret,
            "Signs each body with HMAC-SHA256, in the header X-Tidegate-Signature.",
        ),
    ],
)
.with(&[DELIVERY])]);

/// The settings of one sink.
#[derive(Debug, Clone)]
pub struct Config {
    pub endpoint: Endpoint,
    pub secret: Option<Secret>,
    pub delivery: SinkConfig,
}

impl Config {
    /// From one of its groups; nothing after a fault. Batches go one at a time unless the file says otherwise.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<Config> {
        let endpoint = values.get::<String>("url").parse();
        let endpoint = endpoint
            .map_err(|error| {
                faults.push(values.fault(
                    "url",
                    format!("the URL cannot be used: {error}"),
                    "write it as http://host:port/path",
                ))
            })
            .ok()?;
        Some(Config {
            endpoint,
            secret: values.find("secret"),
            delivery: SinkConfig::from_values(values, Sequence::Loose),
        })
    }
}
