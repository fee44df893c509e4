//! What an admin does with the keys of memos: deletes one, puts all under a new one. None of it shows a memo or a key.

use super::{Desk, may_read, status};
use crate::memos::{MemoError, Subject};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::sync::Arc;
use tidegate_kernel_plug::{Changed, Principal, Refusal, Role};

pub(super) async fn shred(
    State(desk): State<Arc<Desk>>,
    Path(subject): Path<String>,
) -> Result<Response, Refusal> {
    let (memos, name) = (desk.memos.clone(), subject.clone());
    let was_there = blocking(move || memos.shred(&name)).await?;
    let changed = if was_there { format!("memos of {subject}: readable -> shredded") } else { String::new() };
    let status = if was_there { "shredded" } else { "known" };
    Ok((Extension(Changed(changed)), Json(json!({"status": status, "subject": subject}))).into_response())
}

pub(super) async fn rotate(State(desk): State<Arc<Desk>>) -> Result<Response, Refusal> {
    let memos = desk.memos.clone();
    let version = blocking(move || memos.rotate()).await?;
    let changed = Changed(format!("outer key of memos: {} -> {version}", version - 1));
    Ok((Extension(changed), Json(json!({"version": version}))).into_response())
}

pub(super) async fn subject(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Arc<Principal>>,
    Path(subject): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !who.has(Role::Admin) {
        may_read(&who)?;
    }
    let state = match desk.memos.subject(&subject).map_err(|error| refusal(&error))? {
        Subject::Kept => "kept",
        Subject::Shredded => "shredded",
    };
    Ok(Json(json!({"subject": subject, "state": state})))
}

/// Writes files, so not on a thread that serves.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, MemoError> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(act).await;
    let panicked = |_| MemoError::Keys { path: "memos".into(), why: "the act panicked".to_owned() };
    done.map_err(panicked).and_then(|done| done).map_err(|error| refusal(&error))
}

fn refusal(error: &MemoError) -> Refusal {
    Refusal::new(status(error), error.code(), error.to_string(), error.hint())
}
