//! What a link can be told, with defaults and limits. Reads no file but the certificates it names.

use super::error::LinkError;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use tidegate_codec_mqtt::{QoS, Text, TopicFilter};
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};

const LINKS_MAX: usize = 16;
const FILTERS_MAX: usize = 64;
const WAIT: Kind = Kind::Duration { min_ms: 10, max_ms: 600_000 };

/// What the configuration file can say of links.
pub const SECTION: Section =
    Section::new("external", "Brokers that the site runs already, at which this node is a client.", &[])
        .with(&[Group::many(
            "brokers",
            "One broker. The name stands in metrics and with every reading from there.",
            Many { groups_max: LINKS_MAX, reload: Reload::Restart },
            FIELDS,
        )]);

const FIELDS: &[Field] = &[
    Field::required(
        "url",
        Kind::Url(&["mqtt", "mqtts"]),
        "Where it is; the port is 1883, with TLS 8883, unless it is said.",
    ),
    Field::required(
        "client_id",
        Kind::Text { bytes_max: 256 },
        "By which the broker knows the session again. No other client may have it.",
    ),
    Field::required(
        "filters",
        Kind::List { of: &Kind::Text { bytes_max: 1024 }, items_max: FILTERS_MAX },
        "What to subscribe to. At MQTT 3.1.1 a session that exists keeps its filters: change the client_id with them.",
    ),
    Field::new("version", Kind::Choice(&["5", "3.1.1"]), "5", "The version of MQTT to speak."),
    Field::new("qos", Kind::Integer { min: 1, max: 2 }, "1", "Quality of the subscriptions."),
    Field::optional("user", Kind::Text { bytes_max: 256 }, "User name to log in with."),
    Field::optional("password", Kind::Secret, "Its password, or a token."),
    Field::optional(
        "ca",
        Kind::Path,
        "PEM file with the authorities that mqtts is trusted by; needed for mqtts.",
    ),
    Field::new(
        "keep_alive",
        Kind::Duration { min_ms: 1000, max_ms: 3_600_000 },
        "30 s",
        "How often the broker is asked whether it is there.",
    ),
    Field::new(
        "session_expiry",
        Kind::Duration { min_ms: 60_000, max_ms: 2_592_000_000 },
        "7 d",
        "How long the broker keeps the session while this node is away; only said at MQTT 5.",
    ),
    Field::new(
        "receive_max",
        Kind::Integer { min: 1, max: 1000 },
        "20",
        "Publications that wait for the journal; beyond it the broker queues. Told to it at MQTT 5.",
    ),
    Field::new(
        "packet_bytes_max",
        Kind::Bytes { min: 1024, max: 16_777_216 },
        "1 MiB",
        "Largest packet; the broker is told so at MQTT 5. A larger one ends the connection.",
    ),
    Field::new(
        "connect_timeout",
        WAIT,
        "10 s",
        "Time for the connection and each answer of the broker to it.",
    ),
    Field::new(
        "retry_base",
        WAIT,
        "500 ms",
        "The first wait after a failure is at most this long; each further one twice that.",
    ),
    Field::new("retry_cap", WAIT, "30 s", "No wait after a failure is longer."),
];

/// The version of MQTT a link speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    V311,
    V5,
}

/// How a broker is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// PEM, the authorities.
    pub ca: PathBuf,
}

/// Settings of one link.
#[derive(Debug, Clone)]
pub struct Config {
    pub name: String,
    pub host: String,
    pub port: u16,
    /// Nothing for a connection anybody can read.
    pub security: Option<Security>,
    pub client_id: String,
    pub filters: Vec<TopicFilter>,
    pub version: Protocol,
    pub qos: QoS,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub keep_alive_s: u16,
    pub session_expiry_s: u32,
    pub receive_max: u16,
    pub packet_bytes_max: usize,
    pub connect_timeout_ms: u64,
    pub retry_base_ms: u64,
    pub retry_cap_ms: u64,
}

impl Config {
    /// With defaults for what is not said here.
    pub fn new(name: &str, host: &str, port: u16, client_id: &str, filters: Vec<TopicFilter>) -> Config {
        Config {
            name: name.to_owned(),
            host: host.to_owned(),
            port,
            security: None,
            client_id: client_id.to_owned(),
            filters,
            version: Protocol::V5,
            qos: QoS::AtLeastOnce,
            user: None,
            password: None,
            keep_alive_s: 30,
            session_expiry_s: 7 * 24 * 60 * 60,
            receive_max: 20,
            packet_bytes_max: 1 << 20,
            connect_timeout_ms: 10_000,
            retry_base_ms: 500,
            retry_cap_ms: 30_000,
        }
    }

