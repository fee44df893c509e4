//! `POST /write` and `POST /api/v2/write`: InfluxDB line protocol.
//!
//! A write is partial, as InfluxDB's is: good lines are taken, and if there was a bad one the answer is a refusal that names the
//! first, with how many were taken and how many were not. Without a fault it is 204.

use crate::http::batch::Batch;
use crate::http::line::Setting;
use crate::http::outcome::{Fault, Outcome, QUERY, TOO_MANY};
use crate::http::template::Template;
use crate::http::{Grant, Inlet};
use crate::state::wall_ms;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tidegate_codec_lineprotocol::{Precision, lines};
use tidegate_kernel_plug::{Principal, Refusal};

/// What either version's query may say; what else it says (`rp`, `org`, `consistency`) is of no meaning here.
#[derive(Debug, Deserialize)]
pub(super) struct Parameters {
    db: Option<String>,
    bucket: Option<String>,
    precision: Option<String>,
    /// A template in place of the configured one.
    topic: Option<String>,
}

/// How a request went.
#[derive(Debug, Default)]
struct Tally {
    taken: usize,
    dropped: usize,
    /// The first fault, with the number of its line.
    first: Option<(usize, Fault)>,
}

pub(super) async fn take(
    State(inlet): State<Arc<Inlet>>,
    Extension(principal): Extension<Arc<Principal>>,
    Query(parameters): Query<Parameters>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let (precision, template) = read(&parameters, &inlet.config.topic).map_err(|fault| fault.refusal())?;
    let db = parameters.bucket.as_deref().or(parameters.db.as_deref()).unwrap_or_default();
    let max = inlet.config.batch_readings_max;
    let count = lines(&body).take(max + 1).count();
    if count > max {
        return Err(Fault::new(TOO_MANY, format!("there are more than {max} lines")).refusal());
    }
    inlet.pace(&principal, count, body.len())?;
    let setting = Setting { precision, template: &template, db, received_ms: wall_ms() };
    let grant = Grant::of(&principal);
    let (mut batch, mut tally) = (Batch::new(&inlet.ingest), Tally::default());
    for (number, line) in lines(&body) {
        tally.count(number, one(&mut batch, &grant, &setting, line).await);
    }
    batch.safe().await.map_err(|fault| fault.refusal())?;
    tally.answer()
}

fn read(parameters: &Parameters, configured: &Template) -> Result<(Precision, Template), Fault> {
    let precision = match &parameters.precision {
        Some(name) => name.parse().map_err(|error| Fault::new(QUERY, format!("{name:?}: {error}")))?,
        None => Precision::default(),
    };
    let template = match &parameters.topic {
        Some(text) => text.parse().map_err(|error| Fault::new(QUERY, format!("{error}")))?,
        None => configured.clone(),
    };
    Ok((precision, template))
}

async fn one(batch: &mut Batch<'_>, grant: &Grant, setting: &Setting<'_>, line: &[u8]) -> Outcome {
    let reading = match setting.reading(line) {
        Ok(reading) => reading,
        Err(fault) => return batch.malformed(fault).await,
    };
    match grant.sign(reading) {
        Ok(reading) => batch.offer(&reading, None).await,
        Err(fault) => batch.refused(fault).await,
    }
}

impl Tally {
    fn count(&mut self, number: usize, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(_) | Outcome::Known(_) => self.taken += 1,
            Outcome::Refused(fault) => {
                self.dropped += 1;
                self.first.get_or_insert((number, fault));
            }
        }
    }

    fn answer(self) -> Result<StatusCode, Refusal> {
        let Tally { taken, dropped, first } = self;
        let Some((number, Fault { code, message })) = first else { return Ok(StatusCode::NO_CONTENT) };
        let what = if taken > 0 { "partial write" } else { "nothing written" };
        let message = format!("{what}: line {number}: {message}; taken={taken} dropped={dropped}");
        Err(Fault { code, message }.refusal())
    }
}
