//! The field table of the whole node, and the settings that are made of it: one line here for each capability.

use crate::logs::{self, Format};
use crate::only::{self, Only};
use crate::sinks::{self, Outbound, Sinks};
use crate::tls::{self, Certificate};
use crate::writing::judge_rules;
use crate::{audit, http, identity, notices, traces};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tidegate_connector_mqtt as external;
use tidegate_connector_opcua as opcua;
use tidegate_gear_postgres as postgres;
use tidegate_kernel_journal::{Options, Retention};
use tidegate_kernel_plug::config::{Fault, Faults, Field, Kind, Reading, Section, Source, Table, Values};
use tidegate_service_broker as broker;
use tidegate_service_grpc as grpc;
use tidegate_service_history as history;
use tidegate_service_ingest as ingest;
use tidegate_service_ingest::http::HttpConfig;
use tidegate_service_ledger as ledger;
use tidegate_service_notice::{self as notice, Zone};
use tidegate_service_plant as floor;
use tidegate_service_probe as probe;

/// Every section of the file, in the order of the sample.
const SECTIONS: &[Section] = &[
    NODE,
    logs::SECTION,
    MANAGEMENT,
    identity::SECTION,
    audit::SECTION,
    tls::SECTION,
    http::SECTION,
    broker::SECTION,
    MQTTS,
    grpc::SECTION,
    opcua::SECTION,
    external::SECTION,
    floor::SECTION,
    QUEUES,
    ingest::SECTION,
    ingest::RULES,
    floor::MODEL,
    Section::new("ingest.file", FILE_HELP, FILE),
    tidegate_connector_influx::SECTION,
    tidegate_connector_kafka::SECTION,
    tidegate_connector_mqtt::SINK_SECTION,
    tidegate_connector_prometheus::SECTION,
    tidegate_connector_webhook::SECTION,
    notice::SECTION,
    notices::CHANNELS,
    sinks::OUTBOUND,
    history::SECTION,
    traces::SECTION,
    probe::SECTION,
    ledger::SECTION,
    postgres::SECTION,
];

const NODE: Section = Section::new(
    "node",
    "The process. Paths that do not begin with / are below the folder it is started in.",
    &[
        Field::new("data", Kind::Path, "./tidegate-data", "The data folder; made if it is not there."),
        Field::new(
            "allow_network_folder",
            Kind::Flag,
            "false",
            "Opens a data folder on NFS, SMB, 9P or AFS, whose syncs may promise more than they keep.",
        ),
        Field::new(
            "drain_timeout",
            Kind::Duration { min_ms: 0, max_ms: 3_600_000 },
            "10 s",
            "How long the end may take; with nothing, what is on its way stays in the journal for the next start.",
        )
        .live(),
        only::FIELD,
        Field::new(
            "time_zone",
            Kind::Text { bytes_max: 64 },
            "UTC",
            "The site's time zone, as the IANA database names it: Asia/Shanghai. Messages write it out beside each time.",
        ),
    ],
);

const MANAGEMENT: Section = Section::new(
    "management",
    "Metrics, readiness, accounts, reload.",
    &[
        Field::new(
            "listen",
            Kind::Address,
            "127.0.0.1:7300",
            "Where to listen; wider than loopback only where [identity] names somebody.",
        ),
        Field::optional(
            "tls_listen",
            Kind::Address,
            "Where to serve the same over TLS, with the certificate of [tls]; wider as above.",
        ),
    ],
);

const MQTTS: Section = Section::new(
    "mqtts",
    "The listener for MQTT over TLS, which is there where [tls] has a certificate.",
    &[Field::new(
        "listen",
        Kind::Address,
        "127.0.0.1:8883",
        "Where to listen; wider than loopback only where [identity] names somebody.",
    )],
);

const QUOTA: Kind = Kind::Bytes { min: 1 << 20, max: 1 << 44 };

const QUEUES: Section = Section::new(
    "queues",
    "The journal of what is on its way to somewhere else.",
    &[
        Field::new(
            "keep_bytes",
            QUOTA,
            "256 MiB",
            "What every sink has stays for so many bytes, so that a reading's story can still be told.",
        ),
        Field::new(
            "bytes_max",
            QUOTA,
            "2 GiB",
            "Above this the oldest segment goes, delivered or not, but for its critical readings; what is lost is counted.",
        ),
    ],
);

