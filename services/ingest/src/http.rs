//! Readings over HTTP, as routes: a JSON batch, and InfluxDB line protocol as both versions of its write endpoint take it.
//!
//! An answer means what a PUBACK means: every reading it calls accepted is as safe as its class asks for. Who may publish what,
//! how fast, and what becomes of a reading is decided as for every other protocol. Takes tokio's clock for waits and rates.

mod batch;
mod line;
mod outcome;
mod readings;
mod template;
mod write;

pub use template::{NotATemplate, Template};

use crate::http::outcome::{FORBIDDEN, Fault};
use crate::ingest::Ingest;
use crate::reading::Reading;
use axum::http::{Method, StatusCode};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_codec_mqtt::{Text, TopicFilter};
use tidegate_kernel_flow::{Rate, Rates};
use tidegate_kernel_plug::{Action, Need, Principal, Refusal, Route, Routes};
use tokio::time::Instant;

/// Principals whose readings are paced at once.
const PACED_MAX: usize = 10_000;

/// What the HTTP inputs can be told.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// One request's body.
    pub body_bytes_max: usize,
    /// Readings, or lines, of one request.
    pub batch_readings_max: usize,
    /// The topic of a line where the request does not say.
    pub topic: Template,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig { body_bytes_max: 1 << 20, batch_readings_max: 10_000, topic: Template::default() }
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Inlet {
    ingest: Arc<Ingest>,
    config: HttpConfig,
    messages: Mutex<Rates<String>>,
    bytes: Mutex<Rates<String>>,
    began: Instant,
}

/// What one principal may publish; made once for each request.
struct Grant {
    filters: Vec<TopicFilter>,
    /// Empty for nobody in particular.
    name: Text,
}

/// The routes, which need a tokio runtime with time.
pub fn routes(ingest: Arc<Ingest>, config: HttpConfig) -> Routes {
    let body_bytes_max = config.body_bytes_max;
    let inlet = Arc::new(Inlet {
        ingest,
        config,
        messages: Mutex::new(Rates::new(PACED_MAX)),
        bytes: Mutex::new(Rates::new(PACED_MAX)),
        began: Instant::now(),
    });
    let post = |path, purpose| {
        let (method, need) = (Method::POST, Need::Authenticated);
        Route { method, path, need, body_bytes_max, purpose }
    };
    let nothing = || async { StatusCode::NO_CONTENT };
    Routes::new()
        .with(post("/v1/readings", "A batch of readings as JSON."), readings::take, inlet.clone())
        .with(post("/write", "InfluxDB line protocol, version 1."), write::take, inlet.clone())
        .with(post("/api/v2/write", "InfluxDB line protocol, version 2."), write::take, inlet)
        .with(
            Route::get("/ping", Need::Nothing, "Whether somebody is here, for clients of InfluxDB."),
            nothing,
            (),
        )
}

impl Inlet {
    /// Whether `principal` may send so much now, by its own allowance.
    fn pace(&self, principal: &Principal, readings: usize, bytes: usize) -> Result<(), Refusal> {
        let now = self.began.elapsed();
        let take = |rates: &Mutex<Rates<String>>, per_s: Option<NonZeroU32>, amount: usize| match per_s {
            None => Ok(()),
            Some(per_s) => {
                let mut rates = rates.lock().unwrap_or_else(PoisonError::into_inner);
                rates.take(principal.name.clone(), Rate::per_second(per_s), amount as u64, now)
            }
        };
        let allowance = principal.allowance;
        take(&self.messages, allowance.messages_per_s_max, readings).map_err(Refusal::too_fast)?;
        take(&self.bytes, allowance.bytes_per_s_max, bytes).map_err(Refusal::too_fast)
    }
}

impl Grant {
    fn of(principal: &Principal) -> Grant {
        let patterns = principal.patterns(Action::Publish);
        // A pattern that is no filter covers no topic.
        let filters = patterns.filter_map(|pattern| TopicFilter::new(pattern).ok()).collect();
        let name = if principal.is_anonymous() { "" } else { principal.name.as_str() };
        Grant { filters, name: Text::new(name).unwrap_or_default() }
    }

    /// The reading with its principal, if it may publish there.
    fn sign(&self, reading: Reading) -> Result<Reading, Fault> {
        if self.filters.iter().any(|filter| filter.matches(&reading.topic)) {
            return Ok(Reading { principal: self.name.clone(), ..reading });
        }
        Err(Fault::new(FORBIDDEN, format!("no scope publish: covers the topic {}", reading.topic)))
    }
}
