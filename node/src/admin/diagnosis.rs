//! `GET /api/v1/node`, `/api/v1/log` and `/api/v1/config`: what this process is, what it warned of, and what it was told to do.

use crate::admin::View;
use crate::config;
use crate::events::Events;
use crate::logs::{Line, Recent};
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use tidegate_kernel_plug::{Need, Route, Routes};

/// The process.
#[derive(Debug, Serialize)]
struct Node {
    version: &'static str,
    pid: u32,
    /// Milliseconds since 1970.
    started_ms: u64,
    now_ms: u64,
    /// Memory the process holds.
    resident_bytes: u64,
    /// CPU time so far, all threads together.
    cpu_ms: u64,
    /// Nothing where the system does not say.
    threads: Option<u64>,
    open_files: Option<u64>,
    open_files_max: Option<u64>,
    capabilities: Vec<&'static str>,
    /// Streams of events that are open, and how many there may be.
    event_streams: usize,
    event_streams_max: usize,
    /// Warnings and errors since the start.
    warnings: u64,
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Serialize)]
struct Lines {
    lines: Vec<Line>,
    /// How many there were since the start; older ones than those told are gone.
    last: u64,
}

#[derive(Debug, Serialize)]
struct Configuration {
    /// Nothing where there is no file.
    file: Option<String>,
    generation: u64,
    /// Each with key, value as the file would write it, and origin. Secrets show where they come from, never what they are.
    settings: Vec<Value>,
}

/// What the process is asked about.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) view: View,
    pub(super) events: Arc<Events>,
    pub(super) recent: Recent,
}

pub(super) fn routes(process: Process) -> Routes {
    let view = process.view.clone();
    Routes::new()
        .with(Route::get("/api/v1/node", Need::Authenticated, "The process."), node, process.clone())
        .with(
            Route::get("/api/v1/log", Need::AnyRole, "The last warnings and errors of the log."),
            log,
            process,
        )
        .with(
            Route::get("/api/v1/config", Need::AnyRole, "Every setting, and where it comes from."),
            settings,
            view,
        )
}

async fn node(State(Process { view, events, recent }): State<Process>) -> Json<Node> {
    let (resident_bytes, cpu_ms) = view.vitals.costs();
    let (open_files, open_files_max) = crate::open_files::use_now();
    Json(Node {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        started_ms: view.vitals.started_ms(),
        now_ms: crate::pulse::wall_ms(),
        resident_bytes,
        cpu_ms,
        threads: crate::vitals::threads(),
        open_files,
        open_files_max,
        capabilities: view.capabilities.iter().map(|capability| capability.name()).collect(),
        event_streams: events.open(),
        event_streams_max: crate::events::STREAMS_MAX,
        warnings: recent.last(),
    })
}

async fn log(State(process): State<Process>, Query(After { after }): Query<After>) -> Json<Lines> {
    Json(Lines { lines: process.recent.since(after), last: process.recent.last() })
}

async fn settings(State(view): State<View>) -> Json<Configuration> {
    let standing = view.reloader.standing();
    let settings = view.reloader.shown().iter().map(config::object).collect();
    Json(Configuration { file: standing.file, generation: standing.generation, settings })
}