const FILE_HELP: &str = "The file sink: one reading a line.";
const FILE: &[Field] = &[
    Field::new(
        "enabled",
        Kind::Flag,
        "true",
        "Whether there is a file at all; without one, and without another sink, readings end in the journal.",
    ),
    Field::optional(
        "path",
        Kind::Path,
        "The file readings are delivered to; ingest/readings.ndjson in the data folder by default.",
    ),
];
/// Below the data folder.
const FILE_DEFAULT: &str = "ingest/readings.ndjson";

/// What a start needs to know, each in the type of whoever uses it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) network_allowed: bool,
    pub(crate) only: Only,
    pub(crate) drain_timeout: Duration,
    pub(crate) admin: SocketAddr,
    /// Nothing where management is not served over TLS.
    pub(crate) admin_tls: Option<SocketAddr>,
    pub(crate) identity: identity::Config,
    pub(crate) audit: audit::Config,
    /// Nothing where TLS is not spoken.
    pub(crate) tls: Option<Certificate>,
    pub(crate) http: http::Config,
    pub(crate) inputs: HttpConfig,
    pub(crate) mqtts: SocketAddr,
    pub(crate) retention: Retention,
    pub(crate) mqtt: broker::Config,
    pub(crate) grpc: grpc::Config,
    /// Nothing where OPC UA is not served.
    pub(crate) opcua: Option<opcua::Config>,
    pub(crate) external: Vec<external::Config>,
    pub(crate) ingest: ingest::Config,
    pub(crate) rules: ingest::RulesConfig,
    pub(crate) model: ingest::ModelConfig,
    /// Devices that are asked.
    pub(crate) plant: floor::Config,
    pub(crate) history: history::Config,
    pub(crate) ledger: ledger::Config,
    pub(crate) postgres: postgres::Choice,
    /// Nothing where readings go into no file.
    pub(crate) file: Option<PathBuf>,
    pub(crate) sinks: Sinks,
    pub(crate) zone: Zone,
    pub(crate) notices: notices::Setup,
    /// Nothing where there is no collector.
    pub(crate) traces: Option<traces::Config>,
    pub(crate) probe: probe::Config,
}

pub(crate) fn table() -> Table {
    Table::new(SECTIONS)
}

/// Reads and judges one file alone.
#[cfg(test)]
pub(crate) fn read(source: &Source<'_>) -> Result<(Values, Settings), Faults> {
    judge(table().read(source))
}

/// Judges all of what was read; every fault of every section at once.
pub(crate) fn judge(mut reading: Reading) -> Result<(Values, Settings), Faults> {
    let settings = settings(&mut reading);
    let values = reading.finish()?;
    Ok((values, settings.expect("a section without faults makes its settings")))
}

/// Where the data folder is; nothing where the section that says it has faults.
pub(crate) fn data(source: &Source<'_>) -> Option<PathBuf> {
    table().read(source).section("node", |values, _| values.get("data"))
}

/// How the log is written; nothing where the section that says it has faults.
pub(crate) fn log_format(source: &Source<'_>) -> Option<Format> {
    table().read(source).section("log", |values, _| Format::from_values(values))
}

