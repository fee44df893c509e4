//! `POST /api/v1/ingest/devices/{device}/tags/{tag}`: one value for one tag, by an operator.

use super::{Command, Desk, Origin, WAIT_DEFAULT, answer};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::{Knock, Need, Principal, Refusal, RequestId, Role, Route, Routes};

/// A text, and JSON around it.
const BODY_BYTES_MAX: usize = 32 * 1024;
const WAIT_MS_MAX: u64 = 60_000;

pub(crate) fn routes(desk: &Arc<Desk>) -> Routes {
    let route = Route {
        method: Method::POST,
        path: "/api/v1/ingest/devices/{device}/tags/{tag}",
        need: Need::Command(Role::Operator),
        body_bytes_max: BODY_BYTES_MAX,
        purpose: "Writes a value to a device and reads it back.",
    };
    Routes::new().with(route, write, desk.clone())
}

/// The body of a request, or the payload of a message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    value: Value,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

/// What somebody asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) value: tidegate_service_ingest::Value,
    pub(crate) id: Option<Id>,
    pub(crate) wait: Duration,
}

impl Wish {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Wish, Refusal> {
        let asked: Asked = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        let none = "value is a number, true or false, or a text";
        let value = answer::value(&asked.value).ok_or_else(|| unreadable(none))?;
        let id = asked.id.map(|text| key(&text).ok_or_else(|| unreadable(format!("{text:?} is no UUIDv7"))));
        let wait = match asked.timeout_ms {
            None => WAIT_DEFAULT,
            Some(ms @ 1..=WAIT_MS_MAX) => Duration::from_millis(ms),
            Some(_) => return Err(unreadable(format!("timeout_ms is from 1 to {WAIT_MS_MAX}"))),
        };
        Ok(Wish { value, id: id.transpose()?, wait })
    }

    /// The same of a message, whose payload may be the value alone: `25.5`, `true`, or a text as it is.
    pub(crate) fn of_payload(payload: &[u8]) -> Result<Wish, Refusal> {
        let text = std::str::from_utf8(payload).map_err(unreadable)?;
        let value = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_)) => return Wish::parse(payload),
            Ok(json) => answer::value(&json).ok_or_else(|| unreadable("it is no value of a tag"))?,
            Err(_) => tidegate_service_ingest::Value::from(text),
        };
        Ok(Wish { value, id: None, wait: WAIT_DEFAULT })
    }
}

fn key(text: &str) -> Option<Id> {
    text.parse().ok().filter(|id: &Id| id.0[6] >> 4 == 7)
}

fn unreadable(why: impl std::fmt::Display) -> Refusal {
    let hint = "send {\"value\": 25.5}, with an id (a UUIDv7) where it may be sent again, and timeout_ms";
    Refusal::new(StatusCode::BAD_REQUEST, "TG-PL-052", format!("the command cannot be read: {why}"), hint)
}

async fn write(
    State(desk): State<Arc<Desk>>,
    Path((device, tag)): Path<(String, String)>,
    Extension(by): Extension<Arc<Principal>>,
    Extension(knock): Extension<Knock>,
    Extension(request): Extension<RequestId>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let Wish { value, id, wait } = Wish::parse(&body)?;
    let (who, from, request) = (by.name.clone(), knock.peer.to_string(), request.to_string());
    let command = Command { id, device, tag, value, wait, origin: Origin::Http, who, from, request };
    let answer = desk.give(command).await?;
    answer.refusal().map_or_else(|| Ok(Json(answer.json())), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service_ingest::Value as Written;

    #[test]
    fn a_wish_is_a_value_with_an_id_and_a_time_where_it_says_so() {
        let id = "019aaaac-267b-7000-8000-000000000001";
        let text = format!("{{\"value\": 25, \"id\": \"{id}\", \"timeout_ms\": 200}}");
        let wish = Wish::parse(text.as_bytes()).unwrap();
        assert_eq!((wish.value, wish.wait), (Written::Integer(25), Duration::from_millis(200)));
        assert_eq!(wish.id.unwrap().to_string(), id);
        let wish = Wish::parse(b"{\"value\": \"auto\"}").unwrap();
        assert_eq!((wish.value, wish.id, wish.wait), ("auto".into(), None, WAIT_DEFAULT));
    }

    #[test]
    fn a_message_may_be_the_value_alone() {
        let value = |payload: &[u8]| Wish::of_payload(payload).map(|wish| wish.value);
        assert_eq!(value(b"25.5"), Ok(Written::Real(25.5)));
        assert_eq!(value(b"true"), Ok(Written::Boolean(true)));
        assert_eq!(value(b"auto"), Ok("auto".into()));
        assert_eq!(value(b"{\"value\": 3}"), Ok(Written::Integer(3)));
        for broken in [&b"null"[..], b"[1]", b"{}", b"\xff"] {
            assert_eq!(value(broken).unwrap_err().code, "TG-PL-052", "{broken:?}");
        }
    }

    #[test]
    fn what_is_no_wish_is_refused_with_a_code() {
        for broken in [
            "",
            "25",
            "{}",
            "{\"value\": null}",
            "{\"value\": [1]}",
            "{\"value\": 1, \"id\": \"7\"}",
            "{\"value\": 1, \"timeout_ms\": 0}",
            "{\"value\": 1, \"timeout_ms\": 60001}",
            "{\"value\": 1, \"tag\": \"speed\"}",
            "{\"value\": 1e999}",
        ] {
            assert_eq!(Wish::parse(broken.as_bytes()).unwrap_err().code, "TG-PL-052", "{broken}");
        }
    }
}
