//! One batch, one request; what each answer means for the batch.

use crate::body;
use ring::hmac;
use tidegate_kernel_outbound::{Answer, Client, Request};
use tidegate_service_ingest::{Row, Setback, Sink, SinkError};

/// No answer, or a broken one.
const UNREACHABLE: &str = "TG-WH-001";
/// The server has trouble, or too much to do.
const TROUBLE: &str = "TG-WH-002";
/// A row that is refused.
const REFUSED: &str = "TG-WH-003";
/// A setting that is wrong, here or there.
const MISCONFIGURED: &str = "TG-WH-004";

/// Posts batches to one URL.
#[derive(Debug)]
pub struct WebhookSink {
    client: Client,
    key: Option<hmac::Key>,
}

impl WebhookSink {
    /// Sends nothing yet.
    pub fn new(client: Client, secret: Option<&[u8]>) -> WebhookSink {
        WebhookSink { client, key: secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret)) }
    }

    fn setback(&self, answer: &Answer) -> Setback {
        let (status, said, endpoint) = (answer.status, answer.excerpt(), self.client.endpoint());
        let error =
            |code| SinkError::new(code, format!("the webhook at {endpoint} answered {status}: {said}"));
        match status {
            413 => Setback::TooLarge(error(REFUSED)),
            408 | 425 | 429 | 500.. => Setback::Retry { error: error(TROUBLE), after: answer.retry_after() },
            401 | 403 | 404 | 405 | 410 | ..=399 => Setback::Misconfigured(error(MISCONFIGURED)),
            _ => Setback::Refused(error(REFUSED)),
        }
    }
}

impl Sink for WebhookSink {
    async fn deliver(&self, batch: &[Row]) -> Result<(), Setback> {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(()) };
        let body = body::encode(batch);
        let mut request = Request::post("", body)
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("{}-{}", first.id, last.id));
        if let Some(key) = &self.key {
            let signature = body::signature(key, &request.body);
            request = request.with("x-tidegate-signature", &signature);
        }
        let answer = self.client.send(request).await.map_err(|source| {
            let attempt = format!("could not post to the webhook at {}", self.client.endpoint());
            SinkError { code: UNREACHABLE, attempt, source: Some(source.into()) }
        })?;
        if answer.is_success() { Ok(()) } else { Err(self.setback(&answer)) }
    }
}
