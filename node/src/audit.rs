//! Administrative acts as events in the journal `books`, where nothing is ever given up: who, what, when, from where, by which request,
//! and what came of it.
//!
//! An act is synced before it is done, so there is none without its event; how it ended is a second event behind it. An act that
//! cannot be written down is refused. Reads the wall clock for ids.
//!
//! ```text
//! stream 10, version 1; a text is its length u16 and UTF-8
//!  1 act       who, what, target, from, request: texts
//!  2 outcome   act u64 (its number), status u16, detail text
//!  3 write     a value for a device, by its own id: who, device, tag, value, from, request: texts
//!  4 written   write u64 (its number), fate u8, code, message, value, before, after: texts
//! ```

mod checking;
mod config;
mod keys;
mod leaving;
mod log;
mod pair;
mod proofs;
mod stopped;
mod trees;
mod witnessing;
mod writes;

pub(crate) use checking::tell_proof;
pub(crate) use config::{Config, SECTION};
pub(crate) use leaving::Leaving;
pub(crate) use log::{FOLDER, Log};
pub(crate) use stopped::Stopped;
pub(crate) use trees::Trees;
pub(crate) use witnessing::routes as witness_routes;
pub(crate) use writes::{Begun, WriteAct, WriteEnd};

use crate::asking::ask;
use crate::banner::say;
use crate::cli::{Asked, Audit as Command};
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_journal::{Entry, Id, Journal, Level, ReadLimit, Record, Refusal as NotTaken, Unknown};
use tidegate_kernel_plug::{Act, Need, Outcome, Refusal, Role, Route, Routes, Witness, Witnessing};
use tidegate_kernel_trace::within;

/// The stream in `books`.
pub(crate) const AUDIT: u16 = 10;
const ACT: u16 = 1;
const OUTCOME: u16 = 2;
const VERSION: u8 = 1;
/// Bytes of one text of an event; what is longer is cut.
const TEXT_BYTES_MAX: usize = 4096;
/// Acts in one page, and records looked at for it: outcomes come right behind their acts.
const PAGE_MAX: usize = 200;
const LOOKED_AT_MAX: usize = 3 * PAGE_MAX;

/// Writes acts down and reads them back.
#[derive(Debug, Clone)]
pub(crate) struct Audit(Journal);

/// An act as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Event {
    seq: u64,
    id: String,
    at_ms: u64,
    who: String,
    what: String,
    target: String,
    from: String,
    request_id: String,
    /// How it ended, as a status of HTTP; nothing where the node ended before.
    status: Option<u16>,
    /// What changed, each before and after.
    detail: String,
}

#[derive(Debug, Serialize)]
struct Page {
    events: Vec<Event>,
    /// Where the next page begins.
    after: u64,
}

impl Audit {
    pub(crate) fn new(books: Journal) -> Audit {
        Audit(books)
    }

    /// Writes an act down that comes over no request, with what came of it.
    pub(crate) async fn note(&self, act: Act, outcome: Outcome) {
        match self.begin(act).await {
            Ok(number) => self.end(number, outcome).await,
            Err(refusal) => {
                tracing::error!(code = refusal.code, "an administrative act was not written down")
            }
        }
    }

    async fn append(&self, kind: u16, payload: Vec<u8>) -> Result<u64, Refusal> {
        let entry = Entry { id: Id::v7(wall_ms()), ..entry(kind, &payload) };
        let ticket = self.0.append(entry).map_err(|refusal| unwritten(&refusal.to_string()))?;
        let synced = ticket.reached(Level::Disk).await;
        synced.map_err(|Unknown| unwritten(&NotTaken::Stopped.to_string()))?;
        Ok(ticket.seq())
    }

    /// Reads the disk.
    fn page(&self, after: u64) -> Result<Page, tidegate_kernel_journal::ReadError> {
        let limit = ReadLimit { records: LOOKED_AT_MAX, bytes: 4 << 20 };
        let (records, through) = self.0.read(AUDIT, after, limit)?;
        let mut events: BTreeMap<u64, Event> = BTreeMap::new();
        for record in &records {
            match record.head.kind {
                ACT => events.extend(event(record).map(|event| (event.seq, event))),
                OUTCOME => put_outcome(&mut events, record),
                writes::WRITE => events.extend(writes::event(record).map(|event| (event.seq, event))),
                writes::WRITTEN => writes::put_end(&mut events, record),
                _ => {}
            }
        }
        let is_cut = events.len() > PAGE_MAX;
        let events: Vec<_> = events.into_values().take(PAGE_MAX).collect();
        let after = events.last().filter(|_| is_cut).map_or(through, |last| last.seq);
        Ok(Page { events, after })
    }
}

impl Witness for Audit {
    fn begin(&self, act: Act) -> Witnessing<'_, Result<u64, Refusal>> {
        let texts = [&act.who, &act.what, &act.target, &act.from, &act.request];
        let mut payload = Vec::new();
        texts.into_iter().for_each(|text| put_text(text, &mut payload));
        Box::pin(self.append(ACT, payload))
    }

    fn end(&self, act: u64, outcome: Outcome) -> Witnessing<'_, ()> {
        let mut payload = act.to_le_bytes().to_vec();
        payload.extend_from_slice(&outcome.status.to_le_bytes());
        put_text(&outcome.detail, &mut payload);
        Box::pin(async move {
            if let Err(refusal) = self.append(OUTCOME, payload).await {
                tracing::error!(
                    code = refusal.code,
                    act,
                    "what came of an administrative act was not written down"
                );
            }
        })
    }
}

/// Without an id.
fn entry(kind: u16, payload: &[u8]) -> Entry<'_> {
    Entry { stream: AUDIT, kind, version: VERSION, critical: true, payload, ..Entry::default() }
}