    /// All links of the section.
    pub fn all_from_values(values: &Values, faults: &mut Faults) -> Vec<Config> {
        values
            .named("brokers")
            .filter_map(|(name, values)| Config::from_values(name, values, faults))
            .collect()
    }

    fn from_values(name: &str, values: &Values, faults: &mut Faults) -> Option<Config> {
        let url: String = values.get("url");
        let Some((secure, host, port)) = split(&url) else {
            faults.push(values.fault("url", "not the address of a broker", "write mqtt://host:1883"));
            return None;
        };
        let ca: Option<PathBuf> = values.find("ca");
        if secure && ca.is_none() {
            faults.push(values.fault(
                "url",
                "mqtts without ca",
                "name the PEM file of the authorities with ca",
            ));
        }
        let filters = filters(values, faults);
        let millis_in_s = |key| values.millis(key) / 1000;
        Some(Config {
            security: ca.filter(|_| secure).map(|ca| Security { ca }),
            version: if values.get::<String>("version") == "5" { Protocol::V5 } else { Protocol::V311 },
            qos: if values.get::<u64>("qos") == 2 { QoS::ExactlyOnce } else { QoS::AtLeastOnce },
            user: values.find("user"),
            password: values.find("password"),
            keep_alive_s: millis_in_s("keep_alive") as u16,
            session_expiry_s: millis_in_s("session_expiry") as u32,
            receive_max: values.get("receive_max"),
            packet_bytes_max: values.get("packet_bytes_max"),
            connect_timeout_ms: values.millis("connect_timeout"),
            retry_base_ms: values.millis("retry_base"),
            retry_cap_ms: values.millis("retry_cap"),
            ..Config::new(name, host, port, &values.get::<String>("client_id"), filters)
        })
    }

    pub fn check(&self) -> Result<(), LinkError> {
        check("client_id", self.client_id.len() as u64, 1..=256)?;
        check("filters", self.filters.len() as u64, 1..=FILTERS_MAX as u64)?;
        check("keep_alive_s", self.keep_alive_s.into(), 1..=3600)?;
        check("receive_max", self.receive_max.into(), 1..=1000)?;
        check("packet_bytes_max", self.packet_bytes_max as u64, 1024..=16_777_216)?;
        check("connect_timeout_ms", self.connect_timeout_ms, 10..=600_000)?;
        check("retry_base_ms", self.retry_base_ms, 10..=600_000)?;
        check("retry_cap_ms", self.retry_cap_ms, 10..=600_000)?;
        let texts = [Some(&self.client_id), self.user.as_ref()];
        let is_text = texts.into_iter().flatten().all(|text| Text::new(text).is_ok());
        is_text.then_some(()).ok_or(LinkError::Text)
    }

    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn filters(values: &Values, faults: &mut Faults) -> Vec<TopicFilter> {
    let texts: Vec<String> = values.get("filters");
    let mut filters = Vec::with_capacity(texts.len());
    for text in texts {
        match text.parse() {
            Ok(filter) => filters.push(filter),
            Err(_) => faults.push(values.fault(
                "filters",
                format!("{text:?} is no topic filter"),
                "as in MQTT: line/+/temp, line/#",
            )),
        }
    }
    filters
}

/// Whether it is secure, the host, the port.
fn split(url: &str) -> Option<(bool, &str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let secure = scheme == "mqtts";
    let rest = rest.trim_end_matches('/');
    let standard = if secure { 8883 } else { 1883 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, standard),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty() && !host.contains('/')).then_some((secure, host, port))
}

fn check(field: &'static str, found: u64, allowed: RangeInclusive<u64>) -> Result<(), LinkError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(LinkError::Setting { field, found, min: *allowed.start(), max: *allowed.end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_perhaps_a_port() {
        assert_eq!(split("mqtt://hall"), Some((false, "hall", 1883)));
        assert_eq!(split("mqtts://hall.example:9000/"), Some((true, "hall.example", 9000)));
        assert_eq!(split("mqtt://[::1]:1884"), Some((false, "::1", 1884)));
        assert_eq!((split("hall:1883"), split("mqtt://:1883"), split("mqtt://a:b")), (None, None, None));
    }

    #[test]
    fn a_link_without_a_name_for_its_session_is_refused() {
        let config = Config::new("hall", "localhost", 1883, "", vec!["#".parse().unwrap()]);
        assert_eq!(config.check().unwrap_err().to_string(), "client_id is 0, outside 1 to 256");
    }
}
