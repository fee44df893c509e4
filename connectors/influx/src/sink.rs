//! One batch, one request; what each answer means for the batch.

use crate::config::{Config, Target};
use crate::line;
use tidegate_kernel_outbound::{Answer, Client, Request, basic_authorization, query};
use tidegate_service_ingest::{Poison, Row, Setback, Sink, SinkError};

/// No answer, or a broken one.
const UNREACHABLE: &str = "TG-IX-001";
/// The server has trouble, or too much to do.
const TROUBLE: &str = "TG-IX-002";
/// A row that is refused.
const REFUSED: &str = "TG-IX-003";
/// A setting that is wrong, here or there.
const MISCONFIGURED: &str = "TG-IX-004";
/// A row that line protocol has no form for.
const UNSAYABLE: &str = "TG-IX-005";

/// Writes batches to one database or bucket.
#[derive(Debug)]
pub struct InfluxSink {
    client: Client,
    config: Config,
    /// Path and query.
    target: String,
    authorization: Option<String>,
}

impl InfluxSink {
    /// Sends nothing yet.
    pub fn new(client: Client, config: Config) -> InfluxSink {
        let (target, authorization) = match &config.target {
            Target::V1 { database, credentials } => {
                let basic = credentials.as_ref().map(|(user, password)| basic_authorization(user, password));
                (format!("/write{}", query(&[("db", database)])), basic)
            }
            Target::V2 { org, bucket, token } => {
                let parameters = query(&[("org", org), ("bucket", bucket), ("precision", "ns")]);
                (format!("/api/v2/write{parameters}"), Some(format!("Token {token}")))
            }
        };
        InfluxSink { client, config, target, authorization }
    }

    async fn post(&self, lines: String) -> Result<(), Setback> {
        let mut request =
            Request::post(self.target.as_str(), lines).with("content-type", "text/plain; charset=utf-8");
        if let Some(authorization) = &self.authorization {
            request = request.with("authorization", authorization);
        }
        let endpoint = self.client.endpoint();
        let answer = self.client.send(request).await.map_err(|source| {
            let attempt = format!("could not write to InfluxDB at {endpoint}");
            SinkError { code: UNREACHABLE, attempt, source: Some(source.into()) }
        })?;
        if answer.is_success() { Ok(()) } else { Err(self.setback(&answer)) }
    }

    fn setback(&self, answer: &Answer) -> Setback {
        let (status, said, endpoint) = (answer.status, answer.excerpt(), self.client.endpoint());
        let error = |code| SinkError::new(code, format!("InfluxDB at {endpoint} answered {status}: {said}"));
        match status {
            400 | 422 => Setback::Refused(error(REFUSED)),
            413 => Setback::TooLarge(error(REFUSED)),
            429 | 500.. => Setback::Retry { error: error(TROUBLE), after: answer.retry_after() },
            _ => Setback::Misconfigured(error(MISCONFIGURED)),
        }
    }
}

impl Sink for InfluxSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let (mut lines, mut poison) = (String::with_capacity(batch.len() * 96), Vec::new());
        for (at, row) in batch.iter().enumerate() {
            if let Err(unsayable) = line::put(&mut lines, &self.config.measurement, row) {
                poison.push(Poison { row: at, code: UNSAYABLE, reason: unsayable.to_string() });
            }
        }
        if !lines.is_empty() {
            self.post(lines).await?;
        }
        if poison.is_empty() { Ok(()) } else { Err(Setback::Poison(poison)) }
    }
}
