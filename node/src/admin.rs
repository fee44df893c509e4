//! The management routes: `/metrics`, `/readyz`, `/healthz`, accounts, stories, and `POST /-/reload`.
//!
//! Answers from memory; a story reads the journal, and a reload the file.

mod diagnosis;
mod journals;
mod people;

use crate::broker::Mqtt;
use crate::console;
use crate::docs;
use crate::events::{self, Events};
use crate::http;
use crate::identity::Identity;
use crate::letters;
use crate::logs::Recent;
use crate::notices;
use crate::pulse::{Reason, unready};
use crate::reload::{Outcome, Reloader, Standing};
use crate::rules;
use crate::storage::Storage;
use crate::supervisor::Supervisor;
use crate::vitals::Vitals;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_kernel_plug::{
    CONTENT_TYPE, Capability, Changed, HttpCounts, Need, Refusal, Role, Route, Routes, exposition,
};
use tidegate_kernel_trace::within;
use tidegate_service_ingest::{Accounts, Ingest, Quarantined, StoryError};
use tidegate_service_notice::Notices;

/// Connections at once: a scraper or two, a console, and people.
const CONNECTIONS_MAX: usize = 128;
/// Readings in one page of the quarantine, and bytes of each one's payload.
const STRAYS_MAX: usize = 100;
const SHOWN_BYTES_MAX: usize = 256;

/// What the listener answers from.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) capabilities: Arc<[Arc<dyn Capability>]>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) counts: Arc<HttpCounts>,
    pub(crate) vitals: Vitals,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) storage: Arc<Storage>,
    /// Nothing where the broker is another process's.
    pub(crate) mqtt: Option<Arc<Mqtt>>,
    pub(crate) supervisor: Arc<Supervisor>,
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

/// The listener's settings.
pub(crate) fn config(listen: SocketAddr) -> http::Config {
    let connections_max = CONNECTIONS_MAX;
    http::Config {
        listen,
        connections_max,
        connections_per_address_max: connections_max,
        ..http::Config::default()
    }
}

/// Whether the node lives and is ready is told to anyone: whoever asks has no name to give, and there is nothing in it to keep.
pub(crate) fn routes(view: View, events: Arc<Events>, recent: Recent) -> Routes {
    let process = diagnosis::Process { view: view.clone(), events: events.clone(), recent };
    let others = letters::routes(view.ingest.clone())
        .and(notices::routes(view.notices.clone()))
        .and(journals::routes(view.storage.clone()))
        .and(people::routes(view.identity.clone()))
        .and(diagnosis::routes(process))
        .and(events::routes(events.clone()))
        .and(console::routes())
        .and(docs::routes());
    rules::routes(Routes::new(), &view.ingest)
        .with(Route::get("/healthz", Need::Nothing, "Whether the process lives."), || async { "alive\n" }, ())
        .with(Route::get("/readyz", Need::Nothing, "Whether it does its work."), readiness, view.clone())
        .with(Route::get("/metrics", Need::Authenticated, "All measures."), metrics, (view.clone(), events))
        .with(
            Route::get("/api/v1/ingest/accounts", Need::Authenticated, "Where every reading is."),
            accounts,
            view.clone(),
        )
        .with(
            Route::get("/api/v1/ingest/quarantine", Need::Authenticated, "Readings of devices nobody knows."),
            quarantine,
            view.clone(),
        )
        .with(
            Route::post(
                "/api/v1/ingest/quarantine/release",
                Need::Role(Role::Operator),
                "Lets go of what is in quarantine.",
            ),
            release,
            view.clone(),
        )
        .with(
            Route::get("/api/v1/story/{id}", Need::Authenticated, "A reading's way to each sink."),
            story,
            view.clone(),
        )
        .with(
            Route::post("/-/reload", Need::Role(Role::Operator), "Reads the configuration again."),
            reload,
            view,
        )
        .and(others)
}

/// One route as it is told.
#[derive(Debug, Clone, Serialize)]
struct Told {
    method: String,
    path: &'static str,
    /// `nobody`, `anybody` who has proven who they are, `any role`, or a role.
    need: &'static str,
    purpose: &'static str,
}

