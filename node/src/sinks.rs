//! The sinks that the configuration file names: their settings, and starting them. Reads the file of roots.

use crate::failure::Failure;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_connector_influx::{self as influx, InfluxSink};
use tidegate_connector_kafka::{self as kafka, KafkaSink};
use tidegate_connector_mqtt::{MqttSink, SinkSettings};
use tidegate_connector_prometheus::{PageConfig, RemoteConfig, RemoteWriteSink};
use tidegate_connector_webhook::{self as webhook, WebhookSink};
use tidegate_kernel_outbound::{Client, Dialer, Endpoint, HttpLimits, Resolver};
use tidegate_kernel_plug::config::{Faults, Field, Kind, Section, Values};
use tidegate_service_ingest::{self as ingest, Ingest, OpenError, SinkConfig};
use tokio::runtime::Handle;

/// Names that no sink of the file may have: these are always there.
const TAKEN: [&str; 4] = ["file", "history", "opcua", "page"];

/// How the node gets to other servers.
pub(crate) const OUTBOUND: Section = Section::new(
    "outbound",
    "The way to other servers, for sinks and notices.",
    &[
        Field::new(
            "name_servers",
            Kind::List { of: &Kind::Address, items_max: 8 },
            "[]",
            "Who is asked for the addresses of names, each with its port; by default as /etc/resolv.conf says.",
        ),
        Field::optional(
            "roots_file",
            Kind::Path,
            "Certificates (PEM) that TLS trusts, instead of those that come with the binary.",
        ),
    ],
);

/// The settings of `[outbound]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbound {
    name_servers: Vec<SocketAddr>,
    roots_file: Option<PathBuf>,
}

/// Every sink but the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sinks {
    outbound: Outbound,
    influx: Vec<(String, influx::Setup)>,
    kafka: Vec<(String, kafka::Setup)>,
    remote_write: Vec<(String, RemoteConfig)>,
    webhook: Vec<(String, webhook::Config)>,
    mqtt_out: Vec<(String, SinkSettings)>,
    page: Option<PageConfig>,
}

impl Outbound {
    pub(crate) fn from_values(values: &Values) -> Outbound {
        Outbound { name_servers: values.get("name_servers"), roots_file: values.find("roots_file") }
    }

    fn dialer(&self) -> Result<Dialer, Failure> {
        let resolver = match self.name_servers.is_empty() {
            true => Resolver::system(),
            false => Resolver::with_servers(self.name_servers.clone()),
        };
        let Some(file) = &self.roots_file else {
            return Ok(Dialer::new(resolver, None).expect("the roots that come with the binary are sound"));
        };
        let refused = |why: String| {
            let message = format!("the roots in {} cannot be used: {why}", file.display());
            Failure::message(
                "TG-ND-022",
                message,
                "give outbound.roots_file a file of certificates in PEM form",
            )
        };
        let pem = fs::read(file).map_err(|error| refused(error.to_string()))?;
        Dialer::new(resolver, Some(&pem)).map_err(|error| refused(error.to_string()))
    }
}

impl Sinks {
    /// From the section `ingest`; a name may be given once.
    pub(crate) fn from_values(values: &Values, faults: &mut Faults) -> Sinks {
        check_names(values, faults);
        let sinks = Sinks {
            outbound: Outbound::default(),
            influx: named(values, "influx", |values| influx::Setup::from_values(values, faults)),
            kafka: named(values, "kafka", |values| kafka::Setup::from_values(values, faults)),
            remote_write: named(values, "remote_write", |values| RemoteConfig::from_values(values, faults)),
            webhook: named(values, "webhook", |values| webhook::Config::from_values(values, faults)),
            mqtt_out: named(values, "mqtt_out", |values| SinkSettings::from_values(values, faults)),
            page: None,
        };
        Sinks { page: PageConfig::from_values(values.group("page"), faults), ..sinks }
    }

    /// The same sinks, reached this way.
    pub(crate) fn over(self, outbound: Outbound) -> Sinks {
        Sinks { outbound, ..self }
    }

