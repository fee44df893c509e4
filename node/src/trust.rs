//! Certificates of OPC UA servers and clients: the routes of the management listener, and `tidegate ingest opcua trust`, which asks them.
//!
//! Files are looked at and moved on threads that may block.

use crate::asking::ask;
use crate::browse;
use crate::cli::{Opcua, TrustList};
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_driver_opcua::{Certificate, Trust};
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};
use tokio::task::spawn_blocking;

/// In the data folder.
pub(crate) const FOLDER: &str = "opcua";
const PATH: &str = "/api/v1/ingest/opcua/trust";
const ACCEPT: &str = "/api/v1/ingest/opcua/trust/{thumbprint}/accept";
const REJECT: &str = "/api/v1/ingest/opcua/trust/{thumbprint}/reject";

pub(crate) fn routes(trust: &Arc<Trust>) -> Routes {
    let (operator, list_of) =
        (Need::Role(Role::Operator), "Certificates of OPC UA servers and clients, trusted or not.");
    let accept_one =
        Route::post(ACCEPT, operator, "The server or client that shows this certificate is trusted.");
    let reject_one = Route::post(REJECT, operator, "It is trusted no more.");
    Routes::new()
        .with(Route::get(PATH, operator, list_of), list, trust.clone())
        .with(accept_one, accept, trust.clone())
        .with(reject_one, reject, trust.clone())
}

async fn list(State(trust): State<Arc<Trust>>) -> Result<Json<Value>, Refusal> {
    let known = beside(move || trust.list()).await?;
    Ok(Json(json!({ "certificates": known.iter().map(shown).collect::<Vec<_>>() })))
}

async fn accept(
    State(trust): State<Arc<Trust>>,
    Path(thumbprint): Path<String>,
) -> Result<Json<Value>, Refusal> {
    beside(move || trust.accept(&thumbprint)).await.and_then(set)
}

async fn reject(
    State(trust): State<Arc<Trust>>,
    Path(thumbprint): Path<String>,
) -> Result<Json<Value>, Refusal> {
    beside(move || trust.reject(&thumbprint)).await.and_then(set)
}

fn set(known: Option<Certificate>) -> Result<Json<Value>, Refusal> {
    let hint = "tidegate ingest opcua trust list says which there are; one is there once its server was connected to, or its client has connected";
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "TG-UA-018", "no such certificate is known", hint);
    known.map(|known| Json(shown(&known))).ok_or_else(missing)
}

fn shown(known: &Certificate) -> Value {
    json!({
        "thumbprint": known.thumbprint,
        "subject": known.subject,
        "standing": known.standing.name(),
        "not_after_s": known.not_after_s,
    })
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let failed = |error: String| {
        let hint = "look at the folder opcua in the data folder";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "TG-UA-015", error, hint)
    };
    let done = spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(format!("the folder of certificates: {error}")))
}

pub(crate) fn run(command: &Opcua) -> Result<ExitCode, Failure> {
    let command = match command {
        Opcua::Trust(command) => command,
        Opcua::Browse(command) => return browse::run(command),
    };
    let (node, answer) = match command {
        TrustList::List(node) => (node, ask(&node.node, "GET", PATH)?),
        TrustList::Accept { thumbprint, node } => (node, set_one(&node.node, thumbprint, "accept")?),
        TrustList::Reject { thumbprint, node } => (node, set_one(&node.node, thumbprint, "reject")?),
    };
    let text = if node.json { format!("{answer}\n") } else { words(&answer) };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn set_one(node: &crate::cli::Running, thumbprint: &str, what: &str) -> Result<Value, Failure> {
    let digits: String = thumbprint.chars().filter(char::is_ascii_hexdigit).collect();
    ask(node, "POST", &format!("{PATH}/{digits}/{what}"))
}

/// A list, or the one that was set.
fn words(answer: &Value) -> String {
    let alone = std::slice::from_ref(answer);
    let all = answer["certificates"].as_array().map_or(alone, Vec::as_slice);
    let mut out = String::new();
    for known in all {
        let text = |key: &str| known[key].as_str().unwrap_or_default();
        writeln!(out, "{}  {:<8}  {}", text("thumbprint"), text("standing"), text("subject"))
            .expect("writing to a string does not fail");
    }
    if all.is_empty() { "nobody has shown a certificate yet\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_line_for_each_and_one_alone_is_a_line() {
        let one =
            json!({ "thumbprint": "ab12", "standing": "trusted", "subject": "CN=press", "not_after_s": 1 });
        assert_eq!(words(&one), "ab12  trusted   CN=press\n");
        assert_eq!(words(&json!({ "certificates": [one, one] })).lines().count(), 2);
        assert_eq!(words(&json!({ "certificates": [] })), "nobody has shown a certificate yet\n");
    }
}
