//! What an answer means: the vendor's own code first, for these robots say 200 to what they refuse; then HTTP's. Pure.

use crate::vendor::{Meaning, Vendor};
use serde_json::Value;
use std::time::Duration;
use tidegate_kernel_outbound::Answer;
use tidegate_service_notice::{CourierError, Receipt, Setback};

/// No answer, or trouble on the other side.
pub(crate) const UNREACHABLE: &str = "TG-NO-001";
/// Too many messages.
const TOO_FREQUENT: &str = "TG-NO-002";
/// Key, signature, keyword or address are refused.
const BROKEN: &str = "TG-NO-003";
/// The message is refused.
const REFUSED: &str = "TG-NO-004";
/// An answer that says neither yes nor no.
const UNCLEAR: &str = "TG-NO-006";

pub(crate) fn outcome(vendor: Vendor, host: &str, answer: &Answer) -> Result<Receipt, Setback> {
    let said = format!("{} at {host} answered {}: {}", vendor.name(), answer.status, answer.excerpt());
    let error = |code| CourierError::new(code, said.clone());
    match meaning(vendor, answer) {
        Some(Meaning::Taken) => Ok(Receipt { answer: format!("{} {}", answer.status, answer.excerpt()) }),
        Some(Meaning::Busy) => Err(Setback::Retry { error: error(UNREACHABLE), after: answer.retry_after() }),
        Some(Meaning::TooFrequent(wait)) => {
            let after = answer.retry_after().or_else(|| feishu_reset(answer)).unwrap_or(wait);
            Err(Setback::Retry { error: error(TOO_FREQUENT), after: Some(after) })
        }
        Some(Meaning::Broken) => Err(Setback::Broken(error(BROKEN))),
        Some(Meaning::Refused) => Err(Setback::Refused(error(REFUSED))),
        None => Err(Setback::Retry { error: error(UNCLEAR), after: None }),
    }
}

/// Nothing where the answer does not say.
fn meaning(vendor: Vendor, answer: &Answer) -> Option<Meaning> {
    let status = answer.status;
    if vendor != Vendor::Webhook
        && let Some(code) = code(&answer.body)
    {
        // Feishu says under one code that it does not understand a body and that there were too many.
        let is_flood = answer.excerpt().to_ascii_lowercase().contains("too many request");
        return Some(vendor.meaning(code, is_flood));
    }
    match status {
        200..=299 => (vendor == Vendor::Webhook).then_some(Meaning::Taken),
        429 => Some(Meaning::TooFrequent(vendor.penalty())),
        408 | 425 | 500.. => Some(Meaning::Busy),
        401 | 403 | 404 | 405 | 410 | ..=399 => Some(Meaning::Broken),
        _ => Some(Meaning::Refused),
    }
}

/// Seconds until Feishu takes messages again, beside 429 or 400.
fn feishu_reset(answer: &Answer) -> Option<Duration> {
    let seconds = answer.headers.get("x-ogw-ratelimit-reset")?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// `errcode` of WeCom and DingTalk, `code` of Feishu, or the `StatusCode` it had before.
fn code(body: &[u8]) -> Option<i64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    ["errcode", "code", "StatusCode"].iter().find_map(|key| {
        let code = &body[*key];
        code.as_i64().or_else(|| code.as_str()?.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_under_each_of_its_names() {
        for (body, expected) in [
            ("{\"errcode\":0,\"errmsg\":\"ok\"}", Some(0)),
            ("{\"code\":19021,\"msg\":\"sign match fail\"}", Some(19021)),
            ("{\"StatusCode\":0,\"StatusMessage\":\"success\"}", Some(0)),
            ("{\"errcode\":\"130101\"}", Some(130_101)),
            ("{\"errmsg\":\"ok\"}", None),
            ("[0]", None),
            ("<html>", None),
            ("{\"errcode\":0", None),
        ] {
            assert_eq!(code(body.as_bytes()), expected, "{body}");
        }
    }
}
