//! The port of a sink: what a connector implements to receive readings.

use crate::class::Class;
use crate::reading::Reading;
use std::error::Error;
use std::future::Future;
use tidegate_kernel_journal::Id;

/// A reading on its way into a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The record's number in the journal, rising from row to row, with gaps.
    pub seq: u64,
    pub id: Id,
    /// Milliseconds since 1970 when it was taken in; never runs backwards.
    pub stamp_ms: u64,
    pub class: Class,
    /// It may have been delivered before, ahead of a crash or in a batch that failed.
    pub replay: bool,
    pub reading: Reading,
}

/// A place readings are delivered to. Runs on the runtime for exporters, where it may block its thread.
pub trait Sink: Send + 'static {
    /// Delivers all of `batch`, in order. When it returns `Ok`, the batch is as durable as the sink can make it; after an error
    /// the same rows come again, marked as replay.
    fn deliver(&mut self, batch: &[Row]) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// How often remains of an unfinished delivery were found and taken back.
    fn repairs(&self) -> u64 {
        0
    }
}

/// A delivery that failed. The readings are safe in the journal and come again.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub struct SinkError {
    /// What `docs/errors/` explains.
    pub code: &'static str,
    /// What was tried on which thing.
    pub attempt: String,
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}
