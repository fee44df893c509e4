//! The node as a witness of other logs: `POST /api/v1/audit/witness/add-checkpoint` on the listener for devices (C2SP tlog-witness).
//!
//! Nobody is asked who they are: a checkpoint is signed by the log, and what did not grow out of the last one is refused.

use super::trees::WITNESSED;
use super::wall_ms;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io;
use std::sync::Arc;
use tidegate_kernel_audit::{AuditError, SUBMISSION_BYTES_MAX, Submission, Witness, WitnessRefusal};
use tidegate_kernel_plug::{Need, Refusal, Route, Routes};

const PATH: &str = "/api/v1/audit/witness/add-checkpoint";
/// As the standard names a size.
const SIZE: &str = "text/x.tlog.size";

pub(crate) fn routes(witness: Arc<Witness>) -> Routes {
    let route = Route {
        method: Method::POST,
        path: PATH,
        need: Need::Nothing,
        body_bytes_max: SUBMISSION_BYTES_MAX,
        purpose: "Signs a checkpoint of a log that is witnessed here.",
    };
    Routes::new().with(route, add, witness)
}

async fn add(State(witness): State<Arc<Witness>>, body: String) -> Result<Response, Refusal> {
    let judged = move || {
        let submission: Submission = body.parse()?;
        witness.add(&submission, wall_ms() / 1000)
    };
    // Reads and syncs the disk, so not on a thread that serves.
    match tokio::task::spawn_blocking(judged).await {
        Ok(Ok(lines)) => Ok(lines.into_response()),
        Ok(Err(WitnessRefusal::Elsewhere { size })) => {
            Ok((StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], format!("{size}\n")).into_response())
        }
        Ok(Err(refusal)) => Err(refused(&refusal)),
        Err(panic) => {
            let (path, source) = (WITNESSED.into(), io::Error::other(panic));
            Err(refused(&AuditError::Io { path, source }.into()))
        }
    }
}

fn refused(refusal: &WitnessRefusal) -> Refusal {
    let (status, code) = match refusal {
        WitnessRefusal::Unusable(error @ AuditError::Malformed { .. }) => {
            (StatusCode::BAD_REQUEST, error.code())
        }
        WitnessRefusal::Unusable(error @ (AuditError::Unsigned | AuditError::Signature { .. })) => {
            (StatusCode::FORBIDDEN, error.code())
        }
        WitnessRefusal::Unusable(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.code()),
        WitnessRefusal::UnknownLog { .. } => (StatusCode::NOT_FOUND, "TG-AU-012"),
        WitnessRefusal::Elsewhere { .. } | WitnessRefusal::OtherRoot { .. } => {
            (StatusCode::CONFLICT, "TG-AU-011")
        }
        WitnessRefusal::NotGrown { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "TG-AU-011"),
    };
    if matches!(refusal, WitnessRefusal::OtherRoot { .. } | WitnessRefusal::NotGrown { .. }) {
        tracing::error!(code, "a log that is witnessed here has written its history over: {refusal}");
    }
    Refusal::new(status, code, refusal.to_string(), "the log and its witness compare key, origin and history")
}
