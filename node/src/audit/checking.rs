//! What an auditor asks of a node by commands, and what checks a proof with nobody's help.

use super::{ACT, AUDIT, OUTCOME, outcome, texts};
use crate::asking::ask;
use crate::banner::say;
use crate::cli::{Asked, Running};
use crate::failure::Failure;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tidegate_kernel_audit::{AuditError, Document, Entry, Proven, Verifier};
use tidegate_service_ledger::STREAM_MIN;
use tidegate_service_ledger::http::shown;

/// Bytes of a file with a proof: more than any that can be read.
const PROOF_BYTES_MAX: u64 = 2 << 20;

/// `tidegate audit keys`
pub(super) fn tell_keys(node: &Asked) -> Result<ExitCode, Failure> {
    let keys = ask(&node.node, "GET", "/api/v1/audit/keys")?;
    let lines = keys["keys"].as_array().into_iter().flatten().filter_map(|key| key["key"].as_str());
    say(&if node.json { format!("{keys}\n") } else { lines.map(|line| format!("{line}\n")).collect() });
    Ok(ExitCode::SUCCESS)
}

/// `tidegate audit proof` and `tidegate ledger proof`: of a tree below this address, as the node serves it.
pub(crate) fn tell_proof(log: &str, id: &str, tree: &str, node: &Running) -> Result<ExitCode, Failure> {
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let id = if is_plain { id } else { return Err(unread(&format!("{id:?} is no id and no number"))) };
    let answer = ask(node, "GET", &format!("/api/v1/{log}/{tree}/proof/{id}"))?;
    say(answer["proof"].as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}

/// `tidegate audit check-proof`
pub(super) fn check(file: &Path, key: &str, as_json: bool) -> Result<ExitCode, Failure> {
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
    let fact = proven.payload.as_deref().filter(|_| stream >= STREAM_MIN);
    if let Some(fact) = fact.and_then(|payload| shown(seq, payload)) {
        told["fact"] = fact;
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
    for (name, part) in [("act", &told["act"]), ("outcome", &told["outcome"]), ("fact", &told["fact"])] {
        for (key, value) in part.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.push_str(&format!("  {name} {key}: {value}\n"));
        }
    }
    out
}
