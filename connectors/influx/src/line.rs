//! A row as points of line protocol. Pure.

use std::collections::BTreeMap;
use tidegate_codec_lineprotocol::{FieldValue, Point, Unsayable, encode};
use tidegate_service_ingest::{Body, Pattern, Points, Quality, Row, Value};

const NS_PER_MS: u64 = 1_000_000;

/// Appends the lines of a row, or none of them.
pub(crate) fn put(out: &mut String, measurement: &Pattern, row: &Row) -> Result<(), Unsayable> {
    let before = out.len();
    let outcome = points(measurement, row).iter().try_for_each(|point| encode(out, point));
    if outcome.is_err() {
        out.truncate(before);
    }
    outcome
}

fn points(measurement: &Pattern, row: &Row) -> Vec<Point> {
    let name = measurement.of(&row.reading);
    let topic = ("topic".to_owned(), row.reading.topic.as_str().to_owned());
    match &row.reading.body {
        Body::Raw(payload) => {
            let fields = vec![("payload".to_owned(), raw(payload))];
            let time = Some(time(row, row.reading.source_ms.unwrap_or(row.stamp_ms)));
            vec![Point { measurement: name, tags: vec![topic], fields, time }]
        }
        Body::Points(points) => modelled(&name, topic, points, row),
    }
}

/// One point for each source time.
fn modelled(name: &str, topic: (String, String), points: &Points, row: &Row) -> Vec<Point> {
    let tags = vec![("device".to_owned(), points.device.to_string()), topic];
    let mut by_time: BTreeMap<u64, Vec<(String, FieldValue)>> = BTreeMap::new();
    for point in &points.points {
        let fields = by_time.entry(point.source_ms).or_default();
        fields.push((point.tag.to_string(), value(&point.value)));
        if point.quality != Quality::Good {
            fields.push((format!("{}_quality", point.tag), FieldValue::Text(point.quality.to_string())));
        }
    }
    let point = |(source_ms, fields)| {
        let (measurement, tags, time) = (name.to_owned(), tags.clone(), Some(time(row, source_ms)));
        Point { measurement, tags, fields, time }
    };
    by_time.into_iter().map(point).collect()
}

/// Nanoseconds, with the end of the record's number below the millisecond: what comes twice has the same time, and what comes in
/// the same millisecond has not.
fn time(row: &Row, source_ms: u64) -> i64 {
    let latest_ms = i64::MAX as u64 / NS_PER_MS - 1;
    (source_ms.min(latest_ms) * NS_PER_MS + row.seq % NS_PER_MS) as i64
}

fn value(value: &Value) -> FieldValue {
    match value {
        Value::Real(real) => FieldValue::Real(*real),
        Value::Integer(integer) => FieldValue::Integer(*integer),
        Value::Boolean(boolean) => FieldValue::Bool(*boolean),
        Value::Text(text) => FieldValue::Text(text.to_string()),
        Value::Reals(reals) => FieldValue::Text(format!("{reals:?}")),
    }
}

/// A number or a boolean where the payload is one; bytes that are no text come out with replacement characters.
fn raw(payload: &[u8]) -> FieldValue {
    let text = String::from_utf8_lossy(payload);
    match text.trim() {
        "true" => FieldValue::Bool(true),
        "false" => FieldValue::Bool(false),
        trimmed if is_number(trimmed) => {
            trimmed.parse().map_or_else(|_| FieldValue::Text(text.to_string()), FieldValue::Real)
        }
        _ => FieldValue::Text(text.into_owned()),
    }
}

/// Not `inf`, `nan` or `infinity`, which parse as well, and nothing too large to stay finite.
fn is_number(text: &str) -> bool {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    plain && text.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tidegate_kernel_journal::Id;
    use tidegate_service_ingest::{Class, Point as Tag, Reading, Source};

    fn row(body: Body) -> Row {
        let raw = Reading::raw(Source::Mqtt, "line/7/temp".parse().unwrap(), "");
        let reading = Reading { body, ..raw };
        Row { seq: 5_000_042, id: Id::v7(1), stamp_ms: 1000, class: Class::Process, replay: false, reading }
    }

    fn lines(row: &Row) -> String {
        let mut out = String::new();
        put(&mut out, &"{topic.1}".parse().unwrap(), row).unwrap();
        out
    }

    #[test]
    fn a_raw_payload_is_a_number_a_boolean_or_text() {
        let payload = |text: &'static str| lines(&row(Body::Raw(text.into())));
        assert_eq!(payload(" 21.5\n"), "line,topic=line/7/temp payload=21.5 1000000042\n");
        assert!(payload("true").contains(" payload=true "));
        for text in ["nan", "inf", "1e999", "0x10", "on", "1 2"] {
            assert!(payload(text).contains(&format!(" payload=\"{text}\" ")), "{text}");
        }
    }

    #[test]
    fn points_are_fields_of_one_line_for_each_source_time() {
        let tag =
            |tag: &str, value, source_ms| Tag { tag: tag.into(), value, quality: Quality::Good, source_ms };
        let mut points = vec![
            tag("temp", Value::Real(61.0), 7),
            tag("n", Value::Integer(3), 7),
            tag("on", Value::Boolean(false), 8),
            tag("vib", Value::Reals(Arc::new([0.5, 1.0])), 8),
        ];
        points[2].quality = Quality::Uncertain;
        let row = row(Body::Points(Points { device: "press 7".into(), points }));
        assert_eq!(
            lines(&row),
            "line,device=press\\ 7,topic=line/7/temp temp=61.0,n=3i 7000042\n\
             line,device=press\\ 7,topic=line/7/temp on=false,on_quality=\"uncertain\",vib=\"[0.5, 1.0]\" 8000042\n"
        );
    }

    #[test]
    fn a_number_that_is_not_finite_leaves_no_half_of_a_row() {
        let tag = |value, source_ms| Tag {
            tag: "t".into(),
            value: Value::Real(value),
            quality: Quality::Good,
            source_ms,
        };
        let row =
            row(Body::Points(Points { device: "d".into(), points: vec![tag(1.0, 1), tag(f64::NAN, 2)] }));
        let mut out = String::new();
        assert!(put(&mut out, &"m".parse().unwrap(), &row).is_err());
        assert_eq!(out, "");
    }
}
