//! The port to whoever writes administrative acts down. An act is a request that changes something and takes a role.

use crate::routes::Refusal;
use std::future::Future;
use std::pin::Pin;

/// What somebody is about to do.
#[derive(Debug, Clone)]
pub struct Act {
    /// The name of the principal.
    pub who: String,
    /// Method and route: `POST /api/v1/alarms/{key}/acknowledge`.
    pub what: String,
    /// The path and query as they came.
    pub target: String,
    /// The address it came from.
    pub from: String,
    /// The request's id; empty where there is none.
    pub request: String,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Of the answer.
    pub status: u16,
    /// What changed, each before and after; see [`Changed`].
    pub detail: String,
}

/// What a handler puts among the extensions of its answer where it can say what changed: `key: before -> after`, one to a line.
#[derive(Debug, Clone)]
pub struct Changed(pub String);

/// Writing, as it comes back from the port.
pub type Witnessing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Writes acts down where they stay.
pub trait Witness: Send + Sync {
    /// Before it is done; gives its number. With a refusal it is not done.
    fn begin(&self, act: Act) -> Witnessing<'_, Result<u64, Refusal>>;

    /// Behind it. It is done by then, so whoever cannot write that down says so in the log.
    fn end(&self, act: u64, outcome: Outcome) -> Witnessing<'_, ()>;
}
