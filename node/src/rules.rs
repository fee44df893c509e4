//! Rules and alarms in the node: when they begin, what a reload changes, and their management routes.
//!
//! Rules begin with the first one that is configured, and go on for as long as they have a place in the readings.

use crate::commands::Commands;
use crate::settings::Settings;
use crate::writing::Desk;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use tidegate_driver_opcua::Trust;
use tidegate_engine_rules::AlarmRefusal;
use tidegate_kernel_plug::{Need, Principal, Refusal, Role, Route, Routes};
use tidegate_kernel_trace::within;
use tidegate_service_ingest::{
    AlarmError, AlarmEvent, AlarmStory, Ingest, OpenError, Rules, RulesConfig, RulesError,
};
use tidegate_service_plant::Plant;
use tokio::runtime::Handle;

/// What of the pipeline a reload changes.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) plant: Arc<Plant>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) exporters: Handle,
}

impl Pipeline {
    pub(crate) fn take_up(&self, settings: &Settings) {
        if !settings.only.ingest {
            return self.guard(&settings.rules);
        }
        self.ingest.reconfigure(&settings.ingest);
        self.ingest.use_model(&settings.model);
        self.plant.reconfigure(settings.plant.clone());
        self.reconfigure(&settings.rules);
    }

    /// Starts rules if there are any, or were.
    pub(crate) fn start(&self, config: &RulesConfig) -> Result<(), OpenError> {
        self.guard(config);
        if config.rules.is_empty() && !self.ingest.has_rules() {
            return Ok(());
        }
        self.ingest.start_rules(config, Some(self.commands.clone()), &self.exporters).map(drop)
    }

    /// Takes up changed rules: beside those in force first, or at once where there are none.
    fn reconfigure(&self, config: &RulesConfig) {
        let outcome = match self.ingest.rules() {
            Some(rules) => rules.reconfigure(config).map_err(|error| (error.code(), error.to_string())),
            None => self.start(config).map_err(|error| (error.code(), error.to_string())),
        };
        if let Err((code, message)) = outcome {
            tracing::error!(code, "changed rules were not taken up: {message}");
        }
        self.guard(config);
    }

    /// Where rules send commands, those in force and those that are given, only who may command publishes.
    pub(crate) fn guard(&self, config: &RulesConfig) {
        let in_force = self.ingest.rules().map(Rules::command_topics).unwrap_or_default();
        self.commands.guard(config.command_topics().into_iter().chain(in_force).collect());
    }
}

pub(crate) fn routes(routes: Routes, ingest: &Arc<Ingest>) -> Routes {
    let seen = |path, purpose| Route::get(path, Need::Authenticated, purpose);
    let done = |path, purpose| Route::post(path, Need::Role(Role::Operator), purpose);
    let of = || ingest.clone();
    routes
        .with(
            seen("/api/v1/ingest/rules", "What rules are doing, and how a set on trial compares."),
            report,
            of(),
        )
        .with(done("/api/v1/ingest/rules/switch", "The set on trial takes over."), switch, of())
        .with(done("/api/v1/ingest/rules/forget", "The trial ends without effect."), forget, of())
        .with(seen("/api/v1/alarms", "Alarms that are not normal."), alarms, of())
        .with(seen("/api/v1/alarms/events", "Changes of alarms behind an offset."), events, of())
        .with(
            seen("/api/v1/alarms/{key}/story", "What raised an alarm, and where that reading went."),
            story,
            of(),
        )
        .with(done("/api/v1/alarms/{key}/acknowledge", "Somebody has seen the alarm."), acknowledge, of())
        .with(done("/api/v1/alarms/{key}/shelve", "Puts an alarm aside for a while."), shelve, of())
        .with(done("/api/v1/alarms/{key}/unshelve", "Takes it back."), unshelve, of())
}

type Held = State<Arc<Ingest>>;

fn rules(ingest: &Ingest) -> Result<&Rules, Refusal> {
    ingest.rules().ok_or_else(|| unchanged(&RulesError::Ended))
}

fn unchanged(error: &RulesError) -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        error.code(),
        error.to_string(),
        "look at the rules in the configuration",
    )
}

