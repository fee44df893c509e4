//! What an auditor asks of the trees: keys, checkpoints, tiles, proofs.
//!
//! `/api/v1/audit/{tree}`, and for a book `/api/v1/ledger/{book}/{tree}`, is the prefix of a log as C2SP tlog-tiles has it.

use super::Trees;
use super::log::FOLDER;
use super::pair::Pair;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use tidegate_kernel_audit::{AuditError, Document, Profile, Resource, Tree};
use tidegate_kernel_journal::{Id, Record};
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

#[derive(Debug, Serialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Key {
    /// Behind the origin; or `witness`: what this node signs checkpoints of others with.
    tree: String,
    /// Name, id and key, in one line.
    key: String,
}

#[derive(Debug, Serialize)]
struct Proof {
    tree: String,
    /// As C2SP tlog-proof has it.
    proof: String,
}

pub(super) fn routes(trees: Arc<Trees>) -> Routes {
    let (anyone, auditor) = (Need::AnyRole, Need::Role(Role::Auditor));
    let get = Route::get;
    let proof = "The proof that a record is in a tree, with its content.";
    Routes::new()
        .with(get("/api/v1/audit/keys", anyone, "The keys of the audit trees."), keys, trees.clone())
        .with(get("/api/v1/audit/trees", anyone, "How far the audit trees are."), standings, trees.clone())
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
        .with(get("/api/v1/audit/{tree}/proof/{id}", auditor, proof), prove, trees.clone())
        .with(
            get("/api/v1/ledger/{book}/{tree}/checkpoint", anyone, "The last checkpoint of a book."),
            checkpoint,
            trees.clone(),
        )
        .with(
            get("/api/v1/ledger/{book}/{tree}/tile/{*tile}", anyone, "A tile or a bundle of a book."),
            tile,
            trees.clone(),
        )
        .with(get("/api/v1/ledger/{book}/{tree}/proof/{id}", auditor, proof), prove, trees)
}

/// Which tree is asked for, and what of it.
#[derive(Debug, Deserialize)]
struct Asking {
    /// Nothing for that over acts.
    book: Option<String>,
    tree: String,
    #[serde(default)]
    tile: String,
    #[serde(default)]
    id: String,
}

impl Asking {
    fn tree_of(&self, trees: &Trees) -> Result<Asked, Refusal> {
        let pair = trees.pair(self.book.as_deref()).ok_or_else(Refusal::no_route)?;
        let profile = Profile::named(&self.tree).ok_or_else(Refusal::no_route)?;
        Ok(Asked { tree: pair.tree(profile).clone(), pair: pair.clone() })
    }
}

/// A tree, and where its records are.
struct Asked {
    tree: Tree,
    pair: Arc<Pair>,
}

async fn keys(State(trees): State<Arc<Trees>>) -> Json<Keys> {
    let witness = Key { tree: "witness".to_owned(), key: trees.witness_key().to_string() };
    let keys = trees.all().map(|(name, tree)| Key { tree: name, key: tree.key().to_string() });
    Json(Keys { keys: keys.chain([witness]).collect() })
}

async fn standings(State(trees): State<Arc<Trees>>) -> Result<Json<Value>, Refusal> {
    let standings = reading(move || Ok(trees.standings())).await?;
    Ok(Json(json!({ "logs": standings })))
}

async fn checkpoint(
    State(trees): State<Arc<Trees>>,
    Path(asking): Path<Asking>,
) -> Result<Response, Refusal> {
    let asked = asking.tree_of(&trees)?;
    let note = reading(move || asked.tree.checkpoint()?.ok_or(AuditError::NoCheckpoint)).await?;
    Ok(([(header::CONTENT_TYPE, TEXT)], note).into_response())
}

async fn tile(State(trees): State<Arc<Trees>>, Path(asking): Path<Asking>) -> Result<Response, Refusal> {
    let (asked, path) = (asking.tree_of(&trees)?, format!("tile/{}", asking.tile));
    let resource = Resource::parse(&path).ok_or_else(Refusal::no_route)?;
    let bytes = reading(move || asked.tree.resource(resource)).await?;
    let bytes = bytes.ok_or_else(Refusal::no_route)?;
    Ok(([(header::CONTENT_TYPE, BYTES)], bytes).into_response())
}

async fn prove(State(trees): State<Arc<Trees>>, Path(asking): Path<Asking>) -> Result<Json<Proof>, Refusal> {
    let asked = asking.tree_of(&trees)?;
    let which: Which = asking.id.parse().map_err(|()| {
        let message = format!("{:?} is neither an id nor the number of a record", asking.id);
        let hint = "take it from what the order was answered with, or from `audit list --json`";
        Refusal::new(StatusCode::BAD_REQUEST, "TG-AU-004", message, hint)
    })?;
    let proof = reading(move || asked.prove(which)).await?;
    let proof = proof.ok_or_else(|| refusal(&AuditError::NotInTree))?;
    Ok(Json(Proof { tree: asking.tree, proof: proof.to_string() }))
}

/// Which record a proof is of.
#[derive(Debug, Clone, Copy)]
enum Which {
    Id(Id),
    Seq(u64),
}

impl FromStr for Which {
    type Err = ();

    fn from_str(text: &str) -> Result<Which, ()> {
        let id = text.parse().map(Which::Id);
        id.or_else(|_| text.parse().map(Which::Seq)).map_err(|_| ())
    }
}

impl Asked {
    /// Nothing if the tree has no such entry. What is handed out is as whoever is given it will find it.
    fn prove(&self, which: Which) -> Result<Option<Document>, AuditError> {
        let seq = match which {
            Which::Seq(seq) => Some(seq),
            Which::Id(id) => self.tree.find_id(id)?.map(|entry| entry.seq),
        };
        let Some(seq) = seq else { return Ok(None) };
        let Some(proof) = self.tree.prove(seq)? else { return Ok(None) };
        let Some(record) = self.record(seq)? else { return Ok(Some(proof)) };
        let proof = proof.with_payload(&record.payload);
        proof.check(self.tree.key()).map(|_| Some(proof))
    }

    fn record(&self, seq: u64) -> Result<Option<Record>, AuditError> {
        let Some(source) = self.pair.source() else { return Ok(None) };
        let (records, _) = source.read(seq.saturating_sub(1), 1)?;
        Ok(records.into_iter().find(|record| record.head.seq == seq && !record.head.flags.pruned))
    }
}

/// Reads the disk, so not on a thread that serves.
async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, Refusal> {
    let read = tokio::task::spawn_blocking(read).await;
    let read = read
        .unwrap_or_else(|panic| Err(AuditError::Io { path: FOLDER.into(), source: io::Error::other(panic) }));
    read.map_err(|error| refusal(&error))
}

fn refusal(error: &AuditError) -> Refusal {
    let status = match error {
        AuditError::NotInTree | AuditError::NoCheckpoint => StatusCode::NOT_FOUND,
        AuditError::Source { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::new(status, error.code(), error.to_string(), error.hint())
}
