//! Dead letters: the routes of the management listener, and `tidegate ingest dead-letters`, which asks them.

use crate::asking::{ask, ask_with};
use crate::cli::{DeadLetters, Picked};
use crate::failure::Failure;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use tidegate_kernel_outbound::query;
use tidegate_kernel_plug::{Need, Refusal, Role, Route, Routes};
use tidegate_service_ingest::{DeadLetter, Ingest, Pick, Replayed};

const PATH: &str = "/api/v1/ingest/dead-letters";
const ONE: &str = "/api/v1/ingest/dead-letters/{letter}";
const REPLAY: &str = "/api/v1/ingest/dead-letters/replay";
/// Letters in one answer.
const LISTED_MAX: usize = 10_000;
const ORDER_BYTES_MAX: usize = 4096;

#[derive(Debug, Serialize)]
struct Listed {
    letters: Vec<DeadLetter>,
}

/// What to replay, and whether only to say so.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Order {
    sink: Option<String>,
    reason: Option<String>,
    letter: Option<String>,
    dry_run: bool,
}

pub(crate) fn routes(ingest: Arc<Ingest>) -> Routes {
    let operator = Need::Role(Role::Operator);
    let replay = Route {
        method: Method::POST,
        path: REPLAY,
        need: operator,
        body_bytes_max: ORDER_BYTES_MAX,
        purpose: "Puts refused readings on their way again.",
    };
    Routes::new()
        .with(Route::get(PATH, operator, "Readings that a sink refused for good."), list, ingest.clone())
        .with(Route::get(ONE, operator, "One of them with its reading."), show, ingest.clone())
        .with(replay, again, ingest)
}

async fn list(State(ingest): State<Arc<Ingest>>, Query(pick): Query<Pick>) -> Json<Listed> {
    Json(Listed { letters: ingest.dead_letters(&pick, LISTED_MAX) })
}

async fn show(
    State(ingest): State<Arc<Ingest>>,
    Path(letter): Path<String>,
) -> Result<Json<DeadLetter>, Refusal> {
    let hint = "ask for the list; a letter that was replayed is no longer there";
    let missing =
        || Refusal::new(StatusCode::NOT_FOUND, "TG-IN-022", "there is no dead letter of this id", hint);
    ingest.dead_letter(&letter).map(Json).ok_or_else(missing)
}

async fn again(State(ingest): State<Arc<Ingest>>, Json(order): Json<Order>) -> Json<Replayed> {
    let Order { sink, reason, letter, dry_run } = order;
    Json(ingest.replay(&Pick { sink, reason, letter, ..Pick::default() }, dry_run))
}

pub(crate) fn run(command: &DeadLetters) -> Result<ExitCode, Failure> {
    let (node, answer, words): (_, _, fn(&Value) -> String) = match command {
        DeadLetters::List { pick, node } => {
            (node, ask(&node.node, "GET", &format!("{PATH}{}", parameters(pick)))?, listed)
        }
        DeadLetters::Show { letter, node } => {
            let plain: String =
                letter.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
            (node, ask(&node.node, "GET", &format!("{PATH}/{plain}"))?, shown)
        }
        DeadLetters::Replay { pick, letter, dry_run, node } => {
            let order =
                json!({ "sink": pick.sink, "reason": pick.reason, "letter": letter, "dry_run": dry_run });
            (node, ask_with(&node.node, "POST", REPLAY, &order.to_string())?, replayed)
        }
    };
    let text = if node.json { format!("{answer}\n") } else { words(&answer) };
    // A reader that stops reading has what it wanted.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn parameters(pick: &Picked) -> String {
    let given = [("sink", &pick.sink), ("reason", &pick.reason)];
    let given: Vec<_> = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
    query(&given)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

const WRITES: &str = "writing to a string does not fail";

fn listed(answer: &Value) -> String {
    let letters = answer["letters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut out = String::new();
    for letter in letters {
        let (id, sink, code, reason) =
            (text(letter, "letter"), text(letter, "sink"), text(letter, "code"), text(letter, "reason"));
        writeln!(out, "{id}  {sink:<12}  {code}  {reason}").expect(WRITES);
    }
    writeln!(out, "{} dead letters", letters.len()).expect(WRITES);
    out
}

fn shown(letter: &Value) -> String {
    let mut out = String::new();
    for key in
        ["letter", "sink", "code", "reason", "id", "seq", "stamp_ms", "critical", "bytes", "topic", "payload"]
    {
        match &letter[key] {
            Value::Null => {}
            Value::String(text) => writeln!(out, "{key:<9} {text}").expect(WRITES),
            other => writeln!(out, "{key:<9} {other}").expect(WRITES),
        }
    }
    if letter["can_be_replayed"] == false {
        out.push_str("its payload was too long to be kept, so it cannot be replayed\n");
    }
    out
}

fn replayed(answer: &Value) -> String {
    let (mut out, verb) = (String::new(), if answer["dry_run"] == true { "would be" } else { "are" });
    let counts = |key: &str| answer[key].as_object().cloned().unwrap_or_default();
    for (sink, count) in counts("replayed") {
        writeln!(out, "{count} readings {verb} on their way to {sink} again").expect(WRITES);
    }
    for (sink, count) in counts("without_sink") {
        writeln!(out, "{count} stay: there is no sink {sink}").expect(WRITES);
    }
    for (key, why) in
        [("cut", "they were too long to be kept whole"), ("left", "the journal takes no more for now")]
    {
        if let Some(count) = answer[key].as_u64().filter(|count| *count > 0) {
            writeln!(out, "{count} stay: {why}").expect(WRITES);
        }
    }
    if out.is_empty() { "no dead letter fits\n".to_owned() } else { out }
}