/// The same routes and one that lists them: what a node can do depends on how it is built and started.
pub(crate) fn listed(routes: Routes) -> Routes {
    let list = Route::get("/api/v1/routes", Need::Nothing, "What this listener answers to.");
    let told = |route: &Route| Told {
        method: route.method.to_string(),
        path: route.path,
        need: match route.need {
            Need::Nothing => "nobody",
            Need::Authenticated => "anybody",
            Need::AnyRole => "any role",
            Need::Role(role) | Need::Command(role) => role.name(),
        },
        purpose: route.purpose,
    };
    let told: Arc<[Told]> = routes.list().chain([&list]).map(told).collect();
    let answer = async |State(told): State<Arc<[Told]>>| Json(serde_json::json!({ "routes": &told[..] }));
    routes.with(list.clone(), answer, told)
}

async fn metrics(State((view, events)): State<(View, Arc<Events>)>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page(&view, &events))
}

/// All measures.
pub(crate) fn page(view: &View, events: &Events) -> String {
    let mut families = view.vitals.metrics();
    families.extend(view.identity.metrics());
    families.extend(view.counts.families());
    families.extend(view.reloader.metrics());
    families.extend(events.metrics());
    families.extend(view.supervisor.metrics());
    families.extend(view.capabilities.iter().flat_map(|capability| capability.metrics()));
    exposition(&families)
}

async fn readiness(State(view): State<View>) -> impl IntoResponse {
    let reasons = unready(&view);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: reasons.is_empty(), reasons, config: view.reloader.standing() }))
}

async fn accounts(State(view): State<View>) -> Json<Accounts> {
    Json(view.ingest.accounts())
}

/// From where on the quarantine is listed.
#[derive(Debug, Deserialize)]
struct Onward {
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Serialize)]
struct Quarantine {
    readings: Vec<Stray>,
    /// Where the next page begins.
    after: u64,
}

/// A reading in quarantine; of its payload only the beginning.
#[derive(Debug, Serialize)]
struct Stray {
    seq: u64,
    id: String,
    time_ms: u64,
    source: &'static str,
    client: String,
    principal: String,
    topic: String,
    payload: String,
    payload_bytes: usize,
}

impl From<&Quarantined> for Stray {
    fn from(quarantined: &Quarantined) -> Stray {
        let reading = &quarantined.reading;
        let payload = reading.payload().map_or(&[][..], |payload| payload);
        Stray {
            seq: quarantined.seq,
            id: quarantined.id.to_string(),
            time_ms: quarantined.stamp_ms,
            source: reading.source.name(),
            client: reading.client.to_string(),
            principal: reading.principal.to_string(),
            topic: reading.topic.to_string(),
            payload: String::from_utf8_lossy(&payload[..payload.len().min(SHOWN_BYTES_MAX)]).into_owned(),
            payload_bytes: payload.len(),
        }
    }
}

async fn quarantine(State(view): State<View>, Query(page): Query<Onward>) -> Response {
    // Reads the disk, so not on a thread that serves.
    let found =
        tokio::task::spawn_blocking(within(move || view.ingest.quarantined(page.after, STRAYS_MAX))).await;
    match found {
        Ok(Ok((found, after))) => {
            Json(Quarantine { readings: found.iter().map(Stray::from).collect(), after }).into_response()
        }
        Ok(Err(error)) => {
            let hint = "look at the disk under the data folder";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.to_string(), hint)
                .into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn release(State(view): State<View>) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "released": view.ingest.release_quarantine() }))
}

async fn story(State(view): State<View>, Path(id): Path<String>) -> Response {
    // Reads the disk, so not on a thread that serves.
    match tokio::task::spawn_blocking(within(move || view.ingest.story(&id))).await {
        Ok(Ok(story)) => Json(story).into_response(),
        Ok(Err(error)) => untold(&error).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn untold(error: &StoryError) -> Refusal {
    let status = match error {
        StoryError::NotAnId(_) => StatusCode::BAD_REQUEST,
        StoryError::Unknown(_) => StatusCode::NOT_FOUND,
        StoryError::NotKept { .. } => StatusCode::GONE,
        StoryError::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::new(status, error.code(), error.to_string(), error.hint())
}

async fn reload(State(view): State<View>) -> Response {
    // Reads the disk, so not on a thread that serves.
    let reloaded = tokio::task::spawn_blocking(within(move || view.reloader.reload())).await;
    let Ok(verdict) = reloaded else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let status = match verdict.outcome {
        Outcome::Applied | Outcome::Unchanged => StatusCode::OK,
        Outcome::Refused => StatusCode::CONFLICT,
    };
    let changed = Changed(verdict.changes.join("\n"));
    (status, Extension(changed), Json(verdict)).into_response()
}
