//! Logging in and out with a name and a password, for the console: `POST` and `DELETE /api/v1/session`, `GET /api/v1/whoami`.
//!
//! A password costs some tens of milliseconds of work, which is done one at a time on a thread of its own. The session is a cookie that no
//! script reads and no other site sends.

use crate::audit::Audit;
use crate::http::Secured;
use crate::identity::{Identity, Login, LoginRefused, Opened};
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, body::Bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidegate_kernel_plug::{
    Act, Knock, Need, Outcome, Principal, Refusal, RequestId, Route, Routes, SESSION_COOKIE, Scope,
    session_of,
};

const PATH: &str = "/api/v1/session";
/// A name, a password, and JSON around them.
const BODY_BYTES_MAX: usize = 2048;

#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) identity: Arc<Identity>,
    pub(crate) audit: Audit,
    /// Of the node's key.
    pub(crate) fingerprint: Arc<str>,
}

pub(crate) fn routes(desk: Desk) -> Routes {
    let route =
        |method, need, body_bytes_max, purpose| Route { method, path: PATH, need, body_bytes_max, purpose };
    Routes::new()
        .with(route(Method::POST, Need::Nothing, BODY_BYTES_MAX, "Begins a session."), begin, desk.clone())
        .with(route(Method::DELETE, Need::Authenticated, 0, "Ends it."), end, desk.clone())
        .with(Route::get("/api/v1/whoami", Need::Authenticated, "Who is asking, and whom."), whoami, desk)
}

#[derive(Deserialize)]
struct Shown {
    name: String,
    password: String,
}

async fn begin(
    State(desk): State<Desk>,
    Extension(knock): Extension<Knock>,
    Extension(request): Extension<RequestId>,
    Extension(Secured(is_secured)): Extension<Secured>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Shown { name, password } = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let login = Login { name: name.clone(), password, knock };
    let Opened { cookie, principal, life } = desk.identity.clone().log_in(login).await.map_err(refused)?;
    let act = Act {
        who: principal.name.clone(),
        what: format!("POST {PATH}"),
        target: String::new(),
        from: knock.peer.to_string(),
        request: request.as_str().to_owned(),
    };
    desk.audit.note(act, Outcome { status: 200, detail: String::new() }).await;
    let secure = if is_secured { "; Secure" } else { "" };
    let cookie = format!(
        "{SESSION_COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        life.as_secs()
    );
    Ok(([(SET_COOKIE, cookie)], Json(told(&principal, &desk))).into_response())
}

async fn end(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    if let Some(cookie) = session_of(&headers) {
        desk.identity.log_out(cookie);
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response()
}

async fn whoami(State(desk): State<Desk>, Extension(principal): Extension<Arc<Principal>>) -> Json<Value> {
    Json(told(&principal, &desk))
}

fn told(principal: &Principal, desk: &Desk) -> Value {
    json!({
        "name": principal.name,
        "kind": principal.kind.name(),
        "roles": principal.roles.iter().map(|role| role.name()).collect::<Vec<_>>(),
        "scopes": principal.scopes.iter().map(Scope::to_string).collect::<Vec<_>>(),
        "node": &*desk.fingerprint,
    })
}

fn unreadable() -> Refusal {
    let hint = "send {\"name\": ..., \"password\": ...} as JSON";
    Refusal::new(StatusCode::BAD_REQUEST, "TG-HT-007", "the body is no name with a password", hint)
}

fn refused(why: LoginRefused) -> Refusal {
    let status = match why {
        LoginRefused::Wrong => StatusCode::UNAUTHORIZED,
        LoginRefused::Locked { .. } => StatusCode::TOO_MANY_REQUESTS,
        LoginRefused::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let refusal = Refusal::new(status, why.code(), why.to_string(), why.hint());
    match why.wait() {
        Some(wait) => refusal.after(wait),
        None => refusal,
    }
}