async fn report(State(ingest): Held) -> Response {
    match rules(&ingest) {
        Ok(rules) => Json(rules.report()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn switch(State(ingest): Held) -> Result<Json<Value>, Refusal> {
    rules(&ingest)?.switch().await.map_err(|error| unchanged(&error))?;
    Ok(Json(json!({"switched": true})))
}

async fn forget(State(ingest): Held) -> Result<Json<Value>, Refusal> {
    rules(&ingest)?.forget().await.map_err(|error| unchanged(&error))?;
    Ok(Json(json!({"forgotten": true})))
}

async fn alarms(State(ingest): Held) -> Json<Value> {
    let listed = ingest.rules().map(|rules| rules.alarms().list()).unwrap_or_default();
    let told = listed.iter().map(|(key, alarm)| {
        json!({
            "key": key,
            "state": alarm.state().name(),
            "severity": alarm.severity.name(),
            "text": alarm.text,
            "active": alarm.active,
            "acknowledged": alarm.acknowledged,
            "raised_ms": alarm.raised_at,
            "cleared_ms": alarm.cleared_at,
            "occurrences": alarm.occurrences,
            "shelved_by": alarm.shelved.as_ref().map(|shelf| &shelf.by),
            "shelved_until_ms": alarm.shelved.as_ref().map(|shelf| shelf.until),
        })
    });
    Json(told.collect())
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Serialize)]
struct Page {
    events: Vec<Value>,
    next: u64,
    has_gap: bool,
}

async fn events(State(ingest): Held, Query(After { after }): Query<After>) -> Response {
    // Reads the disk, so not on a thread that serves.
    let read =
        tokio::task::spawn_blocking(within(move || ingest.rules().map(|rules| rules.alarms().since(after))))
            .await;
    match read {
        Ok(None) => Json(Page { events: Vec::new(), next: after, has_gap: false }).into_response(),
        Ok(Some(Ok(page))) => {
            let events = page.events.iter().map(told).collect();
            Json(Page { events, next: page.next, has_gap: page.has_gap }).into_response()
        }
        Ok(Some(Err(error))) => {
            let (code, hint) = (error.code(), "look at the disk under the data folder");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, code, error.to_string(), hint).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A change of an alarm as it is told.
pub(crate) fn told(event: &AlarmEvent) -> Value {
    let fact = &event.fact;
    json!({
        "offset": event.offset,
        "id": event.id.to_string(),
        "key": fact.key,
        "at_ms": fact.at,
        "change": fact.change.name(),
        "by": fact.change.by(),
    })
}

async fn story(State(ingest): Held, Path(key): Path<String>) -> Result<Json<AlarmStory>, Refusal> {
    // Reads the disk, so not on a thread that serves.
    let told = tokio::task::spawn_blocking(within(move || ingest.alarm_story(&key))).await;
    match told {
        Ok(Ok(Some(story))) => Ok(Json(story)),
        Ok(Ok(None)) => {
            let error = AlarmRefusal::NoAlarm;
            Err(Refusal::new(StatusCode::NOT_FOUND, error.code(), error.to_string(), error.hint()))
        }
        Ok(Err(error)) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Refusal::new(status, error.code(), error.to_string(), error.hint()))
        }
        Err(_) => Err(Refusal::no_room("the story could not be read")),
    }
}

#[derive(Debug, Deserialize)]
struct For {
    for_ms: u64,
}

async fn acknowledge(
    State(ingest): Held,
    Path(key): Path<String>,
    Extension(by): Extension<Arc<Principal>>,
) -> Result<Json<Value>, Refusal> {
    settled(rules(&ingest)?.alarms().acknowledge(&key, &by).await)
}

async fn shelve(
    State(ingest): Held,
    Path(key): Path<String>,
    Query(For { for_ms }): Query<For>,
    Extension(by): Extension<Arc<Principal>>,
) -> Result<Json<Value>, Refusal> {
    settled(rules(&ingest)?.alarms().shelve(&key, &by, for_ms).await)
}

async fn unshelve(
    State(ingest): Held,
    Path(key): Path<String>,
    Extension(by): Extension<Arc<Principal>>,
) -> Result<Json<Value>, Refusal> {
    settled(rules(&ingest)?.alarms().unshelve(&key, &by).await)
}

fn settled(outcome: Result<u64, AlarmError>) -> Result<Json<Value>, Refusal> {
    let refusal = |error: AlarmError| {
        let (status, hint) = match &error {
            AlarmError::Refused(refusal) => (StatusCode::CONFLICT, refusal.hint()),
            AlarmError::Journal(_) | AlarmError::Unknown => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again; look at /readyz if it stays so")
            }
        };
        Refusal::new(status, error.code(), error.to_string(), hint)
    };
    outcome.map(|offset| Json(json!({"offset": offset}))).map_err(refusal)
}
