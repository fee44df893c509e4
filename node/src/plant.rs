//! Devices that are asked: which drivers there are, the plant's port on the pipeline, and how each device stands.

use crate::failure::Failure;
use crate::settings::Settings;
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tidegate_codec_mqtt::Text;
use tidegate_driver_modbus::Modbus;
use tidegate_driver_opcua::{OpcUa, Trust};
use tidegate_driver_s7::S7;
use tidegate_kernel_plug::{Need, Route, Routes};
use tidegate_service_ingest as ingest;
use tidegate_service_ingest::{Ingest, Points, Reading, Source};
use tidegate_service_plant as plant;
use tidegate_service_plant::{Drivers, GroupStand, Intake, Plant, Sample, Stand};

/// Every driver there is: one line here for each.
pub(crate) fn drivers(trust: Arc<Trust>) -> Drivers {
    Drivers::default().with(Modbus).with(OpcUa::new(trust)).with(S7)
}

/// Those that judge a file, which connect nowhere.
pub(crate) fn judges() -> Drivers {
    drivers(Arc::default())
}

pub(crate) fn of(settings: &Settings, ingest: &Arc<Ingest>, trust: Arc<Trust>) -> Result<Plant, Failure> {
    let intake = Arc::new(Samples(ingest.clone()));
    Ok(Plant::new(drivers(trust), settings.plant.clone(), settings.sinks.dialer()?, intake))
}

pub(crate) fn routes(plant: &Arc<Plant>) -> Routes {
    let purpose = "Devices that are asked: how each stands, why it does not answer, and how punctually its groups are read.";
    Routes::new().with(
        Route::get("/api/v1/ingest/devices", Need::Authenticated, purpose),
        devices,
        plant.clone(),
    )
}

/// Which of them, and whether with their groups.
#[derive(Debug, Deserialize)]
struct Asked {
    device: Option<String>,
    #[serde(default = "yes")]
    groups: bool,
}

fn yes() -> bool {
    true
}

/// As many as the configuration has at most.
async fn devices(State(plant): State<Arc<Plant>>, Query(asked): Query<Asked>) -> Json<Value> {
    let is_asked = |device: &str| asked.device.as_deref().is_none_or(|name| name == device);
    let stands = plant.stands().into_iter().filter(|(device, _)| is_asked(device));
    let told = stands.map(|(device, stand)| {
        let mut told = shown(&device, stand);
        if asked.groups {
            told["groups"] = plant.groups(&device).iter().map(shown_group).collect();
        }
        told
    });
    Json(told.collect())
}

fn shown(device: &str, stand: Stand) -> Value {
    let (code, reason) = stand.trouble.unzip();
    json!({
        "device": device,
        "driver": stand.driver,
        "state": stand.state.name(),
        "since_ms": stand.since_ms,
        "at": stand.side.name(),
        "code": code,
        "reason": reason,
        "next_probe_ms": stand.probe_ms,
    })
}

fn shown_group(group: &GroupStand) -> Value {
    let interval = group.interval;
    json!({
        "group": group.group,
        "tags": group.tags.iter().map(|tag| &**tag).collect::<Vec<&str>>(),
        "every_ms": millis(group.every),
        "interval_mean_ms": interval.map(|interval| millis(interval.mean)),
        "interval_p99_ms": interval.map(|interval| millis(interval.p99)),
        "jitter_p99_ms": interval.map(|interval| millis(interval.jitter_p99)),
        "cycles": group.cycles,
        "partial_cycles": group.partial,
        "failed_cycles": group.failed,
        "missed_cycles": group.missed,
    })
}

/// To the microsecond.
fn millis(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0
}

/// Hands samples to the pipeline.
struct Samples(Arc<Ingest>);

impl Intake for Samples {
    fn offer(&self, sample: &Sample) -> Result<(), plant::Declined> {
        self.0.offer(&reading(sample)).map(drop).map_err(|declined| match declined {
            ingest::Declined::Busy => plant::Declined::Busy,
            ingest::Declined::Refused { code } | ingest::Declined::Malformed { code } => {
                plant::Declined::Refused { code }
            }
        })
    }

    fn give_up(&self, reason: &'static str) {
        self.0.give_up(reason);
    }
}

fn reading(sample: &Sample) -> Reading {
    let points = Points { device: sample.device.clone(), points: sample.points.clone() };
    Reading {
        client: Text::new(&sample.device).unwrap_or_default(),
        source_ms: Some(sample.read_ms),
        ..Reading::points(Source::Driver, sample.topic.clone(), points)
    }
}
