//! Remote write 1.0: one batch, one request; what each answer means for the batch.

use crate::message::{self, Series};
use crate::sample::samples;
use std::collections::btree_map::Entry;
use tidegate_kernel_outbound::{Answer, Client, Request};
use tidegate_service_ingest::{Poison, Row, Setback, Sink, SinkError};

/// No answer, or a broken one.
const UNREACHABLE: &str = "TG-PR-001";
/// The receiver has trouble, or too much to do.
const TROUBLE: &str = "TG-PR-002";
/// A sample that is refused: out of order, too old, or against its rules.
const REFUSED: &str = "TG-PR-003";
const DOUBLE: &str = "the series has another value in the same millisecond, and a receiver takes one";
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

    /// The samples of a batch, and the rows that have another value for a series and a millisecond that are taken. A receiver says
    /// that of two requests, but of one it drops the second value without a word.
    fn series(&self, batch: &[Row]) -> (Series, Vec<Poison>) {
        let (mut series, mut poison) = (Series::new(), Vec::new());
        for (at, row) in batch.iter().enumerate() {
            let mut is_double = false;
            for mut sample in samples(row) {
                sample.labels.push(self.external.clone());
                sample.labels.sort_unstable();
                match series.entry(sample.labels).or_default().entry(sample.time_ms) {
                    Entry::Vacant(place) => drop(place.insert(sample.value)),
                    Entry::Occupied(taken) => is_double |= *taken.get() != sample.value,
                }
            }
            poison.extend(is_double.then(|| Poison { row: at, code: REFUSED, reason: DOUBLE.to_owned() }));
        }
        (series, poison)
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
        let (series, poison) = self.series(batch);
        if series.is_empty() {
            return Ok(());
        }
        let message = message::encode(&series);
        let packed =
            snap::raw::Encoder::new().compress_vec(&message).expect("a batch is below snappy's 4 GiB");
        let request = Request::post("", packed)
            .with("content-type", "application/x-protobuf")
            .with("content-encoding", "snappy")
            .with("x-prometheus-remote-write-version", "0.1.0");
        let answer = self.client.send(request).await.map_err(|source| {
            let attempt = format!("could not write to the receiver at {}", self.client.endpoint());
            SinkError { code: UNREACHABLE, attempt, source: Some(source.into()) }
        })?;
        match answer.is_success() {
            true if poison.is_empty() => Ok(()),
            true => Err(Setback::Poison(poison)),
            false => Err(self.setback(&answer)),
        }
    }
}
