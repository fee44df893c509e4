//! The embedded history joined to the pipeline: fed by a sink of its own, asked over the management routes.

mod devices;

pub(crate) use devices::{Shown, shown};

use crate::failure::Failure;
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{Need, Route, Routes};
use tidegate_service_history::{Config, History, HistoryError, Keeper, Sample};
use tidegate_service_ingest::{Body, Ingest, Point, Row, Setback, Sink, SinkConfig, Value};
use tokio::runtime::Handle;

/// Nobody looks at it more often, and each delivery is a record of the journal.
const BATCH_AGE_MS: u64 = 50;
/// Devices in one answer.
const DEVICES_MAX: usize = 1000;

/// A sink in memory, which cannot fail.
#[derive(Debug, Clone)]
struct Memory(Arc<History>);

impl Sink for Memory {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        for row in batch {
            if let Body::Points(points) = &row.reading.body {
                self.0.record(&points.device, &points.points);
            }
        }
        Ok(())
    }
}

/// The history and what writes it down.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) history: Arc<History>,
    pub(crate) keeper: Arc<Keeper>,
    /// The journal's last record when it was written down last.
    pub(crate) kept_through: u64,
}

/// Goes on from what was written down last.
pub(crate) fn open(config: &Config, journal: &Journal) -> Result<Past, Failure> {
    let opened = History::new(config.clone()).and_then(|history| {
        let kept_through = history.load(journal)?;
        Ok((Arc::new(history), kept_through))
    });
    let failure = |error: HistoryError| Failure::new(error.code(), &error, error.hint());
    let (history, kept_through) = opened.map_err(failure)?;
    let keeper = Arc::new(Keeper::new(history.clone(), journal.clone()));
    Ok(Past { history, keeper, kept_through })
}

/// Lets it take part in what comes from now on; fed as `delivery` says, but for how long a batch waits.
pub(crate) fn feed(
    history: &Arc<History>,
    ingest: &Ingest,
    delivery: SinkConfig,
    exporters: &Handle,
) -> Result<(), Failure> {
    let memory = Memory(history.clone());
    let delivery = SinkConfig { batch_age_ms: BATCH_AGE_MS, ..delivery };
    let started = ingest.start_sink_with("history", delivery, exporters, move || memory.clone());
    started.map_err(|error| Failure::new(error.code(), &error, error.hint()))
}

pub(crate) fn routes(history: Arc<History>, ingest: Arc<Ingest>) -> Routes {
    devices::routes(history.clone(), ingest)
        .with(
            Route::get("/api/v1/history", Need::Authenticated, "The devices that have been heard of."),
            names,
            history.clone(),
        )
        .with(
            Route::get("/api/v1/history/{device}", Need::Authenticated, "The latest value of each tag."),
            latest,
            history.clone(),
        )
        .with(
            Route::get("/api/v1/history/{device}/{tag}", Need::Authenticated, "The last values of a tag."),
            range,
            history,
        )
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: String,
}

async fn names(State(history): State<Arc<History>>, Query(query): Query<After>) -> Json<Vec<String>> {
    let names = history.devices(&query.after, DEVICES_MAX);
    Json(names.iter().map(|name| name.to_string()).collect())
}

#[derive(Debug, Serialize)]
struct Latest {
    value: serde_json::Value,
    quality: &'static str,
    time_ms: u64,
}

async fn latest(
    State(history): State<Arc<History>>,
    Path(device): Path<String>,
) -> Json<BTreeMap<String, Latest>> {
    let points = history.latest(&device).into_iter();
    Json(points.map(|point| (point.tag.to_string(), told(&point))).collect())
}

fn told(point: &Point) -> Latest {
    let value = match &point.value {
        Value::Real(real) => (*real).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Text(text) => (**text).into(),
        Value::Reals(reals) => reals.to_vec().into(),
    };
    Latest { value, quality: point.quality.name(), time_ms: point.source_ms }
}

/// Both in milliseconds since 1970, and both may be left out.
#[derive(Debug, Deserialize)]
struct Stretch {
    #[serde(default)]
    from: u64,
    #[serde(default = "forever")]
    to: u64,
}

fn forever() -> u64 {
    u64::MAX
}

async fn range(
    State(history): State<Arc<History>>,
    Path((device, tag)): Path<(String, String)>,
    Query(stretch): Query<Stretch>,
) -> Json<Vec<Sample>> {
    Json(history.range(&device, &tag, stretch.from, stretch.to))
}
