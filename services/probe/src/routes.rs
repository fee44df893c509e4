//! What can be asked: a CPU profile, the tasks, the dumps. Each answers from memory or from a thread that may block.

use crate::error::ProbeError;
use crate::folder::Dump;
use crate::probe::{Now, Probe};
use crate::profile::{Profile, Taken};
use crate::threads::{self, Thread};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes, tasks};
use tokio::task::spawn_blocking;

/// A profile is so long where nobody says it; what `go tool pprof` asks for.
const SECONDS: u64 = 30;
const SECONDS_MAX: u64 = 60;

pub fn routes(probe: Arc<Probe>) -> Routes {
    Routes::new()
        .with(
            Route::get(
                "/debug/pprof/profile",
                Need::Role(Role::Operator),
                "Samples the CPU for ?seconds= and answers in pprof's format.",
            ),
            profile,
            probe.clone(),
        )
        .with(
            Route::get("/debug/tasks", Need::AnyRole, "What every long-lived task and thread is doing."),
            doing,
            probe.clone(),
        )
        .with(
            Route::get("/debug/dumps", Need::AnyRole, "Dumps of incidents that are kept."),
            list,
            probe.clone(),
        )
        .with(
            Route::get("/debug/dumps/{name}/{file}", Need::Role(Role::Operator), "One file of a dump."),
            file,
            probe,
        )
}

#[derive(Debug, Deserialize)]
struct Asked {
    seconds: Option<String>,
}

async fn profile(State(probe): State<Arc<Probe>>, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let span = span(asked.seconds)?;
    let taken = spawn_blocking(move || Profile::take(span).map(|profile| profile.name())).await;
    // A panic in there has been reported by then.
    let taken = taken.unwrap_or(Err(ProbeError::Busy))?;
    let Taken { file, samples, dropped, .. } = taken;
    probe.count_samples(samples, dropped);
    Ok(download("cpu.pb.gz", file))
}

fn span(asked: Option<String>) -> Result<Duration, ProbeError> {
    let Some(asked) = asked else { return Ok(Duration::from_secs(SECONDS)) };
    match asked.parse() {
        Ok(seconds) if (1..=SECONDS_MAX).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(ProbeError::Seconds { asked, max: SECONDS_MAX }),
    }
}

#[derive(Debug, Serialize)]
struct Doing {
    #[serde(flatten)]
    now: Now,
    threads: Vec<Thread>,
}

async fn doing(State(probe): State<Arc<Probe>>) -> Json<Doing> {
    // Reads `/proc`, a file or three for each thread.
    let threads = spawn_blocking(threads::all).await.unwrap_or_default();
    Json(Doing { now: probe.now(tasks()), threads })
}

#[derive(Debug, Serialize)]
struct Listed {
    dumps: Vec<Dump>,
}

async fn list(State(probe): State<Arc<Probe>>) -> Json<Listed> {
    let dumps = spawn_blocking(move || probe.dumps()).await.unwrap_or_default();
    Json(Listed { dumps })
}

async fn file(
    State(probe): State<Arc<Probe>>,
    Path((name, file)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let as_saved = format!("{name}-{file}");
    let asked = format!("{name}/{file}");
    let read = spawn_blocking(move || probe.folder.read(&name, &file)).await.unwrap_or_default();
    match read {
        Some(bytes) => Ok(download(&as_saved, bytes)),
        None => Err(ProbeError::NoDump(asked).into()),
    }
}

/// Names are of dumps and their files, so plain.
fn download(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}
