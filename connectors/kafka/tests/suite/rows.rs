//! Rows and sinks for the tests.

use std::net::SocketAddr;
use std::time::Duration;
use tidegate_connector_kafka::{Compression, Config, KafkaSink};
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Dialer, Endpoint, Resolver};
use tidegate_service_ingest::{Class, Poison, Reading, Row, Setback, Source};

/// Longer than anything here takes; what is waited for that long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const STAMP_MS: u64 = 1_795_341_600_123;

pub(crate) fn row(seq: u64, topic: &str, payload: &str) -> Row {
    let reading = Reading::raw(Source::Mqtt, topic.parse().unwrap(), payload.to_owned());
    Row { seq, id: Id::v7(STAMP_MS), stamp_ms: STAMP_MS, class: Class::Process, replay: false, reading }
}

pub(crate) fn config(brokers: &[SocketAddr]) -> Config {
    let endpoint = |broker: &SocketAddr| Endpoint {
        tls: false,
        host: broker.ip().to_string(),
        port: broker.port(),
        path: String::new(),
    };
    Config {
        brokers: brokers.iter().map(endpoint).collect(),
        client_id: "tidegate".to_owned(),
        login: None,
        topic: "readings".parse().unwrap(),
        key: "{topic}".parse().unwrap(),
        compression: Compression::None,
    }
}

pub(crate) fn sink(config: Config) -> KafkaSink {
    KafkaSink::new(Dialer::new(Resolver::system(), None).unwrap(), config)
}

/// What a setback says, in a word, and its code.
pub(crate) fn verdict(setback: &Setback) -> (&'static str, &'static str) {
    match setback {
        Setback::Retry { error, .. } => ("retry", error.code),
        Setback::Misconfigured(error) => ("misconfigured", error.code),
        Setback::TooLarge(error) => ("too large", error.code),
        Setback::Refused(error) => ("refused", error.code),
        Setback::Poison(poison) => ("poison", poison[0].code),
        Setback::Partly { outcome, .. } => verdict(outcome),
    }
}

/// The rows that are left, and those that are poison.
pub(crate) fn parts(setback: Setback) -> (Vec<usize>, Vec<Poison>) {
    match setback {
        Setback::Partly { left, poison, .. } => (left, poison),
        Setback::Poison(poison) => (Vec::new(), poison),
        other => panic!("{other:?}"),
    }
}
