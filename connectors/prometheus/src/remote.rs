//! Remote write 1.0: one batch, one request; what each answer means for the batch.

use crate::message;
use crate::sample::{Sample, samples};
use crate::snappy;
use tidegate_kernel_outbound::{Answer, Client, Request};
use tidegate_service_ingest::{Row, Setback, Sink, SinkError};

/// No answer, or a broken one.
const UNREACHABLE: &str = "TG-PR-001";
/// The receiver has trouble, or too much to do.
const TROUBLE: &str = "TG-PR-002";
/// A sample that is refused: out of order, too old, or against its rules.
const REFUSED: &str = "TG-PR-003";
/// A setting that is wrong, here or there.
const MISCONFIGURED: &str = "TG-PR-004";

/// Sends samples to one receiver.
#[derive(Debug)]
pub struct RemoteWriteSink {
    client: Client,
    /// A label of every series.
    external: (String, String),
}

impl RemoteWriteSink {
    /// Sends nothing yet. `label` and `value` stand on every series, so that two nodes can write to one receiver.
    pub fn new(client: Client, label: &str, value: &str) -> RemoteWriteSink {
        RemoteWriteSink { client, external: (label.to_owned(), value.to_owned()) }
    }

    fn samples(&self, batch: &[Row]) -> Vec<Sample> {
        let mut found: Vec<Sample> = batch.iter().flat_map(samples).collect();
        for sample in &mut found {
            sample.labels.push(self.external.clone());
            sample.labels.sort_unstable();
        }
        found
    }

    fn setback(&self, answer: &Answer) -> Setback {
        let (status, said, endpoint) = (answer.status, answer.excerpt(), self.client.endpoint());
        let error =
            |code| SinkError::new(code, format!("the receiver at {endpoint} answered {status}: {said}"));
        match status {
            413 => Setback::TooLarge(error(REFUSED)),
            429 | 500.. => Setback::Retry { error: error(TROUBLE), after: answer.retry_after() },
            401 | 403 | 404 | 405 | ..=399 => Setback::Misconfigured(error(MISCONFIGURED)),
            _ => Setback::Refused(error(REFUSED)),
        }
    }
}

impl Sink for RemoteWriteSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let samples = self.samples(batch);
        if samples.is_empty() {
            return Ok(());
        }
        let request = Request::post("", snappy::compress(&message::encode(samples)))
            .with("content-type", "application/x-protobuf")
            .with("content-encoding", "snappy")
            .with("x-prometheus-remote-write-version", "0.1.0");
        let answer = self.client.send(request).await.map_err(|source| {
            let attempt = format!("could not write to the receiver at {}", self.client.endpoint());
            SinkError { code: UNREACHABLE, attempt, source: Some(source.into()) }
        })?;
        if answer.is_success() { Ok(()) } else { Err(self.setback(&answer)) }
    }
}