fn settings(reading: &mut Reading) -> Option<Settings> {
    // Each is asked, also after one that has faults: they are told together.
    let node = reading.section("node", node);
    let identity = reading.section("identity", identity::Config::from_values);
    let audit = reading.section("audit", audit::Config::from_values);
    let is_known = identity.as_ref().is_none_or(identity::Config::names_somebody);
    let (tls, admin) = secured(reading, is_known);
    let (retention, doors) = (reading.section("queues", retention), doors(reading, is_known));
    let external = reading.section("external", external::Config::all_from_values);
    let (ingest, plant) = floor(reading);
    let notices = reading.section("notice", notices::Setup::from_values);
    let traces = reading.section("traces", traces::Config::from_values);
    let history = reading.section("history", |values, _| history::Config::from_values(values));
    let probe = reading.section("probe", |values, _| probe::Config::from_values(values));
    let books = reading.section("ledger", |values, faults| {
        (ledger::Config::from_values(values, faults), postgres::Choice::from_values(values, faults))
    });
    if let (Some((.., only)), Some((ledger, _))) = (&node, &books) {
        reading.section("node", |values, faults| only.judge_books(values, ledger, faults));
    }
    let outbound = reading.section("outbound", |values, _| Outbound::from_values(values));
    let ((data, network_allowed, drain_timeout, zone, only), (ingest, model, rules, file, sinks)) =
        (node?, ingest?);
    let (file, sinks) =
        (file.map(|file| file.unwrap_or_else(|| data.join(FILE_DEFAULT))), sinks.over(outbound?));
    let ((admin, admin_tls), identity, retention) = (admin?, identity?, retention?);
    let (((http, inputs), mqtts, mqtt, grpc, opcua), (ledger, postgres)) = (doors?, books?);
    Some(Settings {
        data,
        network_allowed,
        only,
        drain_timeout,
        admin,
        admin_tls,
        identity,
        audit: audit?,
        tls: tls?,
        http,
        inputs,
        mqtts,
        grpc,
        opcua,
        external: external?,
        retention,
        mqtt,
        ingest,
        rules,
        model,
        plant: plant?,
        history: history?,
        ledger,
        postgres,
        file,
        sinks,
        zone,
        notices: notices?,
        traces: traces?,
        probe: probe?,
    })
}

/// The pipeline and the devices that are asked; rules that write to them are judged by both.
fn floor(reading: &mut Reading) -> (Option<Pipeline>, Option<floor::Config>) {
    let (pipeline, plant) = (reading.section("ingest", pipeline), plant(reading));
    if let (Some((_, model, rules, ..)), Some(plant)) = (&pipeline, &plant) {
        reading.section("ingest", |values, faults| judge_rules(values, rules, model, plant, faults));
    }
    (pipeline, plant)
}

/// Devices that are asked: what holds for all, and those of the model that have a driver.
fn plant(reading: &mut Reading) -> Option<floor::Config> {
    let devices =
        reading.section("ingest", |values, faults| floor::devices(values, &crate::plant::judges(), faults));
    let devices = devices.unwrap_or_default();
    reading.section("plant", |values, faults| floor::Config::from_values(values, devices, faults))
}

/// Where devices and programs come in: HTTP, MQTT over TLS, MQTT, gRPC, OPC UA.
type Doors = ((http::Config, HttpConfig), SocketAddr, broker::Config, grpc::Config, Option<opcua::Config>);

fn doors(reading: &mut Reading, is_known: bool) -> Option<Doors> {
    let http = reading.section("http", |values, faults| {
        asked(values, "--http", is_known, faults);
        (http::Config::from_values(values, faults), http::inputs(values, faults))
    });
    let mqtts = reading.section("mqtts", |values, faults| asked(values, "--mqtts", is_known, faults));
    let mqtt = reading.section("mqtt", |values, faults| {
        asked(values, "--mqtt", is_known, faults);
        broker::Config::from_values(values, faults)
    });
    let grpc = reading.section("grpc", |values, faults| {
        asked(values, "--grpc", is_known, faults);
        grpc::Config::from_values(values, faults)
    });
    let opcua = reading.section("opcua", |values, faults| {
        let config = opcua::Config::from_values(values);
        config.inspect(|_| judge_reach(values, "listen", None, is_known, faults))
    });
    let (http, inputs) = http?;
    Some(((http, inputs?), mqtts?, mqtt?, grpc?, opcua?))
}

/// What readings go through, from their class to the sinks.
type Pipeline = (ingest::Config, ingest::ModelConfig, ingest::RulesConfig, Option<Option<PathBuf>>, Sinks);

fn pipeline(values: &Values, faults: &mut Faults) -> Pipeline {
    let (config, model) = (ingest::Config::from_values(values, faults), ingest::model_config(values, faults));
    let (rules, sinks) =
        (ingest::RulesConfig::from_values(values, &model, faults), Sinks::from_values(values, faults));
    let file = values.group("file");
    (config, model, rules, file.get::<bool>("enabled").then(|| file.find("path")), sinks)
}

