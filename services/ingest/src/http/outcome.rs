//! What became of one reading, and what that is over HTTP. Pure.

use axum::http::StatusCode;
use std::time::Duration;
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::Refusal;

/// The body, or its part that holds readings, cannot be read.
pub(super) const BROKEN: &str = "TG-IN-040";
/// The topic is none to publish to.
pub(super) const TOPIC: &str = "TG-IN-041";
/// The idempotency key is no UUIDv7.
pub(super) const KEY: &str = "TG-IN-042";
pub(super) const TOO_MANY: &str = "TG-IN-043";
/// A line is no line protocol.
pub(super) const LINE: &str = "TG-IN-044";
/// The journal had no room for some time.
pub(super) const BUSY: &str = "TG-IN-045";
/// The way in has panicked and is not open again.
pub(super) const DOWN: &str = "TG-IN-009";
/// A parameter of the query is not understood.
pub(super) const QUERY: &str = "TG-IN-046";
/// The journal did not say in time whether the readings are safe.
pub(super) const UNKNOWN: &str = "TG-IN-047";
/// No scope covers the topic.
pub(super) const FORBIDDEN: &str = "TG-ID-004";

/// When a busy node may have room again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What became of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted(Id),
    /// A reading with this idempotency key was accepted before.
    Known(Id),
    Refused(Fault),
}

/// Why a reading was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into() }
    }

    /// The answer to a request of which nothing was taken for this reason.
    pub(super) fn refusal(&self) -> Refusal {
        let (status, hint) = meaning(self.code);
        let refusal = Refusal::new(status, self.code, self.message.clone(), hint);
        let may_retry = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if may_retry { refusal.after(RETRY_AFTER) } else { refusal }
    }
}

fn meaning(code: &'static str) -> (StatusCode, &'static str) {
    match code {
        FORBIDDEN => (StatusCode::FORBIDDEN, "give the principal a scope publish:FILTER under [identity]"),
        BROKEN => (StatusCode::BAD_REQUEST, "compare the body with the form in the guide"),
        TOPIC => (StatusCode::BAD_REQUEST, "take a topic of 1 to 65535 bytes without + and #"),
        KEY => (StatusCode::BAD_REQUEST, "make the key a UUIDv7, or leave it out"),
        LINE => (StatusCode::BAD_REQUEST, "correct the line, and send those again that were not taken"),
        QUERY => (StatusCode::BAD_REQUEST, "precision is one of ns, us, ms, s, m, h; a topic is a template"),
        TOO_MANY | "TG-JR-002" => (StatusCode::PAYLOAD_TOO_LARGE, "send it in parts"),
        BUSY => (StatusCode::TOO_MANY_REQUESTS, "send it again after as long as `retry-after` says"),
        UNKNOWN => (StatusCode::SERVICE_UNAVAILABLE, "send it again, with the same idempotency keys"),
        DOWN | "TG-IN-002" | "TG-JR-003" | "TG-JR-005" => {
            (StatusCode::SERVICE_UNAVAILABLE, "send it again later; /readyz of the node says more")
        }
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "`tidegate explain` says what the code means"),
    }
}
