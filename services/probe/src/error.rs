//! What can go wrong, each with a code that `docs/errors/` explains.

use axum::http::StatusCode;
use std::io;
use std::time::Duration;
use tidegate_kernel_plug::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("a profile takes from 1 to {max} seconds, not {asked}")]
    Seconds { asked: String, max: u64 },
    #[error("a profile or the stacks of all threads are being taken")]
    Busy,
    #[error("the system does not let the process be sampled: {0}")]
    Sampler(#[source] io::Error),
    #[error("there is no dump {0:?}")]
    NoDump(String),
    #[error("could not write a dump: {0}")]
    Dump(#[source] io::Error),
}

impl ProbeError {
    pub fn code(&self) -> &'static str {
        match self {
            ProbeError::Seconds { .. } => "TG-PB-001",
            ProbeError::Busy => "TG-PB-002",
            ProbeError::Sampler(_) => "TG-PB-003",
            ProbeError::NoDump(_) => "TG-PB-004",
            ProbeError::Dump(_) => "TG-PB-005",
        }
    }

    /// What to do about it, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            ProbeError::Seconds { .. } => "ask for /debug/pprof/profile?seconds=30",
            ProbeError::Busy => "ask again when it is done; one takes a minute at most",
            ProbeError::Sampler(_) => "allow the process timers and signals to itself",
            ProbeError::NoDump(_) => "GET /debug/dumps lists those that are kept",
            ProbeError::Dump(_) => "look at the disk under the data folder",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            ProbeError::Seconds { .. } => StatusCode::BAD_REQUEST,
            ProbeError::Busy => StatusCode::CONFLICT,
            ProbeError::Sampler(_) | ProbeError::Dump(_) => StatusCode::INTERNAL_SERVER_ERROR,
            ProbeError::NoDump(_) => StatusCode::NOT_FOUND,
        }
    }
}

impl From<ProbeError> for Refusal {
    fn from(error: ProbeError) -> Refusal {
        let refusal = Refusal::new(error.status(), error.code(), error.to_string(), error.hint());
        if matches!(error, ProbeError::Busy) { refusal.after(Duration::from_secs(5)) } else { refusal }
    }
}
