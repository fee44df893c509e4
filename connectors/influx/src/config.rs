//! What the connector is told, and what the configuration file can say of it. Reads no file: the node does.

use std::fmt;
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};
use tidegate_service_ingest::{DELIVERY, Pattern, SINKS_MAX, Sequence, SinkConfig};

const NAME: Kind = Kind::Text { bytes_max: 256 };

/// Its groups are `[ingest.influx.NAME]`.
pub const SECTION: Section = Section::new("ingest", "", &[]).with(&[Group::many(
    "influx",
    "A sink that is InfluxDB, version 1 with `database` or version 2 with `org`, `bucket` and `token`.",
    Many { groups_max: SINKS_MAX, reload: Reload::Restart },
    &[
        Field::required(
            "url",
            Kind::Url(&["http", "https"]),
            "Where InfluxDB is; a path is put before /write.",
        ),
        Field::optional("database", NAME, "The database of InfluxDB 1.x."),
        Field::optional("user", NAME, "The user of InfluxDB 1.x, where it asks for one."),
        Field::optional("password", Kind::Secret, "The user's password."),
        Field::optional("org", NAME, "The organisation of InfluxDB 2.x."),
        Field::optional("bucket", NAME, "The bucket of InfluxDB 2.x."),
        Field::optional("token", Kind::Secret, "The token of InfluxDB 2.x."),
        Field::new(
            "measurement",
            NAME,
            "{topic}",
            "What a line measures: plain text with {topic}, {topic.1} (its first level) and {device} in it.",
        ),
    ],
)
.with(&[DELIVERY])]);

/// A sink as the file says it.
#[derive(Debug, Clone)]
pub struct Setup {
    pub endpoint: Endpoint,
    pub config: Config,
    pub delivery: SinkConfig,
}

impl Setup {
    /// From one of its groups; nothing after a fault.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<Setup> {
        let mut refused = |key, message: String, hint: &str| faults.push(values.fault(key, message, hint));
        let endpoint = values.get::<String>("url").parse();
        let endpoint = endpoint
            .map_err(|error| {
                refused("url", format!("the URL cannot be used: {error}"), "write it as http://host:port")
            })
            .ok();
        let measurement = values.get::<String>("measurement").parse();
        let measurement = measurement
            .map_err(|error| refused("measurement", format!("no pattern: {error}"), "write {topic}, for one"))
            .ok();
        let target = target(values);
        if target.is_none() {
            let message = "it says neither where in InfluxDB 1.x nor where in 2.x".to_owned();
            refused("url", message, "give `database`, or `org`, `bucket` and `token`, and not both");
        }
        let config = Config { target: target?, measurement: measurement? };
        Some(Setup { endpoint: endpoint?, config, delivery: SinkConfig::from_values(values, Sequence::Free) })
    }
}

fn target(values: &Values) -> Option<Target> {
    let text = |key| values.find::<String>(key);
    let secret = |key| values.find::<Secret>(key).map(|secret| secret.reveal().to_owned());
    match (text("database"), text("org"), text("bucket"), secret("token")) {
        (Some(database), None, None, None) => {
            let credentials = text("user").zip(secret("password"));
            Some(Target::V1 { database, credentials })
        }
        (None, Some(org), Some(bucket), Some(token)) => Some(Target::V2 { org, bucket, token }),
        _ => None,
    }
}

/// The settings of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub target: Target,
    pub measurement: Pattern,
}

/// Where lines go on the server, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// InfluxDB 1.x.
    V1 {
        database: String,
        /// User and password.
        credentials: Option<(String, String)>,
    },
    /// InfluxDB 2.x.
    V2 { org: String, bucket: String, token: String },
}

/// Without its secrets.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::V1 { database, .. } => {
                f.debug_struct("V1").field("database", database).finish_non_exhaustive()
            }
            Target::V2 { org, bucket, .. } => {
                f.debug_struct("V2").field("org", org).field("bucket", bucket).finish_non_exhaustive()
            }
        }
    }
}
