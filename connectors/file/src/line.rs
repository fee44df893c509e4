//! A row as one line of JSON. Pure.
//!
//! Digits are put by hand or by serde_json: with `format!` they were a third of what a line cost.

use crate::readable::Readable;
use crate::stamp;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;
use tidegate_service_ingest::{Body, Point, Points, Row, Source, Value};

/// How every line begins.
pub(crate) const BEGINNING: &[u8] = b"{\"seq\":";

const WRITES: &str = "writing to memory does not fail";

/// Appends the row and its line end.
pub(crate) fn put(out: &mut Vec<u8>, row: &Row) {
    out.extend_from_slice(BEGINNING);
    put_number(out, row.seq);
    put_plain(out, b",\"id\":\"", &row.id.text());
    put_plain(out, b"\",\"time\":\"", &stamp::text(row.stamp_ms));
    put_plain(out, b"\",\"class\":\"", row.class.name().as_bytes());
    out.push(b'"');
    put_text(out, "client", row.reading.client.as_str());
    put_text(out, "topic", row.reading.topic.as_str());
    put_plain(out, b",\"qos\":", &[b'0' + row.reading.qos as u8]);
    if row.reading.source != Source::Mqtt {
        write!(out, ",\"source\":\"{}\"", row.reading.source).expect(WRITES);
    }
    if !row.reading.principal.as_bytes().is_empty() {
        put_text(out, "principal", row.reading.principal.as_str());
    }
    if let Some(source_ms) = row.reading.source_ms {
        write!(out, ",\"source_ms\":{source_ms}").expect(WRITES);
    }
    if row.reading.dup {
        out.extend_from_slice(b",\"dup\":true");
    }
    if row.replay {
        out.extend_from_slice(b",\"replay\":true");
    }
    match &row.reading.body {
        Body::Raw(payload) => put_payload(out, payload),
        Body::Points(points) => put_points(out, points),
    }
    out.extend_from_slice(b"}\n");
}

fn put_plain(out: &mut Vec<u8>, before: &[u8], text: &[u8]) {
    out.extend_from_slice(before);
    out.extend_from_slice(text);
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(out, &number).expect(WRITES);
}

fn put_text(out: &mut Vec<u8>, key: &str, text: &str) {
    put_plain(out, b",\"", key.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(out, text).expect(WRITES);
}

fn put_payload(out: &mut Vec<u8>, payload: &[u8]) {
    match std::str::from_utf8(payload) {
        Ok(text) if serde_json::from_str::<Readable>(text).is_ok() => put_json(out, text),
        Ok(text) => {
            put_text(out, "payload", text);
            out.extend_from_slice(b",\"encoding\":\"text\"");
        }
        Err(_) => {
            let payload = Base64Display::new(payload, &STANDARD);
            write!(out, ",\"payload\":\"{payload}\",\"encoding\":\"base64\"").expect(WRITES);
        }
    }
}

fn put_points(out: &mut Vec<u8>, points: &Points) {
    put_text(out, "device", &points.device);
    out.extend_from_slice(b",\"points\":{");
    for (at, point) in points.points.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"" } else { b"," });
        serde_json::to_writer(&mut *out, &*point.tag).expect(WRITES);
        out.extend_from_slice(b":{\"value\":");
        put_value(out, &point.value);
        let Point { quality, source_ms, .. } = point;
        write!(out, ",\"quality\":\"{quality}\",\"time_ms\":{source_ms}}}").expect(WRITES);
    }
    out.extend_from_slice(b"}");
}

/// Reals with as many digits as it takes to read the same number back.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Real(real) => serde_json::to_writer(out, real),
        Value::Integer(integer) => serde_json::to_writer(out, integer),
        Value::Boolean(boolean) => serde_json::to_writer(out, boolean),
        Value::Text(text) => serde_json::to_writer(out, &**text),
        Value::Reals(reals) => serde_json::to_writer(out, &**reals),
    }
    .expect(WRITES);
}

