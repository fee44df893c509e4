//! What the configuration file can say of a sink that is a broker. Reads no file: the node does.

use bytes::Bytes;
use tidegate_codec_mqtt::{Login, Text};
use tidegate_kernel_outbound::Endpoint;
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};
use tidegate_service_ingest::{DELIVERY, SINKS_MAX, Sequence, SinkConfig};

const NAME: Kind = Kind::Text { bytes_max: 256 };
const SCHEMES: &[(&str, bool, u16)] = &[("mqtt", false, 1883), ("mqtts", true, 8883)];

/// Its groups are `[ingest.mqtt_out.NAME]`.
pub const SINK_SECTION: Section = Section::new("ingest", "", &[]).with(&[Group::many(
    "mqtt_out",
    "A sink that is a broker: each reading is published again, with QoS 1.",
    Many { groups_max: SINKS_MAX, reload: Reload::Restart },
    &[
        Field::required("url", Kind::Url(&["mqtt", "mqtts"]), "Where the broker is; not this node's own."),
        Field::required(
            "client_id",
            NAME,
            "By which the broker knows this node. No other client may have it.",
        ),
        Field::optional("user", NAME, "User name to log in with."),
        Field::optional("password", Kind::Secret, "Its password, or a token."),
        Field::new(
            "prefix",
            Kind::Text { bytes_max: 1024 },
            "",
            "What stands before each topic there, such as site-3/.",
        ),
    ],
)
.with(&[DELIVERY])]);

/// A sink as the file says it.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    pub endpoint: Endpoint,
    pub client_id: Text,
    pub login: Option<Login>,
    pub prefix: String,
    pub delivery: SinkConfig,
}

impl SinkSettings {
    /// From one of its groups; nothing after a fault.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<SinkSettings> {
        let endpoint = Endpoint::with_schemes(&values.get::<String>("url"), SCHEMES).map_err(|error| {
            let message = format!("the URL cannot be used: {error}");
            faults.push(values.fault("url", message, "write it as mqtt://host:port"));
        });
        let client_id = Text::new(&values.get::<String>("client_id")).map_err(|error| {
            faults.push(values.fault("client_id", error.to_string(), "use letters, digits, - and _"));
        });
        let user = values.find::<String>("user").and_then(|user| Text::new(&user).ok());
        let password = values.find::<Secret>("password");
        let password = password.map(|secret| Bytes::copy_from_slice(secret.reveal().as_bytes()));
        Some(SinkSettings {
            endpoint: endpoint.ok()?,
            client_id: client_id.ok()?,
            login: user.map(|user| Login::new(user, password)),
            prefix: values.get("prefix"),
            delivery: SinkConfig::from_values(values, Sequence::Loose),
        })
    }
}
