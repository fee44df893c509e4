//! The body of a request to each vendor, and its signature. Pure.

use crate::vendor::Vendor;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use tidegate_kernel_outbound::query;
use tidegate_service_notice::{Message, Notice, Severity};

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) body: Vec<u8>,
    /// Parameters behind those of the address.
    pub(crate) parameters: Option<String>,
    /// The header `x-tidegate-signature`.
    pub(crate) signature: Option<String>,
}

pub(crate) fn sheet(vendor: Vendor, message: &Message, secret: Option<&str>) -> Sheet {
    let mut sheet = Sheet { body: Vec::new(), parameters: None, signature: None };
    let text = message.text.as_str();
    let body = match vendor {
        Vendor::Wecom => json!({"msgtype": "text", "text": {"content": text}}),
        Vendor::Dingtalk => {
            sheet.parameters = secret.map(|secret| dingtalk_parameters(secret, message.at_ms));
            json!({"msgtype": "text", "text": {"content": text}})
        }
        Vendor::Feishu => feishu(text, secret, message.at_ms / 1000),
        Vendor::Webhook => webhook(message),
    };
    sheet.body = serde_json::to_vec(&body).expect("values of JSON are JSON");
    if vendor == Vendor::Webhook {
        sheet.signature = secret.map(|secret| format!("sha256={}", hex(&signed(secret, &sheet.body))));
    }
    sheet
}

/// Milliseconds and the secret, signed with the secret.
fn dingtalk_parameters(secret: &str, at_ms: u64) -> String {
    let timestamp = at_ms.to_string();
    let sign = STANDARD.encode(signed(secret, format!("{timestamp}\n{secret}").as_bytes()));
    query(&[("timestamp", &timestamp), ("sign", &sign)]).trim_start_matches('?').to_owned()
}

/// Nothing, signed with seconds and the secret.
fn feishu(text: &str, secret: Option<&str>, at_s: u64) -> Value {
    let mut body = json!({"msg_type": "text", "content": {"text": text}});
    if let Some(secret) = secret {
        body["timestamp"] = at_s.to_string().into();
        body["sign"] = STANDARD.encode(signed(&format!("{at_s}\n{secret}"), b"")).into();
    }
    body
}

fn webhook(message: &Message) -> Value {
    let counts = |counts: &tidegate_service_notice::BySeverity| {
        let each = Severity::ALL.into_iter().zip(counts.0);
        Value::Object(each.map(|(severity, many)| (severity.name().to_owned(), many.into())).collect())
    };
    let expired = message.expired.map(|expired| {
        json!({"counts": counts(&expired.counts), "from_ms": expired.from_ms, "to_ms": expired.to_ms})
    });
    json!({
        "title": message.subject,
        "text": message.text,
        "time_ms": message.at_ms,
        "notices": message.notices.iter().map(|notice| one(notice)).collect::<Vec<_>>(),
        "more": counts(&message.more),
        "expired": expired,
    })
}

fn one(notice: &Notice) -> Value {
    json!({
        "id": notice.id.to_string(),
        "alarm": notice.alarm,
        "change": notice.change.name(),
        "severity": notice.severity.name(),
        "time_ms": notice.at_ms,
        "origin": notice.origin,
        "value": notice.value,
        "text": notice.text,
        "by": notice.by,
    })
}

fn signed(key: &str, text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service_notice::BySeverity;

    fn message(text: &str) -> Message {
        Message {
            subject: "s".to_owned(),
            text: text.to_owned(),
            notices: Vec::new(),
            more: BySeverity([0, 0, 2, 1]),
            expired: None,
            at_ms: 1_784_000_000_123,
        }
    }

    fn json(vendor: Vendor, secret: Option<&str>) -> Value {
        serde_json::from_slice(&sheet(vendor, &message("温度"), secret).body).unwrap()
    }

    #[test]
    fn each_vendor_gets_its_shape() {
        let text = json!({"msgtype": "text", "text": {"content": "温度"}});
        assert_eq!((json(Vendor::Wecom, None), json(Vendor::Dingtalk, None)), (text.clone(), text));
        assert_eq!(json(Vendor::Feishu, None), json!({"msg_type": "text", "content": {"text": "温度"}}));
        assert_eq!(json(Vendor::Webhook, None)["more"]["high"], 2);
    }

    /// Made with another implementation of HMAC.
    #[test]
    fn signatures_are_those_of_the_vendors() {
        let parameters = sheet(Vendor::Dingtalk, &message("x"), Some("SEC42")).parameters.unwrap();
        assert_eq!(
            parameters,
            "timestamp=1784000000123&sign=dhsXEiq4Yzp2ga1z512PJWKlQj9vjfbnyXVswzvC%2BrE%3D"
        );
        let body = json(Vendor::Feishu, Some("SEC42"));
        assert_eq!(
            (body["timestamp"].as_str(), body["sign"].as_str()),
            (Some("1784000000"), Some("WIf5XSB6GYkXcnH0kTAKjyuLwJEu+Jb2I1xZpyz6lxM="))
        );
    }

    /// The longest text a vendor is given, of letters that JSON writes as two, stays below the vendor's limit on bodies.
    #[test]
    fn a_full_text_stays_below_the_limit_of_the_body() {
        for vendor in [Vendor::Dingtalk, Vendor::Feishu] {
            let text = "\"".repeat(vendor.load().text_bytes_max);
            assert!(sheet(vendor, &message(&text), Some("s")).body.len() < 20_000);
        }
    }
}
