//! The port of a sink: what a connector implements to receive readings.

use crate::class::Class;
use crate::reading::Reading;
use std::error::Error;
use std::future::Future;
use std::time::Duration;
use tidegate_kernel_journal::Id;

/// A reading on its way into a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The record's number in the journal. Rises from row to row, with gaps, but for what is replayed.
    pub seq: u64,
    pub id: Id,
    /// Milliseconds since 1970 when it was taken in; never runs backwards.
    pub stamp_ms: u64,
    pub class: Class,
    /// It may have been delivered before: ahead of a crash, in a batch that failed, or because somebody replays it.
    pub replay: bool,
    pub reading: Reading,
}

/// A place readings are delivered to. Runs on the runtime for exporters, where it may block its thread.
///
/// How many deliveries are under way at once is the limit of its [`SinkConfig`](crate::SinkConfig): a sink whose rows must keep
/// their order has a limit of one.
pub trait Sink: Send + Sync + 'static {
    /// Delivers all of `batch`, in order. When it returns `Ok`, the batch is as durable as the sink can make it. A delivery may be
    /// dropped at any point when the node ends.
    fn deliver(&self, batch: &[Row]) -> impl Future<Output = Result<(), Setback>> + Send;

    /// How often remains of an unfinished delivery were found and taken back.
    fn repairs(&self) -> u64 {
        0
    }
}

/// How a delivery ended that did not end well, and so what becomes of its rows.
#[derive(Debug, thiserror::Error)]
pub enum Setback {
    /// For now: the same rows come again, marked as replay, and not before `after` if the other side said so.
    #[error("{error}")]
    Retry {
        #[source]
        error: SinkError,
        after: Option<Duration>,
    },
    /// Until somebody changes a setting, here or there: the same rows come again, and the breaker opens at once.
    #[error("{0}")]
    Misconfigured(#[source] SinkError),
    /// The batch is more than the other side takes: its halves come next.
    #[error("{0}")]
    TooLarge(#[source] SinkError),
    /// For good, for what is in it, and the sink cannot say in which row: smaller parts come next, down to single rows.
    #[error("{0}")]
    Refused(#[source] SinkError),
    /// All rows but these are delivered, and these never will be: they are dead-lettered.
    #[error("{} rows were refused for good", .0.len())]
    Poison(Vec<Poison>),
    /// The rows `left` fared so, by their places in the batch; all others are delivered, but for the poison.
    #[error("{} rows are left: {outcome}", .left.len())]
    Partly {
        left: Vec<usize>,
        #[source]
        outcome: Box<Setback>,
        poison: Vec<Poison>,
    },
}

/// A row that a sink refuses for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Its place in the batch.
    pub row: usize,
    /// What `docs/errors/` explains.
    pub code: &'static str,
    /// Why, for people; cut to [`REASON_BYTES_MAX`](crate::REASON_BYTES_MAX) where it is kept.
    pub reason: String,
}

/// A delivery that failed, in words.
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

impl SinkError {
    pub fn new(code: &'static str, attempt: impl Into<String>) -> SinkError {
        SinkError { code, attempt: attempt.into(), source: None }
    }
}

/// The safe answer to a failure nobody knows more of.
impl From<SinkError> for Setback {
    fn from(error: SinkError) -> Setback {
        Setback::Retry { error, after: None }
    }
}
