//! What every request passes: its id, the size of its head, who it is from, how fast they come, its body.
//!
//! ```text
//!   frame ── id, head ──> router ──> admit ── who, rate, body ──> handler
//!     ^                     │          │                            │
//!     └── one shape <───────┴──────────┴── refusal <────────────────┘
//! ```
//!
//! Takes the monotonic clock for rates and for the time a body takes; one lock, held for one look at a bucket.

use crate::principal::{Authenticate, Knock, Principal};
use crate::routes::body::{Budget, Hold};
use crate::routes::credential::Shown;
use crate::routes::{
    Act, Changed, HttpCounts, Need, Outcome, Post, Refusal, RequestId, Route, Visit, Witness, request_id,
    traced,
};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tidegate_kernel_flow::{Rate, Rates};
use tracing::Instrument;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Buckets kept for principals, and for addresses of those who are nobody in particular.
const BUCKETS_MAX: usize = 10_000;

/// What a request may be, whichever route it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    pub headers_max: usize,
    /// Names and values of all header fields, with the request's target.
    pub header_bytes_max: usize,
    /// Of one principal; of one address where it is nobody in particular.
    pub requests: Rate,
    /// From the end of the head to the end of the body.
    pub body_ms_max: u64,
    /// Bodies being read or answered at once, added up.
    pub bodies_bytes_max: usize,
}