fn node(values: &Values, faults: &mut Faults) -> (PathBuf, bool, Duration, Zone, Only) {
    let zone: String = values.get("time_zone");
    let zone = Zone::named(&zone).unwrap_or_else(|| {
        let hint = "write it as the IANA database does: \"Asia/Shanghai\", \"Europe/Berlin\", \"UTC\"";
        faults.push(values.fault("time_zone", format!("there is no time zone {zone:?}"), hint));
        Zone::utc()
    });
    let only = Only::from_values(values, faults);
    (values.get("data"), values.get("allow_network_folder"), values.get("drain_timeout"), zone, only)
}

fn retention(values: &Values, faults: &mut Faults) -> Retention {
    let (keep_bytes, bytes_max): (u64, u64) = (values.get("keep_bytes"), values.get("bytes_max"));
    if keep_bytes > bytes_max {
        let message = "queues.keep_bytes is more than queues.bytes_max";
        faults.push(values.fault("keep_bytes", message, "keep less, or allow more"));
    }
    Retention::Drain { keep_bytes, bytes_max }
}

/// The certificate, and what of management takes one.
fn secured(reading: &mut Reading, is_known: bool) -> (Option<Option<Certificate>>, Option<Management>) {
    let tls = reading.section("tls", Certificate::from_values);
    // A certificate with a fault of its own is told of there.
    let has_tls = tls.as_ref().is_none_or(Option::is_some);
    let admin = reading.section("management", |values, faults| management(values, is_known, has_tls, faults));
    (tls, admin)
}

/// The listeners for management: the plain one, and the one that speaks TLS.
type Management = (SocketAddr, Option<SocketAddr>);

/// For a listener that asks, where somebody must be known for the answer to be of use.
fn asked(values: &Values, option: &str, is_known: bool, faults: &mut Faults) -> SocketAddr {
    judge_reach(values, "listen", Some(option), is_known, faults);
    values.get("listen")
}

fn judge_reach(values: &Values, key: &str, option: Option<&str>, is_known: bool, faults: &mut Faults) {
    let reached = |address: &SocketAddr| !address.ip().is_loopback() && !is_known;
    let Some(address) = values.find(key).filter(reached) else { return };
    let (path, option) = (values.path(), option.map(|option| format!(" ({option})")).unwrap_or_default());
    let message = format!(
        "{path}.{key}{option} {address} can be reached by others, and nobody is known who may come in"
    );
    let hint = "start with --lan, name tokens or devices under [identity], as `tidegate identity` prints them, or listen on 127.0.0.1";
    let place = values.origin(key).place();
    faults.push(Fault { place, code: "TG-ND-002", message, hint: hint.to_owned() });
}

fn management(values: &Values, is_known: bool, has_tls: bool, faults: &mut Faults) -> Management {
    judge_reach(values, "tls_listen", Some("--admin-tls"), is_known, faults);
    let over_tls = values.find("tls_listen");
    if over_tls.is_some() && !has_tls {
        let message = "management.tls_listen is to speak TLS, and [tls] has no certificate".to_owned();
        let place = values.origin("tls_listen").place();
        let hint = "give tls.cert and tls.key, or start with --lan, which makes a certificate".to_owned();
        faults.push(Fault { place, code: "TG-TL-010", message, hint });
    }
    (asked(values, "--admin", is_known, faults), over_tls)
}

