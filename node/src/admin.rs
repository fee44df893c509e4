//! The management listener: `/metrics`, `/readyz`, `/healthz`, `/api/v1/ingest/accounts`, and `POST /-/reload`.
//!
//! Answers from memory; only a reload reads the file.

use crate::doorway::Doorway;
use crate::failure::Failure;
use crate::reload::{Outcome, Reloader, Standing};
use crate::vitals::Vitals;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_kernel_plug::{CONTENT_TYPE, Capability, Readiness, exposition};
use tidegate_service_ingest::{Accounts, Ingest};
use tokio::net::TcpListener;

/// What the listener answers from.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) capabilities: Arc<[Arc<dyn Capability>]>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) vitals: Vitals,
    pub(crate) reloader: Arc<Reloader>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.capabilities.iter().map(|capability| capability.name()).collect();
        f.debug_tuple("View").field(&names).finish()
    }
}

#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    reasons: Vec<Reason>,
    config: Standing,
}

#[derive(Debug, Serialize)]
struct Reason {
    capability: &'static str,
    reason: String,
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("could not listen for management on {address}: {error}");
        match error.kind() {
            io::ErrorKind::AddrInUse => Failure::message(
                "TG-ND-001",
                message,
                "stop what listens there, or choose another with --admin",
            ),
            _ => Failure::message("TG-ND-004", message, "give --admin an address of this machine"),
        }
    })
}

pub(crate) async fn serve(listener: TcpListener, view: View) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/readyz", get(readiness))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/api/v1/ingest/accounts", get(accounts))
        .route("/-/reload", post(reload))
        .with_state(view);
    if let Err(error) = axum::serve(Doorway::new(listener), router).await {
        tracing::error!(%error, "the management listener ended");
    }
}

async fn metrics(State(view): State<View>) -> impl IntoResponse {
    let mut families = view.vitals.metrics();
    families.extend(view.reloader.metrics());
    families.extend(view.capabilities.iter().flat_map(|capability| capability.metrics()));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], exposition(&families))
}

async fn readiness(State(view): State<View>) -> impl IntoResponse {
    let unready = |capability: &Arc<dyn Capability>| match capability.readiness() {
        Readiness::Ready => None,
        Readiness::Unready(reason) => Some(Reason { capability: capability.name(), reason }),
    };
    let reasons: Vec<_> = view.capabilities.iter().filter_map(unready).collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: reasons.is_empty(), reasons, config: view.reloader.standing() }))
}

async fn accounts(State(view): State<View>) -> Json<Accounts> {
    Json(view.ingest.accounts())
}

async fn reload(State(view): State<View>) -> Response {
    // Reads the disk, so not on a thread that serves.
    let reloaded = tokio::task::spawn_blocking(move || view.reloader.reload()).await;
    let Ok(verdict) = reloaded else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let status = match verdict.outcome {
        Outcome::Applied | Outcome::Unchanged => StatusCode::OK,
        Outcome::Refused => StatusCode::CONFLICT,
    };
    (status, Json(verdict)).into_response()
}
