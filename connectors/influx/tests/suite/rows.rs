//! Rows and sinks for the tests.

use std::net::SocketAddr;
use std::time::Duration;
use tidegate_connector_influx::{Config, InfluxSink, Target};
use tidegate_kernel_journal::Id;
use tidegate_kernel_outbound::{Client, Dialer, HttpLimits, Resolver};
use tidegate_service_ingest::{Class, Reading, Row, Source};

/// Longer than anything here takes; what is waited for that long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn row(seq: u64, payload: &str) -> Row {
    let reading = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), payload.to_owned());
    Row { seq, id: Id::v7(1), stamp_ms: 1_795_341_600_123, class: Class::Process, replay: false, reading }
}

pub(crate) fn client(address: SocketAddr) -> Client {
    let total = Duration::from_secs(2);
    let limits = HttpLimits { total, head: total, body_bytes_max: 4096, ..HttpLimits::default() };
    let dialer = Dialer::new(Resolver::system(), None).unwrap();
    Client::new(dialer, format!("http://{address}").parse().unwrap(), limits)
}

pub(crate) fn sink(address: SocketAddr) -> InfluxSink {
    let target = Target::V1 { database: "plant".to_owned(), credentials: None };
    InfluxSink::new(client(address), Config { target, measurement: "readings".parse().unwrap() })
}