    /// Memory that all of them may take for what was read and is not settled, the file among them.
    pub(crate) fn memory_bytes_max(&self, ingest: &ingest::Config) -> u64 {
        let plain = SinkConfig::of(ingest);
        let deliveries = [Some(plain), self.page.as_ref().map(|_| plain)].into_iter().flatten();
        deliveries
            .chain(self.influx.iter().map(|(_, setup)| setup.delivery))
            .chain(self.kafka.iter().map(|(_, setup)| setup.delivery))
            .chain(self.remote_write.iter().map(|(_, config)| config.delivery))
            .chain(self.webhook.iter().map(|(_, config)| config.delivery))
            .chain(self.mqtt_out.iter().map(|(_, settings)| settings.delivery))
            .map(|delivery| delivery.memory_bytes_max())
            .sum()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let named = self.influx.len()
            + self.kafka.len()
            + self.remote_write.len()
            + self.webhook.len()
            + self.mqtt_out.len();
        named == 0 && self.page.is_none()
    }

    /// The way out, for others as well.
    pub(crate) fn dialer(&self) -> Result<Dialer, Failure> {
        self.outbound.dialer()
    }

    /// What is on the page, if any topic is chosen for it.
    pub(crate) fn page(&self) -> Option<&PageConfig> {
        self.page.as_ref()
    }

    /// Starts every one of them but the page.
    pub(crate) fn start(&self, ingest: &Ingest, exporters: &Handle) -> Result<(), Failure> {
        let dialer = self.outbound.dialer()?;
        for (name, influx::Setup { endpoint, config, delivery }) in self.influx.iter().cloned() {
            let dialer = dialer.clone();
            let make = move || InfluxSink::new(client(&dialer, &endpoint), config.clone());
            started(ingest.start_sink_with(&name, delivery, exporters, make))?;
        }
        for (name, kafka::Setup { config, delivery }) in self.kafka.iter().cloned() {
            let dialer = dialer.clone();
            let make = move || KafkaSink::new(dialer.clone(), config.clone());
            started(ingest.start_sink_with(&name, delivery, exporters, make))?;
        }
        for (name, RemoteConfig { endpoint, label, value, delivery }) in self.remote_write.iter().cloned() {
            let dialer = dialer.clone();
            let make = move || RemoteWriteSink::new(client(&dialer, &endpoint), &label, &value);
            started(ingest.start_sink_with(&name, delivery, exporters, make))?;
        }
        for (name, webhook::Config { endpoint, secret, delivery }) in self.webhook.iter().cloned() {
            let dialer = dialer.clone();
            let make = move || {
                let secret = secret.as_ref().map(|secret| secret.reveal().as_bytes());
                WebhookSink::new(client(&dialer, &endpoint), secret)
            };
            started(ingest.start_sink_with(&name, delivery, exporters, make))?;
        }
        for (name, settings) in self.mqtt_out.iter().cloned() {
            let (dialer, delivery) = (dialer.clone(), settings.delivery);
            let make = move || MqttSink::new(dialer.clone(), settings.clone());
            started(ingest.start_sink_with(&name, delivery, exporters, make))?;
        }
        Ok(())
    }
}

fn client(dialer: &Dialer, endpoint: &Endpoint) -> Client {
    Client::new(dialer.clone(), endpoint.clone(), HttpLimits::default())
}

fn started(outcome: Result<(), OpenError>) -> Result<(), Failure> {
    outcome.map_err(|error| Failure::new(error.code(), &error, error.hint()))
}

fn named<T>(values: &Values, kind: &str, mut read: impl FnMut(&Values) -> Option<T>) -> Vec<(String, T)> {
    let each = values.named(kind);
    each.filter_map(|(name, values)| Some((name.to_owned(), read(values)?))).collect()
}

/// A sink's name is that of its place in the journal, whatever its kind.
fn check_names(values: &Values, faults: &mut Faults) {
    let mut taken: Vec<&str> = TAKEN.to_vec();
    for kind in ["influx", "kafka", "mqtt_out", "remote_write", "webhook"] {
        for (name, sink) in values.named(kind) {
            if taken.contains(&name) {
                let message = format!("there is another sink {name}");
                faults.push(sink.fault_here(message, "give each a name of its own"));
            }
            taken.push(name);
        }
    }
}
