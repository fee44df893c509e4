//! `POST /v1/readings`: a batch of readings as JSON, and an outcome for each.
//!
//! ```text
//! {"readings":[{"topic":"line/7/temp","payload":21.5,"time_ms":1700000000000,"id":"01234567-89ab-7def-8123-456789abcdef"}]}
//! ```
//!
//! `payload` is any JSON; a string stands for its text, everything else is kept as it is written. `time_ms` and `id`, the
//! idempotency key, may be left out.

use crate::http::batch::Batch;
use crate::http::outcome::{BROKEN, Fault, KEY, Outcome, TOO_MANY, TOPIC};
use crate::http::{Grant, Inlet};
use crate::reading::{Reading, Source};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use tidegate_codec_mqtt::{Text, TopicName};
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::{Principal, Refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    readings: Vec<Offered<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    time_ms: Option<u64>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

/// The answer, if anything was taken.
#[derive(Debug, Serialize)]
struct Report {
    accepted: usize,
    refused: usize,
    /// In the order of the request.
    results: Vec<Line>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Line {
    Accepted { id: String },
    Known { id: String },
    Refused { code: &'static str, message: String },
}

pub(super) async fn take(
    State(inlet): State<Arc<Inlet>>,
    Extension(principal): Extension<Arc<Principal>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let offered = read(&body).map_err(|fault| {
        inlet.ingest.malformed(fault.code);
        fault.refusal()
    })?;
    let max = inlet.config.batch_readings_max;
    if offered.len() > max {
        return Err(
            Fault::new(TOO_MANY, format!("there are more than {max} readings in the batch")).refusal()
        );
    }
    inlet.pace(&principal, offered.len(), body.len())?;
    let grant = Grant::of(&principal);
    let mut batch = Batch::new(&inlet.ingest);
    let mut outcomes = Vec::with_capacity(offered.len());
    for offered in &offered {
        outcomes.push(one(&mut batch, &grant, offered).await);
    }
    batch.safe().await.map_err(|fault| fault.refusal())?;
    answer(outcomes)
}

fn read(body: &[u8]) -> Result<Vec<Offered<'_>>, Fault> {
    let read: Result<Body<'_>, _> = serde_json::from_slice(body);
    read.map(|body| body.readings)
        .map_err(|error| Fault::new(BROKEN, format!("the body is no batch: {error}")))
}

async fn one(batch: &mut Batch<'_>, grant: &Grant, offered: &Offered<'_>) -> Outcome {
    let (reading, key) = match reading(offered) {
        Ok(parts) => parts,
        Err(fault) => return batch.malformed(fault).await,
    };
    match grant.sign(reading) {
        Ok(reading) => batch.offer(&reading, key).await,
        Err(fault) => batch.refused(fault).await,
    }
}

fn reading(offered: &Offered<'_>) -> Result<(Reading, Option<Id>), Fault> {
    let topic = TopicName::new(&offered.topic).map_err(|error| Fault::new(TOPIC, error.to_string()))?;
    let key = match &offered.id {
        Some(text) => Some(key(text).ok_or_else(|| Fault::new(KEY, format!("{text:?} is no UUIDv7")))?),
        None => None,
    };
    let (payload, kind) = payload(offered.payload.get());
    let content_type = Text::new(kind).expect("the name of a MIME type is text");
    let reading =
        Reading { content_type, source_ms: offered.time_ms, ..Reading::raw(Source::Http, topic, payload) };
    Ok((reading, key))
}

/// The bytes of a payload, and what they are.
fn payload(json: &str) -> (Bytes, &'static str) {
    match serde_json::from_str::<String>(json) {
        Ok(text) => (text.into(), "text/plain"),
        Err(_) => (Bytes::copy_from_slice(json.as_bytes()), "application/json"),
    }
}

/// A UUIDv7, whose time is what the window of remembered ids goes by.
fn key(text: &str) -> Option<Id> {
    let id: Id = text.parse().ok()?;
    (id.0[6] >> 4 == 7).then_some(id)
}

/// 200 where everything was taken, 207 where something was; else why nothing was, if that was the same for all.
fn answer(outcomes: Vec<Outcome>) -> Result<Response, Refusal> {
    let of_refused = |outcome: &Outcome| match outcome {
        Outcome::Refused(fault) => Some(fault.clone()),
        _ => None,
    };
    let faults: Vec<Fault> = outcomes.iter().filter_map(of_refused).collect();
    let is_one_reason = faults.windows(2).all(|pair| pair[0].code == pair[1].code);
    if let Some(first) = faults.first().filter(|_| is_one_reason && faults.len() == outcomes.len()) {
        return Err(first.refusal());
    }
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let (accepted, refused) = (outcomes.len() - faults.len(), faults.len());
    let results = outcomes.into_iter().map(line).collect();
    Ok((status, Json(Report { accepted, refused, results })).into_response())
}

fn line(outcome: Outcome) -> Line {
    match outcome {
        Outcome::Accepted(id) => Line::Accepted { id: id.to_string() },
        Outcome::Known(id) => Line::Known { id: id.to_string() },
        Outcome::Refused(Fault { code, message }) => Line::Refused { code, message },
    }
}
