//! A refusal as a client meets it: one JSON shape for all, whatever refused.
//!
//! ```text
//! {"error":{"code":"TG-HT-001","message":"...","hint":"..."},"request_id":"..."}
//! ```
//!
//! The request id is put in by the gate, which is why a refusal travels through the router as an extension of its response.
//! Pure.

use crate::principal::Unauthenticated;
use crate::routes::RequestId;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::time::Duration;

/// Why a request was not answered as its sender hoped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// Explained in `docs/errors/`.
    pub code: &'static str,
    pub message: String,
    /// What to do about it, in one line.
    pub hint: &'static str,
    /// The same request may do better after so long.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Refusal {
        Refusal { status, code, message: message.into(), hint, retry_after: None }
    }

    #[must_use]
    pub fn after(mut self, wait: Duration) -> Refusal {
        self.retry_after = Some(wait);
        self
    }

    pub fn no_route() -> Refusal {
        let hint = "compare method and path with the list in the guide";
        Refusal::new(StatusCode::NOT_FOUND, "TG-HT-001", "there is nothing at this path", hint)
    }

    pub fn wrong_method() -> Refusal {
        let hint = "the header `allow` of this answer names the methods there are";
        let message = "this path does not take this method";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "TG-HT-002", message, hint)
    }

    pub fn body_too_large(bytes_max: usize) -> Refusal {
        let message = format!("the body has more than {bytes_max} bytes");
        let hint = "send it in parts";
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "TG-HT-003", message, hint)
    }

    pub fn head_too_large(what: impl Into<String>) -> Refusal {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Refusal::new(status, "TG-HT-004", what, "send fewer or shorter header fields, or a shorter path")
    }

    pub fn too_fast(wait: Duration) -> Refusal {
        let hint = "wait as long as `retry-after` says, and send more in one request";
        let message = "too many requests in too short a time";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TG-HT-005", message, hint).after(wait)
    }

    pub fn too_slow(what: &'static str) -> Refusal {
        let hint = "send the request in one go, over a line that carries it";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "TG-HT-006", what, hint)
    }

    pub fn malformed(what: impl Into<String>) -> Refusal {
        let hint = "send HTTP/1.1 as RFC 9112 has it";
        Refusal::new(StatusCode::BAD_REQUEST, "TG-HT-007", what, hint)
    }

    /// There is no room for one more connection, or for one more body.
    pub fn no_room(what: &'static str) -> Refusal {
        let hint = "close connections that are not needed, and try again in a moment";
        let wait = Duration::from_secs(1);
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TG-HT-008", what, hint).after(wait)
    }

    /// What is small on the way may be large in memory, so nothing is unpacked here.
    pub fn encoded() -> Refusal {
        let message = "the body is compressed or otherwise encoded";
        let hint = "send it as it is; in telegraf, content_encoding = \"identity\"";
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "TG-HT-009", message, hint)
    }

    pub fn too_many_connections(name: &str) -> Refusal {
        let hint = "close connections that are not needed, or raise connections_max under [identity]";
        let message = format!("{name} has as many connections open as it may");
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TG-HT-010", message, hint);
        refusal.after(Duration::from_secs(1))
    }

    /// A page of another site may have made the request.
    pub fn foreign() -> Refusal {
        let hint =
            "send it from a page of this node; programs show a token instead of a session, and no origin";
        let message = "a page of another site may have made the request";
        Refusal::new(StatusCode::FORBIDDEN, "TG-ID-006", message, hint)
    }

    /// Known, and may not.
    pub fn forbidden(message: impl Into<String>) -> Refusal {
        let hint = "give the principal the role or scope it needs under [identity]";
        Refusal::new(StatusCode::FORBIDDEN, "TG-ID-004", message, hint)
    }

    /// What the gate turns an answer into that no route meant as one: a body that is no JSON, a query that cannot be read.
    pub(crate) fn unnamed(status: StatusCode) -> Refusal {
        let message = status.canonical_reason().unwrap_or("the request was refused").to_ascii_lowercase();
        Refusal { status, ..Refusal::malformed(message) }
    }

    /// The body of the answer.
    pub fn text(&self, id: &RequestId) -> String {
        let error = json!({"code": self.code, "message": self.message, "hint": self.hint});
        json!({"error": error, "request_id": id.as_str()}).to_string()
    }

    /// The whole answer; `headers` that the router has put there before stay.
    pub(crate) fn put(&self, answer: &mut Response, id: &RequestId) {
        *answer.body_mut() = Body::from(self.text(id));
        let headers = answer.headers_mut();
        headers.remove(axum::http::header::CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let ways = HeaderValue::from_static("Bearer realm=\"tidegate\", Basic realm=\"tidegate\"");
            headers.insert(WWW_AUTHENTICATE, ways);
        }
    }
}

impl From<Unauthenticated> for Refusal {
    fn from(error: Unauthenticated) -> Refusal {
        let (status, wait) = match error {
            Unauthenticated::TooManyTries { wait } => (StatusCode::TOO_MANY_REQUESTS, Some(wait)),
            _ => (StatusCode::UNAUTHORIZED, None),
        };
        let refusal = Refusal::new(status, error.code(), error.to_string(), error.hint());
        Refusal { retry_after: wait, ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut answer = self.status.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// Rounded up: who comes back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
