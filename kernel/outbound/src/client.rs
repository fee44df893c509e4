//! HTTP/1.1 requests to one server, over connections that are kept for the next one.
//!
//! A connection serves one request at a time. One that the other side closed while it was idle is noticed before anything is
//! written and replaced; what fails after that is the caller's to repeat.

use crate::dialer::Dialer;
use crate::endpoint::Endpoint;
use crate::error::OutboundError;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_kernel_trace::traceparent;
use tokio::time::timeout;

/// Connections kept open without a request.
const IDLE_MAX: usize = 32;

/// The limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Name, TCP and TLS.
    pub connect: Duration,
    /// From sending to the head of the answer.
    pub head: Duration,
    /// All of it, to the end of the answer's body.
    pub total: Duration,
    /// Of the answer's body.
    pub body_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(20),
            total: Duration::from_secs(30),
            body_bytes_max: 64 << 10,
        }
    }
}

/// What to ask.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// Path and query; the endpoint's path goes before it.
    pub target: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

impl Request {
    pub fn post(target: impl Into<String>, body: impl Into<Bytes>) -> Request {
        Request { method: Method::POST, target: target.into(), headers: Vec::new(), body: body.into() }
    }

    /// One header more. Panics on a name or value that is none: both are the program's own.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Request {
        let value = HeaderValue::from_str(value).expect("a header's value is plain text");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// All of it, or what came before it broke off.
    pub body: Bytes,
    /// Why the body is not whole. The status was said all the same.
    pub broke_off: Option<Arc<OutboundError>>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `Retry-After` in seconds; dates are not understood.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        value.trim().parse().ok().map(Duration::from_secs)
    }

    /// The beginning of the body, for an error message.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        text.trim().replace(|letter: char| letter.is_control(), " ")
    }
}

/// A server and the connections to it.
#[derive(Debug)]
pub struct Client {
    dialer: Dialer,
    endpoint: Endpoint,
    limits: HttpLimits,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Client {
    /// Connects to nothing yet.
    pub fn new(dialer: Dialer, endpoint: Endpoint, limits: HttpLimits) -> Client {
        Client { dialer, endpoint, limits, idle: Mutex::default() }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends one request and waits for its answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Answer, OutboundError> {
        let limit = self.limits.total;
        let exchange = timeout(limit, self.exchange(&request)).await;
        exchange.unwrap_or(Err(OutboundError::Timeout { what: "the request", limit }))
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, OutboundError> {
        while let Some(mut idle) = self.take_idle() {
            if idle.ready().await.is_err() {
                continue;
            }
            match self.once(&mut idle, request).await {
                // It was closed before anything of the request was written.
                Err(OutboundError::Http(error)) if error.is_canceled() => {}
                outcome => return self.put_back(idle, outcome),
            }
        }
        let mut fresh = self.connect().await?;
        let outcome = self.once(&mut fresh, request).await;
        self.put_back(fresh, outcome)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, OutboundError> {
        let stream = self.dialer.dial(&self.endpoint, self.limits.connect).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(OutboundError::Http)?;
        // It ends when the sender is dropped or the other side closes; how is told to the request under way.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    async fn once(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        request: &Request,
    ) -> Result<Answer, OutboundError> {
        let (limit, what) = (self.limits.head, "the answer");
        let sent = timeout(limit, sender.send_request(self.request(request)?)).await;
        let response =
            sent.map_err(|_| OutboundError::Timeout { what, limit })?.map_err(OutboundError::Http)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, broke_off) = self.body(response).await;
        Ok(Answer { status, headers, body, broke_off })
    }

    fn request(&self, request: &Request) -> Result<hyper::Request<Full<Bytes>>, OutboundError> {
        let target = format!("{}{}", self.endpoint.path, request.target);
        let target = if target.starts_with('/') { target } else { format!("/{target}") };
        let mut built = hyper::Request::builder().method(request.method.clone()).uri(target);
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        if let Some(traceparent) = traceparent() {
            built = built.header("traceparent", traceparent);
        }
        let built = built
            .header(header::HOST, self.endpoint.to_string())
            .header(header::USER_AGENT, concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(request.body.clone()));
        built.map_err(|_| OutboundError::Malformed { what: "the path" })
    }

    async fn body(&self, response: Response<Incoming>) -> (Bytes, Option<Arc<OutboundError>>) {
        let (mut gathered, mut body, limit) =
            (BytesMut::new(), response.into_body(), self.limits.body_bytes_max);
        while let Some(frame) = body.frame().await {
            let data = match frame {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                Err(error) => return (gathered.freeze(), Some(Arc::new(OutboundError::Http(error)))),
            };
            gathered.extend_from_slice(&data[..data.len().min(limit - gathered.len())]);
            if gathered.len() == limit && !data.is_empty() {
                return (gathered.freeze(), Some(Arc::new(OutboundError::TooLong { limit })));
            }
        }
        (gathered.freeze(), None)
    }

    /// Keeps a connection whose exchange came to its end.
    fn put_back(
        &self,
        sender: SendRequest<Full<Bytes>>,
        outcome: Result<Answer, OutboundError>,
    ) -> Result<Answer, OutboundError> {
        let is_whole = matches!(&outcome, Ok(answer) if answer.broke_off.is_none());
        let mut idle = self.idle();
        if is_whole && idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        outcome
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
