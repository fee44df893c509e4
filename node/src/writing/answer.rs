//! What is answered to a command, the same over every way; and values as JSON and back.

use crate::audit::{WriteAct, WriteEnd};
use crate::explain;
use serde_json::{Value as Json, json};
use tidegate_kernel_journal::Id;
use tidegate_kernel_plug::Refusal;
use tidegate_service_ingest::Value;
use tidegate_service_plant::Fate;

/// What came of a command that was begun, now or before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) id: Id,
    pub(crate) act: WriteAct,
    pub(crate) end: WriteEnd,
    /// It was not carried out now, but before, under the same id.
    pub(crate) is_known: bool,
}

impl Answer {
    /// With every value as JSON, null where it was not read.
    pub(crate) fn json(&self) -> Json {
        let Answer { id, act, end, is_known } = self;
        let value = |text: &str| serde_json::from_str(text).unwrap_or(Json::Null);
        let written = if end.value.is_empty() { &act.value } else { &end.value };
        let mut told = json!({
            "id": id.to_string(),
            "device": act.device,
            "tag": act.tag,
            "outcome": end.fate.name(),
            "confirmed": end.fate == Fate::Confirmed,
            "known": is_known,
            "written": value(written),
            "before": value(&end.before),
            "read_back": value(&end.after),
        });
        if !end.code.is_empty() {
            told["code"] = end.code.as_str().into();
            told["message"] = end.message.as_str().into();
        }
        told
    }

    /// The refusal it is where the device did not take the value, or nobody can say.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let WriteEnd { fate, code, message, before, after, .. } = &self.end;
        let hint = match fate {
            Fate::Confirmed | Fate::Unconfirmed => return None,
            Fate::Refused => "nothing was sent to the device; ask again, with the same id",
            Fate::Failed => "the device has what it had; look at the device, and ask again with a new id",
            Fate::Unknown => "read the tag before asking again, with a new id",
        };
        let seen = |what: &str, value: &str| {
            if value.is_empty() { String::new() } else { format!("; {what} {value}") }
        };
        let message = format!("{message}{}{}", seen("before it was", before), seen("now it is", after));
        // One that is not there any more was written down by an earlier version.
        let code = explain::code(code).unwrap_or("TG-PL-045");
        Some(Refusal::new(self.end.status(), code, message, hint))
    }
}

/// As JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Real(real) => json!(real),
        Value::Integer(integer) => json!(integer),
        Value::Boolean(boolean) => json!(boolean),
        Value::Text(text) => json!(**text),
        Value::Reals(reals) => json!(**reals),
    }
    .to_string()
}

/// A number, true or false, or a text.
pub(crate) fn value(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(boolean) => Some(Value::Boolean(*boolean)),
        Json::String(text) => Some(Value::from(text.as_str())),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Some(Value::Integer(integer)),
            None => number.as_f64().map(Value::Real),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