fn unwritten(why: &str) -> Refusal {
    let hint = "look at /readyz and at the disk under the data folder; nothing is administered that is not written down";
    let message = format!("the act could not be written down: {why}");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "TG-ID-021", message, hint)
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_at_checked(2)?;
    let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

/// Who, what, target, from where, by which request.
fn texts(mut payload: &[u8]) -> Option<[String; 5]> {
    let mut text = || take_text(&mut payload);
    Some([text()?, text()?, text()?, text()?, text()?])
}

fn event(record: &Record) -> Option<Event> {
    let payload = (record.head.version == VERSION).then_some(&record.payload[..])?;
    let [who, what, target, from, request_id] = texts(payload)?;
    let (seq, id, at_ms) = (record.head.seq, record.head.id.to_string(), record.head.stamp_ms);
    Some(Event { seq, id, at_ms, who, what, target, from, request_id, status: None, detail: String::new() })
}

/// Number of the act, status, detail.
fn outcome(payload: &[u8]) -> Option<(u64, u16, String)> {
    let (act, rest) = payload.split_at_checked(8)?;
    let (status, mut rest) = rest.split_at_checked(2)?;
    let detail = take_text(&mut rest)?;
    let (act, status) = (act.try_into().ok()?, status.try_into().ok()?);
    Some((u64::from_le_bytes(act), u16::from_le_bytes(status), detail))
}

fn put_outcome(events: &mut BTreeMap<u64, Event>, record: &Record) {
    if let Some((act, status, detail)) = outcome(&record.payload)
        && let Some(event) = events.get_mut(&act)
    {
        (event.status, event.detail) = (Some(status), detail);
    }
}

pub(crate) fn routes(audit: Audit, trees: Arc<Trees>) -> Routes {
    let need = Need::Role(Role::Auditor);
    let acts = Route::get("/api/v1/audit", need, "Administrative acts, oldest first.");
    Routes::new().with(acts, list, audit).and(proofs::routes(trees))
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn list(State(audit): State<Audit>, Query(After { after }): Query<After>) -> Response {
    // Reads the disk, so not on a thread that serves.
    match tokio::task::spawn_blocking(within(move || audit.page(after))).await {
        Ok(Ok(page)) => Json(page).into_response(),
        Ok(Err(error)) => {
            let hint = "look at the disk under the data folder";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.to_string(), hint)
                .into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `tidegate audit`: asks the running node, but for checking a proof, which asks nobody.
pub(crate) fn tell(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List { after, node } => tell_acts(*after, node),
        Command::Keys { node } => checking::tell_keys(node),
        Command::Proof { id, tree, node } => tell_proof("audit", id, tree, node),
        Command::CheckProof { file, key, json } => checking::check(file, key, *json),
    }
}

fn tell_acts(after: u64, node: &Asked) -> Result<ExitCode, Failure> {
    let page = ask(&node.node, "GET", &format!("/api/v1/audit?after={after}"))?;
    say(&if node.json { format!("{page}\n") } else { in_words(&page) });
    Ok(ExitCode::SUCCESS)
}

fn in_words(page: &Value) -> String {
    let mut out = String::new();
    for event in page["events"].as_array().into_iter().flatten() {
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        let status =
            event["status"].as_u64().map_or_else(|| "unfinished".to_owned(), |status| status.to_string());
        let _ = writeln!(
            out,
            "{}  {} ms  {}  {} {}  {status}  from {}  request {}  {}",
            event["seq"],
            event["at_ms"],
            text("who"),
            text("what"),
            text("target"),
            text("from"),
            text("request_id"),
            text("detail")
        );
    }
    let _ = writeln!(out, "go on with --after {}", page["after"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;
    use tidegate_kernel_journal::DataFolder;

    fn act(who: &str, what: &str) -> Act {
        let [who, what, target, from, request] =
            [who, what, "target", "10.0.0.9:4000", "r-1"].map(str::to_owned);
        Act { who, what, target, from, request }
    }

    #[tokio::test]
    async fn acts_are_read_back_with_what_came_of_them_and_outlive_the_process() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let first = audit.begin(act("ada", "POST /-/reload")).await.unwrap();
        audit.begin(act("bob", "POST /x")).await.unwrap();
        audit.end(first, Outcome { status: 200, detail: "a: 1 -> 2".to_owned() }).await;
        folder.close();
        let folder = DataFolder::open(dir.path()).unwrap();
        let page = Audit::new(folder.books().clone()).page(0).unwrap();
        let told: Vec<_> = page.events.iter().map(|event| (event.who.as_str(), event.status)).collect();
        assert_eq!(told, [("ada", Some(200)), ("bob", None)]);
        assert_eq!(
            (page.events[0].detail.as_str(), page.events[0].from.as_str()),
            ("a: 1 -> 2", "10.0.0.9:4000")
        );
        assert!(Audit::new(folder.books().clone()).page(page.after).unwrap().events.is_empty());
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_a_long_text_is_cut() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        let long = "ä".repeat(TEXT_BYTES_MAX);
        for _ in 0..PAGE_MAX + 10 {
            audit.begin(act(&long, "POST /x")).await.unwrap();
        }
        let first = audit.page(0).unwrap();
        let second = audit.page(first.after).unwrap();
        assert_eq!((first.events.len(), second.events.len()), (PAGE_MAX, 10));
        assert_eq!(first.events[0].who.len(), TEXT_BYTES_MAX);
    }

    #[tokio::test]
    async fn an_act_that_cannot_be_written_down_is_refused() {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let audit = Audit::new(folder.books().clone());
        folder.close();
        assert_eq!(audit.begin(act("ada", "POST /x")).await.unwrap_err().code, "TG-ID-021");
    }
}
