//! What the connector is told, and what the configuration file can say of it. Reads no file: the node does.

use crate::login::{Login, Mechanism};
use tidegate_codec_kafka::Compression;
use tidegate_kernel_outbound::{Endpoint, NotAnEndpoint};
use tidegate_kernel_plug::config::{Faults, Field, Group, Kind, Many, Reload, Secret, Section, Values};
use tidegate_service_ingest::{DELIVERY, NotAPattern, Pattern, SINKS_MAX, Sequence, SinkConfig};

const NAME: Kind = Kind::Text { bytes_max: 256 };
const BROKERS_MAX: usize = 16;
const PORT: u16 = 9092;

/// Its groups are `[ingest.kafka.NAME]`.
pub const SECTION: Section = Section::new("ingest", "", &[]).with(&[Group::many(
    "kafka",
    "A sink that is a Kafka cluster: each reading is a record, acknowledged by all replicas in sync.",
    Many { groups_max: SINKS_MAX, reload: Reload::Restart },
    &[
        Field::required(
            "brokers",
            Kind::List { of: &NAME, items_max: BROKERS_MAX },
            "Brokers to ask where the topics are, as host:port; one that answers is enough.",
        ),
        Field::new("tls", Kind::Flag, "false", "Whether connections to all brokers are TLS."),
        Field::required(
            "topic",
            NAME,
            "The topic there: plain text with {topic}, {topic.1} (its first level) and {device} in it. It has to exist.",
        ),
        Field::new(
            "key",
            NAME,
            "{topic}",
            "The key of each record, with the same in it. Records of one key keep their order and go to one partition.",
        ),
        Field::new(
            "compression",
            Kind::Choice(&["none", "gzip", "snappy"]),
            "none",
            "How records are packed.",
        ),
        Field::new("client_id", NAME, "tidegate", "By which the brokers' logs and quotas know this node."),
        Field::optional("user", NAME, "User name to log in with, by SASL."),
        Field::optional("password", Kind::Secret, "Its password."),
        Field::new(
            "mechanism",
            Kind::Choice(&["scram-sha-512", "scram-sha-256", "plain"]),
            "scram-sha-512",
            "How the password is proved. With plain it is sent as it is: use TLS.",
        ),
    ],
)
.with(&[DELIVERY])]);

/// A sink as the file says it.
#[derive(Debug, Clone)]
pub struct Setup {
    pub config: Config,
    pub delivery: SinkConfig,
}

/// The settings of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// At least one.
    pub brokers: Vec<Endpoint>,
    pub client_id: String,
    pub login: Option<Login>,
    pub topic: Pattern,
    pub key: Pattern,
    pub compression: Compression,
}

impl Setup {
    /// From one of its groups; nothing after a fault.
    pub fn from_values(values: &Values, faults: &mut Faults) -> Option<Setup> {
        let (topic, key) = (pattern(values, "topic", faults), pattern(values, "key", faults));
        let brokers = brokers(values, faults);
        let mut refused = |key, message: &str, hint: &str| faults.push(values.fault(key, message, hint));
        let login = login(values).map_err(|message| {
            refused("user", message, "give both `user` and `password`, or neither");
        });
        let config = Config {
            brokers: brokers?,
            client_id: values.get("client_id"),
            login: login.ok()?,
            topic: topic?,
            key: key?,
            compression: compression(&values.get::<String>("compression")),
        };
        Some(Setup { config, delivery: SinkConfig::from_values(values, Sequence::Loose) })
    }
}

fn pattern(values: &Values, key: &str, faults: &mut Faults) -> Option<Pattern> {
    let refused = |error| values.fault(key, format!("no pattern: {error}"), "write {topic}, for one");
    values.get::<String>(key).parse().map_err(|error: NotAPattern| faults.push(refused(error))).ok()
}

/// Every one that is none is told.
fn brokers(values: &Values, faults: &mut Faults) -> Option<Vec<Endpoint>> {
    const HINT: &str = "write each as \"host:9092\"";
    let (texts, tls) = (values.get::<Vec<String>>("brokers"), values.get::<bool>("tls"));
    if texts.is_empty() {
        faults.push(values.fault("brokers", "there is no broker", HINT));
        return None;
    }
    let mut read = |(item, text): (usize, &String)| {
        let message = |error| format!("{text} is no broker: {error}");
        let refused = |error| faults.push(values.fault_in("brokers", item, message(error), HINT));
        broker(text, tls).map_err(refused).ok()
    };
    let brokers: Vec<Option<Endpoint>> = texts.iter().enumerate().map(&mut read).collect();
    brokers.into_iter().collect()
}

fn broker(text: &str, tls: bool) -> Result<Endpoint, NotAnEndpoint> {
    Endpoint::with_schemes(&format!("kafka://{text}"), &[("kafka", tls, PORT)])
}

fn login(values: &Values) -> Result<Option<Login>, &'static str> {
    let mechanism = match values.get::<String>("mechanism").as_str() {
        "plain" => Mechanism::Plain,
        "scram-sha-256" => Mechanism::ScramSha256,
        _ => Mechanism::ScramSha512,
    };
    match (values.find::<String>("user"), values.find::<Secret>("password")) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => {
            Ok(Some(Login { user, password: password.reveal().to_owned(), mechanism }))
        }
        _ => Err("a user without a password, or the other way round"),
    }
}

fn compression(name: &str) -> Compression {
    match name {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        _ => Compression::None,
    }
}
