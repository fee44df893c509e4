//! The span of a request: method, pattern of its route, status, and how long it took until the head of its answer.
//!
//! Its path is not in it, for that may say what is nobody else's business; the pattern is.

use crate::routes::{Refusal, RequestId};
use axum::extract::Request;
use axum::http::StatusCode;
use tracing::Span;
use tracing::field::Empty;

/// W3C Trace Context, §3.2.
const TRACEPARENT: &str = "traceparent";

pub(crate) fn begin(listener: &'static str, request: &Request, id: &RequestId) -> Span {
    let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    tracing::info_span!(
        "request",
        kind = "server",
        request_id = id.as_str(),
        traceparent,
        listener,
        http.request.method = request.method().as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        code = Empty,
        failure = Empty,
    )
}

/// It has found its route.
pub(crate) fn on_route(path: &'static str) {
    Span::current().record("http.route", path);
}

/// A fault of the node is a failure; one of whoever asked is an answer like others.
pub(crate) fn end(status: StatusCode, refusal: Option<&Refusal>) {
    let span = Span::current();
    span.record("http.response.status_code", status.as_u16());
    if let Some(refusal) = refusal {
        span.record("code", refusal.code);
    }
    if status.is_server_error() {
        span.record("failure", refusal.map_or("the node failed", |refusal| refusal.message.as_str()));
    }
}
