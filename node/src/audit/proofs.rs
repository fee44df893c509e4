//! What an auditor asks of the trees: keys, checkpoints, tiles, proofs; and what checks a proof with nobody's help.
//!
//! `/api/v1/audit/{tree}` is the prefix of a log as C2SP tlog-tiles has it.

use super::trees::FOLDER;
use super::{ACT, AUDIT, OUTCOME, Trees, outcome, texts};
use crate::asking::ask;
use crate::banner::say;
use crate::cli::{Asked, Running};
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path;
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_kernel_audit::{AuditError, Document, Entry, Profile, Proven, Resource, Tree, Verifier};
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
/// Bytes of a file with a proof: more than any that can be read.
const PROOF_BYTES_MAX: u64 = 2 << 20;

#[derive(Debug, Serialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Key {
    /// Or `witness`: what this node signs checkpoints of others with.
    tree: &'static str,
    /// Name, id and key, in one line.
    key: String,
}

#[derive(Debug, Serialize)]
struct Proof {
    tree: &'static str,
    /// As C2SP tlog-proof has it.
    proof: String,
}

pub(super) fn routes(trees: Arc<Trees>) -> Routes {
    let (anyone, auditor) = (Need::AnyRole, Need::Role(Role::Auditor));
    let get = Route::get;
    let proof = "The proof that a record is in a tree, with its content.";
    Routes::new()
        .with(get("/api/v1/audit/keys", anyone, "The keys of the audit trees."), keys, trees.clone())
        .with(
            get("/api/v1/audit/{tree}/checkpoint", anyone, "The last checkpoint."),
            checkpoint,
            trees.clone(),
        )
        .with(
            get("/api/v1/audit/{tree}/tile/{*tile}", anyone, "A tile or a bundle of entries."),
            tile,
            trees.clone(),
        )
        .with(get("/api/v1/audit/{tree}/proof/{id}", auditor, proof), prove, trees)
}

async fn keys(State(trees): State<Arc<Trees>>) -> Json<Keys> {
    let key = |profile: Profile| Key { tree: profile.name(), key: trees.tree(profile).key().to_string() };
    let witness = Key { tree: "witness", key: trees.witness_key().to_string() };
    Json(Keys { keys: Profile::ALL.into_iter().map(key).chain([witness]).collect() })
}

async fn checkpoint(State(trees): State<Arc<Trees>>, Path(tree): Path<String>) -> Result<Response, Refusal> {
    let note = reading(&trees, &tree, |tree| tree.checkpoint()?.ok_or(AuditError::NoCheckpoint)).await?;
    Ok(([(header::CONTENT_TYPE, TEXT)], note).into_response())
}

async fn tile(
    State(trees): State<Arc<Trees>>,
    Path((tree, tile)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let resource = Resource::parse(&format!("tile/{tile}")).ok_or_else(Refusal::no_route)?;
    let bytes = reading(&trees, &tree, move |tree| tree.resource(resource)).await?;
    let bytes = bytes.ok_or_else(Refusal::no_route)?;
    Ok(([(header::CONTENT_TYPE, BYTES)], bytes).into_response())
}

async fn prove(
    State(trees): State<Arc<Trees>>,
    Path((tree, id)): Path<(String, String)>,
) -> Result<Json<Proof>, Refusal> {
    let id: Id = id.parse().map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "TG-AU-004",
            format!("{id:?}: {error}"),
            "take it from `audit list --json`",
        )
    })?;
    let journal = trees.journal().clone();
    let proof = move |tree: Tree| {
        let Some(record) = journal.find(id)? else { return Ok(None) };
        let proof = tree.prove(record.head.seq)?;
        Ok(proof.map(|proof| proof.with_payload(&record.payload).to_string()))
    };
    let (name, proof) = (profile(&tree)?.name(), reading(&trees, &tree, proof).await?);
    let proof = proof.ok_or_else(|| refusal(&AuditError::NotInTree))?;
    Ok(Json(Proof { tree: name, proof }))
}

