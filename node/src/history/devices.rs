//! `GET /api/v1/devices` and `/api/v1/devices/{device}`: the devices that have been heard of, and their latest values with units.
//!
//! The history knows values, the model of the pipeline units.

use super::{DEVICES_MAX, Latest, told};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_kernel_plug::{Need, Route, Routes};
use tidegate_service_history::History;
use tidegate_service_ingest::{Ingest, Point, Quality};

/// Whom the routes ask.
#[derive(Debug, Clone)]
struct Asked {
    history: Arc<History>,
    ingest: Arc<Ingest>,
}

pub(super) fn routes(history: Arc<History>, ingest: Arc<Ingest>) -> Routes {
    let asked = Asked { history, ingest };
    let all = "The devices that have been heard of, and how they are.";
    let one = "The latest value of each tag, with its unit.";
    Routes::new()
        .with(Route::get("/api/v1/devices", Need::Authenticated, all), summaries, asked.clone())
        .with(Route::get("/api/v1/devices/{device}", Need::Authenticated, one), values, asked)
}

/// Which devices: those behind `after` by name, with `match` in their name, at most `many`.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    after: String,
    #[serde(default, rename = "match")]
    part: String,
    #[serde(default = "many")]
    many: usize,
}

fn many() -> usize {
    100
}

#[derive(Debug, Serialize)]
struct Summaries {
    devices: Vec<Summary>,
    /// Ask for what is behind this next; nothing at the end.
    next: Option<String>,
    /// All there are, whatever their name.
    total: usize,
}

/// A device in one line.
#[derive(Debug, Serialize)]
struct Summary {
    device: String,
    tags: usize,
    /// Tags whose latest value is of that quality.
    bad: usize,
    uncertain: usize,
    /// Of the latest value, by the device's clock, in milliseconds since 1970.
    time_ms: u64,
}

async fn summaries(State(asked): State<Asked>, Query(page): Query<Page>) -> Json<Summaries> {
    let history = &asked.history;
    let (mut devices, mut after, mut next) = (Vec::new(), page.after, None);
    let many = page.many.clamp(1, DEVICES_MAX);
    loop {
        let names = history.devices(&after, DEVICES_MAX);
        let Some(last) = names.last().map(ToString::to_string) else { break };
        let fitting = names.iter().map(ToString::to_string).filter(|name| name.contains(&page.part));
        devices.extend(fitting.take(many + 1 - devices.len()));
        if devices.len() > many {
            devices.truncate(many);
            next = devices.last().cloned();
            break;
        }
        after = last;
    }
    let devices = devices.into_iter().map(|device| summary(history, device)).collect();
    Json(Summaries { devices, next, total: history.len() })
}

fn summary(history: &History, device: String) -> Summary {
    let points = history.latest(&device);
    let many = |quality| points.iter().filter(|point| point.quality == quality).count();
    Summary {
        tags: points.len(),
        bad: many(Quality::Bad),
        uncertain: many(Quality::Uncertain),
        time_ms: points.iter().map(|point| point.source_ms).max().unwrap_or(0),
        device,
    }
}

/// A tag's latest value as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shown {
    /// Nothing for samples, of which only the number is told.
    value: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<usize>,
    quality: &'static str,
    /// By the device's clock, in milliseconds since 1970.
    time_ms: u64,
    /// As the model says it; may be empty.
    unit: String,
    /// The model permits that it is written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    writable: bool,
}

async fn values(State(asked): State<Asked>, Path(device): Path<String>) -> Json<BTreeMap<String, Shown>> {
    Json(shown(&asked.history, &asked.ingest, &device))
}

/// The latest value of each tag of a device; none for one nobody has heard of.
pub(crate) fn shown(history: &History, ingest: &Ingest, device: &str) -> BTreeMap<String, Shown> {
    let units = ingest.units_of(device);
    let plan = ingest.plan_of(device);
    let tags = plan.iter().flat_map(|plan| plan.tags());
    let writable: BTreeSet<&str> =
        tags.filter(|tag| tag.writable().is_some()).map(|tag| &*tag.name).collect();
    let one = |point: Point| {
        let Latest { value, quality, time_ms } = told(&point);
        let samples = value.as_array().map(Vec::len);
        let value = if samples.is_some() { serde_json::Value::Null } else { value };
        let unit = units.get(&point.tag).map(ToString::to_string).unwrap_or_default();
        let writable = writable.contains(&*point.tag);
        (point.tag.to_string(), Shown { value, samples, quality, time_ms, unit, writable })
    };
    history.latest(device).into_iter().map(one).collect()
}
