//! A batch as JSON, and its signature. Pure.

use ring::hmac;
use serde_json::{Map, Value as Json, json};
use tidegate_service_ingest::{Body, Points, Row, Source, Value};

pub(crate) fn encode(batch: &[Row]) -> Vec<u8> {
    let rows: Vec<Json> = batch.iter().map(row).collect();
    serde_json::to_vec(&rows).expect("values of JSON are JSON")
}

/// What the header says of a body.
pub(crate) fn signature(key: &hmac::Key, body: &[u8]) -> String {
    format!("sha256={}", hex(hmac::sign(key, body).as_ref()))
}

fn row(row: &Row) -> Json {
    let reading = &row.reading;
    let mut out = json!({
        "seq": row.seq,
        "id": row.id.to_string(),
        "time_ms": row.stamp_ms,
        "class": row.class.name(),
        "source": reading.source.name(),
        "client": reading.client.as_str(),
        "topic": reading.topic.as_str(),
    });
    let fields = out.as_object_mut().expect("it was made as an object");
    if row.replay {
        fields.insert("replay".to_owned(), true.into());
    }
    if let Some(source_ms) = reading.source_ms.filter(|_| reading.source != Source::Rule) {
        fields.insert("source_ms".to_owned(), source_ms.into());
    }
    match &reading.body {
        Body::Raw(payload) => put_payload(fields, payload),
        Body::Points(points) => put_points(fields, points),
    }
    out
}

fn put_payload(fields: &mut Map<String, Json>, payload: &[u8]) {
    let text = std::str::from_utf8(payload);
    let value = match text {
        Ok(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        Err(_) => hex(payload).into(),
    };
    fields.insert("payload".to_owned(), value);
    if text.is_err() {
        fields.insert("encoding".to_owned(), "hex".into());
    }
}

fn put_points(fields: &mut Map<String, Json>, points: &Points) {
    let point = |point: &tidegate_service_ingest::Point| {
        let value = json!({ "value": value(&point.value), "quality": point.quality.to_string(), "time_ms": point.source_ms });
        (point.tag.to_string(), value)
    };
    fields.insert("device".to_owned(), (*points.device).into());
    fields.insert("points".to_owned(), Json::Object(points.points.iter().map(point).collect()));
}

/// A number that is not finite is null, as JSON has no other word for it.
fn value(value: &Value) -> Json {
    match value {
        Value::Real(real) => (*real).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Text(text) => (**text).into(),
        Value::Reals(reals) => reals.to_vec().into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_journal::Id;
    use tidegate_service_ingest::{Class, Point, Quality, Reading};

    fn encoded(body: Body) -> Json {
        let reading = Reading { body, ..Reading::raw(Source::Mqtt, "line/7".parse().unwrap(), "") };
        let row =
            Row { seq: 7, id: Id([0x11; 16]), stamp_ms: 5, class: Class::Critical, replay: true, reading };
        serde_json::from_slice::<Json>(&encode(&[row])).unwrap()[0].clone()
    }

    #[test]
    fn a_row_says_all_that_is_known_of_it() {
        let expected = json!({
            "seq": 7, "id": "11111111-1111-1111-1111-111111111111", "time_ms": 5, "class": "critical", "source": "mqtt",
            "client": "", "topic": "line/7", "replay": true, "payload": {"t": 1.5},
        });
        assert_eq!(encoded(Body::Raw("{\"t\":1.5}".into())), expected);
        assert_eq!(encoded(Body::Raw("on fire".into()))["payload"], "on fire");
        let bytes = encoded(Body::Raw(vec![0xff, 0x01].into()));
        assert_eq!((&bytes["payload"], &bytes["encoding"]), (&json!("ff01"), &json!("hex")));
    }

    #[test]
    fn points_stand_by_their_tags() {
        let points = vec![Point {
            tag: "t".into(),
            value: Value::Real(f64::NAN),
            quality: Quality::Bad,
            source_ms: 9,
        }];
        let encoded = encoded(Body::Points(Points { device: "d".into(), points }));
        assert_eq!((&encoded["device"], encoded.get("payload")), (&json!("d"), None));
        assert_eq!(encoded["points"], json!({"t": {"value": null, "quality": "bad", "time_ms": 9}}));
    }

    /// RFC 4231 §4.3
    #[test]
    fn the_signature_is_the_standards() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(&key, b"what do ya want for nothing?"), expected);
    }
}