fn profile(tree: &str) -> Result<Profile, Refusal> {
    Profile::named(tree).ok_or_else(Refusal::no_route)
}

/// Reads the disk, so not on a thread that serves.
async fn reading<T: Send + 'static>(
    trees: &Trees,
    tree: &str,
    read: impl FnOnce(Tree) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, Refusal> {
    let tree = trees.tree(profile(tree)?).clone();
    let read = tokio::task::spawn_blocking(move || read(tree)).await;
    let read = read
        .unwrap_or_else(|panic| Err(AuditError::Io { path: FOLDER.into(), source: io::Error::other(panic) }));
    read.map_err(|error| refusal(&error))
}

fn refusal(error: &AuditError) -> Refusal {
    let status = match error {
        AuditError::NotInTree | AuditError::NoCheckpoint => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::new(status, error.code(), error.to_string(), error.hint())
}

/// `tidegate audit keys`
pub(super) fn tell_keys(node: &Asked) -> Result<ExitCode, Failure> {
    let keys = ask(&node.node, "GET", "/api/v1/audit/keys")?;
    let lines = keys["keys"].as_array().into_iter().flatten().filter_map(|key| key["key"].as_str());
    say(&if node.json { format!("{keys}\n") } else { lines.map(|line| format!("{line}\n")).collect() });
    Ok(ExitCode::SUCCESS)
}

/// `tidegate audit proof`
pub(super) fn tell_proof(id: &str, tree: &str, node: &Running) -> Result<ExitCode, Failure> {
    let id: Id = id.parse().map_err(|error| unread(&format!("{id:?}: {error}")))?;
    let answer = ask(node, "GET", &format!("/api/v1/audit/{tree}/proof/{id}"))?;
    say(answer["proof"].as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

/// `tidegate audit check-proof`
pub(super) fn check(file: &path::Path, key: &str, as_json: bool) -> Result<ExitCode, Failure> {
    let failed = |error: AuditError| Failure::new(error.code(), &error, error.hint());
    let unreadable = |error: io::Error| unread(&format!("{}: {error}", file.display()));
    let key: Verifier = key.parse().map_err(failed)?;
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > PROOF_BYTES_MAX {
        return Err(unread(&format!("{} has {length} bytes", file.display())));
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let proven = Document::parse(&text).and_then(|proof| proof.check(&key)).map_err(failed)?;
    let told = told(&proven);
    say(&if as_json { format!("{told}\n") } else { in_words(&told) });
    Ok(ExitCode::SUCCESS)
}

fn unread(message: &str) -> Failure {
    Failure::message("TG-AU-004", message.to_owned(), "give the file that `tidegate audit proof` printed")
}

fn told(proven: &Proven) -> Value {
    let Entry { stream, kind, seq, stamp_ms, id, .. } = proven.entry;
    let mut told = json!({
        "log": proven.checkpoint.origin,
        "size": proven.checkpoint.size,
        "index": proven.index,
        "seq": seq,
        "id": id.to_string(),
        "at_ms": stamp_ms,
    });
    let payload = proven.payload.as_deref().filter(|_| stream == AUDIT);
    if let Some([who, what, target, from, request]) = payload.filter(|_| kind == ACT).and_then(texts) {
        told["act"] =
            json!({ "who": who, "what": what, "target": target, "from": from, "request_id": request });
    }
    if let Some((act, status, detail)) = payload.filter(|_| kind == OUTCOME).and_then(outcome) {
        told["outcome"] = json!({ "act": act, "status": status, "detail": detail });
    }
    told
}

fn in_words(told: &Value) -> String {
    let mut out = format!(
        "the proof holds: entry {} of {} in {}\n  record {}  id {}  {} ms\n",
        told["index"],
        told["size"],
        told["log"].as_str().unwrap_or_default(),
        told["seq"],
        told["id"].as_str().unwrap_or_default(),
        told["at_ms"]
    );
    for (name, part) in [("act", &told["act"]), ("outcome", &told["outcome"])] {
        for (key, value) in part.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.push_str(&format!("  {name} {key}: {value}\n"));
        }
    }
    out
}