impl Settings {
    pub(crate) fn queues(&self) -> Options {
        Options { retention: self.retention, ..Options::queues() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_plug::config::changes;

    fn source(text: &str) -> Source<'_> {
        Source { file: Some(text.as_bytes()), overrides: &[], secrets: &|_| Err("none here".to_owned()) }
    }

    #[test]
    fn the_sample_is_the_defaults() {
        let (values, _) = read(&source(&table().sample())).unwrap();
        assert_eq!(changes(&table().defaults(), &values), []);
        assert_eq!(Settings::queues(&read(&source("")).unwrap().1).retention, Options::queues().retention);
    }

    #[test]
    fn the_committed_reference_page_is_what_the_table_makes() {
        let hint = "write it again: tidegate config reference > docs/reference/config.md";
        assert!(table().reference() == include_str!("../../docs/reference/config.md"), "{hint}");
    }

    #[test]
    fn the_samples_of_connectors_are_sound() {
        for sample in [
            include_str!("../../connectors/influx/sample.toml"),
            include_str!("../../connectors/kafka/sample.toml"),
            include_str!("../../connectors/mqtt/sample.toml"),
            include_str!("../../connectors/prometheus/sample.toml"),
            include_str!("../../connectors/webhook/sample.toml"),
        ] {
            let (_, settings) = read(&source(sample)).unwrap_or_else(|faults| panic!("{faults:?}"));
            assert!(!settings.sinks.is_empty(), "{sample}");
        }
    }

    #[test]
    fn the_sample_of_robots_is_sound_and_faults_of_channels_are_told() {
        let sample = include_str!("../../connectors/robots/sample.toml");
        let (_, settings) = read(&source(sample)).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!((settings.notices.channels.len(), settings.zone.name()), (4, "Asia/Shanghai"));
        let sample = include_str!("../../connectors/mail/sample.toml");
        assert_eq!(read(&source(sample)).unwrap().1.notices.channels.len(), 1);
        let text = "[notice.channels.\"a b\"]\ntype = \"wecom\"\nurl = \"https://h/s?key=k\"\nsecret = \"s\"\n\
            [notice.channels.b]\ntype = \"feishu\"\nurl = \"https://h/s?key=k\"\n\
            [notice.channels.c]\ntype = \"webhook\"\nurl = \"nowhere\"\n[node]\ntime_zone = \"Mars/Olympus\"\n";
        let faults = read(&source(text)).unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| fault.place_in("f")).collect();
        assert_eq!(found, ["f:1:18", "f:4:10", "f:7:7", "f:10:7", "f:12:13"]);
    }

    #[test]
    fn opc_ua_that_others_can_reach_is_refused_where_nobody_is_known_who_may_come_in() {
        let served = "[opcua]\nenabled = true\nlisten = \"0.0.0.0:4840\"\n";
        assert!(read(&source(served)).unwrap_err().iter().all(|fault| fault.code == "TG-ND-002"));
        let somebody = format!("{served}[identity.devices.scada]\nsha256 = \"{}\"\n", "ab".repeat(32));
        assert!(read(&source(&somebody)).is_ok());
        let sample = include_str!("../../connectors/opcua/sample.toml");
        assert!(read(&source(sample)).unwrap().1.opcua.unwrap().is_open);
    }

    #[test]
    fn two_sinks_of_one_name_are_refused() {
        let text = "[ingest.influx.a]\nurl = \"http://h\"\ndatabase = \"d\"\n[ingest.webhook.a]\nurl = \"http://h\"\n\
            [ingest.webhook.file]\nurl = \"http://h\"\n";
        let faults = read(&source(text)).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.place_in("f")).collect::<Vec<_>>(), ["f:4:17", "f:6:17"]);
    }

    #[test]
    fn a_kafka_without_a_broker_a_password_or_a_pattern_is_refused_at_once() {
        let text = "[ingest.kafka.a]\nbrokers = [\"b:9092\", \"b:x\"]\ntopic = \"{line}\"\nuser = \"u\"\n\
            [ingest.kafka.b]\nbrokers = []\ntopic = \"t\"\n";
        let faults = read(&source(text)).unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| fault.place_in("f")).collect();
        assert_eq!(found, ["f:2:22", "f:3:9", "f:4:8", "f:6:11"]);
    }

    #[test]
    fn faults_of_sections_and_of_capabilities_are_told_together() {
        let text = "[mqtt]\nlisten = \"0.0.0.0:1\"\n[ingest]\ncritical = [\"a/#/b\"]\n[queues]\nkeep_bytes = \"3 GiB\"\n\
            [node]\ndata = 1\n[nodes]\n";
        let faults = read(&source(text)).unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| (fault.place_in("f"), fault.code)).collect();
        let expected = [
            ("f:2:10", "TG-ND-002"),
            ("f:4:13", "TG-CF-016"),
            ("f:6:14", "TG-CF-016"),
            ("f:8:8", "TG-CF-007"),
            ("f:9:2", "TG-CF-006"),
        ];
        assert_eq!(found, expected.map(|(place, code)| (place.to_owned(), code)));
    }
}