impl Default for RequestLimits {
    fn default() -> RequestLimits {
        let rate = |per_s| NonZeroU32::new(per_s).expect("a default rate is not zero");
        RequestLimits {
            headers_max: 64,
            header_bytes_max: 16 * 1024,
            requests: Rate { per_s: rate(1000), burst: rate(2000) },
            body_ms_max: 30_000,
            bodies_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// The gate of one listener.
pub struct Gate {
    listener: &'static str,
    authenticate: Arc<dyn Authenticate>,
    limits: RequestLimits,
    rates: Mutex<Rates<String>>,
    bodies: Budget,
    counts: Arc<HttpCounts>,
    witness: Option<Arc<dyn Witness>>,
    began: Instant,
}

impl Gate {
    /// `listener` is the name it is counted under.
    pub fn new(
        listener: &'static str,
        authenticate: Arc<dyn Authenticate>,
        limits: RequestLimits,
        counts: Arc<HttpCounts>,
    ) -> Gate {
        let (rates, bodies) = (Mutex::new(Rates::new(BUCKETS_MAX)), Budget::new(limits.bodies_bytes_max));
        Gate { listener, authenticate, limits, rates, bodies, counts, witness: None, began: Instant::now() }
    }

    /// Has every administrative act written down before it is done.
    #[must_use]
    pub fn before(self, witness: Arc<dyn Witness>) -> Gate {
        Gate { witness: Some(witness), ..self }
    }

    fn check_head(&self, request: &Request) -> Result<(), Refusal> {
        let RequestLimits { headers_max, header_bytes_max, .. } = self.limits;
        if request.headers().len() > headers_max {
            return Err(Refusal::head_too_large(format!("there are more than {headers_max} header fields")));
        }
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
        if target + fields.sum::<usize>() > header_bytes_max {
            let what = format!("target and header fields have more than {header_bytes_max} bytes");
            return Err(Refusal::head_too_large(what));
        }
        Ok(())
    }

    /// Lets a request through to the handler of `route`, with its principal and its whole body.
    async fn pass(&self, route: &Route, request: Request) -> Result<(Request, Hold), Refusal> {
        let (mut head, body) = request.into_parts();
        let knock: Knock = *head.extensions.get().expect("a listener says who knocked");
        let principal = match route.need {
            Need::Nothing => None,
            Need::Authenticated | Need::AnyRole | Need::Role(_) | Need::Command(_) => {
                let shown = Shown::of(&head.headers)?;
                if !route.method.is_safe() && may_be_foreign(&shown, &head.headers) {
                    return Err(Refusal::foreign());
                }
                Some(self.authenticate.authenticate(shown.credential(), knock)?)
            }
        };
        if let Some(principal) = &principal {
            let visit: &Arc<Visit> = head.extensions.get().expect("a listener says on which connection");
            visit.admit(principal)?;
        }
        self.pace(principal.as_deref(), knock, self.began.elapsed())?;
        if let Some(principal) = &principal {
            check_role(route.need, principal)?;
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Refusal::encoded());
        }
        let time_max = Duration::from_millis(self.limits.body_ms_max);
        let (body, hold) = self.bodies.read(body, route.body_bytes_max, time_max).await?;
        if let Some(principal) = principal {
            head.extensions.insert(principal);
        }
        Ok((Request::from_parts(head, Body::from(body)), hold))
    }

    /// What is about to be done, where it is an administrative act that has to be written down.
    fn act(&self, route: &Route, request: &Request) -> Option<Act> {
        self.witness.as_ref().filter(|_| route.is_administrative())?;
        let extensions = request.extensions();
        let principal: &Arc<Principal> = extensions.get().expect("a role is somebody's");
        let request_id: &RequestId = extensions.get().expect("each request has one");
        let knock: &Knock = extensions.get().expect("a listener says who knocked");
        Some(Act {
            who: principal.name.clone(),
            what: format!("{} {}", route.method, route.path),
            target: request.uri().to_string(),
            from: knock.peer.to_string(),
            request: request_id.as_str().to_owned(),
        })
    }

    /// Writes it down; its number.
    async fn begin(&self, act: Option<Act>) -> Result<Option<u64>, Refusal> {
        match (&self.witness, act) {
            (Some(witness), Some(act)) => witness.begin(act).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Writes down what came of it.
    async fn end(&self, act: u64, answer: &mut Response) {
        let Some(witness) = &self.witness else { return };
        let detail = answer.extensions_mut().remove().map_or_else(String::new, |Changed(detail)| detail);
        let refusal = answer.extensions().get::<Refusal>().map(|refusal| refusal.code.to_owned());
        let outcome = Outcome { status: answer.status().as_u16(), detail: refusal.unwrap_or(detail) };
        witness.end(act, outcome).await;
    }

    /// Whether whoever asks may ask once more, `now` since the gate was made.
    fn pace(&self, principal: Option<&Principal>, knock: Knock, now: Duration) -> Result<(), Refusal> {
        let key = match principal {
            Some(principal) if !principal.is_anonymous() => format!("name {}", principal.name),
            _ => format!("address {}", knock.peer.ip()),
        };
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(key, self.limits.requests, 1, now).map_err(Refusal::too_fast)
    }

    /// Gives the answer its id, and a refusal its shape; counts both.
    fn finish(&self, mut answer: Response, id: &RequestId) -> Response {
        let refusal = answer.extensions_mut().remove::<Refusal>().or_else(|| unnamed(&answer));
        traced::end(answer.status(), refusal.as_ref());
        if let Some(refusal) = refusal {
            self.counts.refuse(self.listener, refusal.code);
            refusal.put(&mut answer, id);
        }
        self.counts.answer(self.listener, answer.status());
        answer.headers_mut().insert(request_id::HEADER, id.header());
        answer
    }
}

fn check_role(need: Need, principal: &Principal) -> Result<(), Refusal> {
    match need {
        Need::AnyRole if principal.roles.is_empty() => Err(Refusal::forbidden("this needs a role")),
        Need::Role(role) | Need::Command(role) if !principal.has(role) => {
            Err(Refusal::forbidden(format!("this needs the role {}", role.name())))
        }
        Need::Nothing | Need::Authenticated | Need::AnyRole | Need::Role(_) | Need::Command(_) => Ok(()),
    }
}

/// An extractor refuses in plain text.
fn unnamed(answer: &Response) -> Option<Refusal> {
    let status = answer.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    let is_text =
        answer.headers().get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    (is_failure && is_text).then(|| Refusal::unnamed(status))
}

/// Around the whole router.
pub(crate) async fn frame(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let span = traced::begin(gate.listener, &request, &id);
    let answering = async {
        let answer = match gate.check_head(&request) {
            Ok(()) => {
                request.extensions_mut().insert(id.clone());
                next.run(request).await
            }
            Err(refusal) => refusal.into_response(),
        };
        gate.finish(answer, &id)
    };
    answering.instrument(span).await
}

/// Around one handler.
pub(crate) async fn admit(State(post): State<Post>, request: Request, next: Next) -> Response {
    traced::on_route(post.route.path);
    let (request, _hold) = match post.gate.pass(&post.route, request).await {
        Ok(passed) => passed,
        Err(refusal) => return refusal.into_response(),
    };
    let act = post.gate.act(&post.route, &request);
    match post.gate.begin(act).await {
        Ok(None) => next.run(request).await,
        Ok(Some(act)) => {
            let mut answer = next.run(request).await;
            post.gate.end(act, &mut answer).await;
            answer
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether a page of another site may have made the request. A browser says which page did, by its origin or by how near it is (Fetch
/// Metadata). What goes along by itself has to come with that; who shows nothing is a program, unless it comes with another page's.
fn may_be_foreign(shown: &Shown, headers: &HeaderMap) -> bool {
    match (shown, is_from_here(headers)) {
        (Shown::Session(_), said) => said != Some(true),
        (Shown::Nothing, said) => said == Some(false),
        (Shown::Token(_) | Shown::Secret { .. }, _) => false,
    }
}

/// What a browser says of it; nothing where it is no browser, or an old one.
fn is_from_here(headers: &HeaderMap) -> Option<bool> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text(ORIGIN) {
        Some(origin) => {
            let at = origin.split_once("://").map(|(_, at)| at);
            Some(at.is_some() && at == text(HOST))
        }
        // `none` is no page: somebody typed the address.
        None => text(SEC_FETCH_SITE).filter(|site| *site != "none").map(|site| site == "same-origin"),
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("listener", &self.listener).field("limits", &self.limits).finish()
    }
}
