//! `POST /api/v1/ingest/devices/import`: rows of a spreadsheet, looked at or taken over by the running node.

use crate::reload::Reloader;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use std::sync::Arc;
use tidegate_kernel_plug::{Changed, Need, Refusal, Role, Route, Routes};
use tidegate_kernel_trace::within;

/// A sheet that is larger is imported on the command line.
const SHEET_BYTES_MAX: usize = 1 << 20;
/// A page of another site cannot send this without asking first.
const KIND: &str = "text/csv";

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    dry_run: bool,
}

pub(crate) fn routes(reloader: &Arc<Reloader>) -> Routes {
    let route = Route {
        method: Method::POST,
        path: "/api/v1/ingest/devices/import",
        need: Need::Role(Role::Operator),
        body_bytes_max: SHEET_BYTES_MAX,
        purpose: "Takes rows of a spreadsheet over as templates, tags and devices, all of them or none.",
    };
    Routes::new().with(route, import, reloader.clone())
}

async fn import(
    State(reloader): State<Arc<Reloader>>,
    Query(Asked { dry_run }): Query<Asked>,
    headers: HeaderMap,
    sheet: Bytes,
) -> Response {
    if !is_sheet(&headers) {
        return unlabelled().into_response();
    }
    // Reads and writes the disk, so not on a thread that serves.
    let imported = tokio::task::spawn_blocking(within(move || reloader.import(&sheet, dry_run))).await;
    let Ok(arrival) = imported else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let status = if arrival.is_refused() { StatusCode::CONFLICT } else { StatusCode::OK };
    let written = if dry_run { String::new() } else { arrival.changes.join("\n") };
    (status, Extension(Changed(written)), Json(arrival)).into_response()
}

fn is_sheet(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(KIND))
}

fn unlabelled() -> Refusal {
    let message = "rows of a spreadsheet are sent as text/csv";
    let hint = "say so: curl -H 'content-type: text/csv' --data-binary @plant.csv ...";
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "TG-DI-012", message, hint)
}