/// The text itself, so that numbers keep every digit. Line ends are white space in JSON, never part of a string, and would end
/// the row.
fn put_json(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b",\"payload\":");
    out.extend(text.trim().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};
    use std::sync::Arc;
    use tidegate_codec_mqtt::Text;
    use tidegate_kernel_journal::Id;
    use tidegate_service_ingest::{Class, Quality, Reading};

    fn row(payload: &[u8]) -> Row {
        let raw = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), Bytes::copy_from_slice(payload));
        let reading = Reading { client: Text::new("press \"7\"").unwrap(), ..raw };
        let id = Id([0x11; 16]);
        Row { seq: 7, id, stamp_ms: 1_795_341_600_123, class: Class::Process, replay: false, reading }
    }

    fn line(row: &Row) -> String {
        let mut out = Vec::new();
        put(&mut out, row);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_the_documented_line() {
        let plain = r#"{"seq":7,"id":"11111111-1111-1111-1111-111111111111","time":"2026-11-22T10:00:00.123Z","class":"process","client":"press \"7\"","topic":"line/7/temp","qos":1,"payload":21.5}"#;
        assert_eq!(line(&row(b"21.5")), format!("{plain}\n"));
        let mut marked = row(b"21.5");
        (marked.replay, marked.reading.dup, marked.class) = (true, true, Class::Critical);
        let value: Json = serde_json::from_str(&line(&marked)).unwrap();
        assert_eq!(
            (&value["dup"], &value["replay"], &value["class"]),
            (&json!(true), &json!(true), &json!("critical"))
        );
    }

    #[test]
    fn a_payload_is_json_or_text_or_base64() {
        let ending = |payload: &[u8]| line(&row(payload)).split_once("\"qos\":1,").unwrap().1.to_owned();
        assert_eq!(ending(b"{\"a\":\n 1.10}\r\n"), "\"payload\":{\"a\": 1.10}}\n");
        assert_eq!(ending(b"12345678901234567890123"), "\"payload\":12345678901234567890123}\n");
        assert_eq!(ending(b"on"), "\"payload\":\"on\",\"encoding\":\"text\"}\n");
        assert_eq!(ending(b""), "\"payload\":\"\",\"encoding\":\"text\"}\n");
        assert_eq!(ending(b"\xff"), "\"payload\":\"/w==\",\"encoding\":\"base64\"}\n");
        assert_eq!(ending(b"\"\\ud800\""), "\"payload\":\"\\\"\\\\ud800\\\"\",\"encoding\":\"text\"}\n");
    }

    #[test]
    fn a_modelled_reading_shows_its_points_and_no_payload() {
        let point = |tag: &str, value| Point { tag: tag.into(), value, quality: Quality::Good, source_ms: 5 };
        let mut points = vec![point("temp", Value::Real(61.2)), point("on", Value::Boolean(true))];
        points.push(point("vib", Value::Reals(Arc::new([0.5, -1.0]))));
        points[1].quality = Quality::Uncertain;
        let mut row = row(b"");
        row.reading.body = Body::Points(Points { device: "press-7".into(), points });
        let line = line(&row);
        let expected = r#""device":"press-7","points":{"temp":{"value":61.2,"quality":"good","time_ms":5},"on":{"value":true,"quality":"uncertain","time_ms":5},"vib":{"value":[0.5,-1.0],"quality":"good","time_ms":5}}}"#;
        assert_eq!(line.split_once("\"qos\":1,").unwrap().1, format!("{expected}\n"));
    }

    #[test]
    fn a_row_says_by_which_way_it_came_unless_that_is_mqtt() {
        let mut row = row(b"1");
        row.reading.source = Source::Http;
        row.reading.principal = Text::new("scada").unwrap();
        row.reading.source_ms = Some(9);
        let expected =
            "\"qos\":1,\"source\":\"http\",\"principal\":\"scada\",\"source_ms\":9,\"payload\":1}\n";
        assert!(line(&row).ends_with(expected), "{}", line(&row));
    }

    proptest! {
        #[test]
        fn any_payload_is_one_line_of_json_that_gives_it_back(payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[\\[\\]{}:,\"0-9a-z \n\r\\\\]{0,40}".prop_map(String::into_bytes),
        ]) {
            let line = line(&row(&payload));
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            let value: Json = serde_json::from_str(&line).unwrap();
            match value.get("encoding").and_then(Json::as_str) {
                None => prop_assert_eq!(&value["payload"], &serde_json::from_slice::<Json>(&payload).unwrap()),
                Some("text") => prop_assert_eq!(value["payload"].as_str().unwrap().as_bytes(), &payload[..]),
                other => {
                    prop_assert_eq!(other, Some("base64"));
                    prop_assert!(std::str::from_utf8(&payload).is_err());
                }
            }
        }
    }
}
