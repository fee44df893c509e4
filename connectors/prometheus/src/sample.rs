//! Readings as samples: a name, labels, a number, a time. Pure.

use tidegate_service_ingest::{Body, Points, Reading, Row, Value};

/// Bytes of a label's value that are kept.
const LABEL_BYTES_MAX: usize = 512;

/// What identifies a series: labels in the order of their names, as remote write wants them; `__name__` is the first.
pub(crate) type Labels = Vec<(String, String)>;

/// One number at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
    pub(crate) time_ms: i64,
}

/// All that one row has; nothing where it has no number.
pub(crate) fn samples(row: &Row) -> Vec<Sample> {
    let topic = row.reading.topic.as_str();
    match &row.reading.body {
        Body::Raw(payload) => raw(row, topic, payload).into_iter().collect(),
        Body::Points(points) => modelled(topic, points),
    }
}

fn raw(row: &Row, topic: &str, payload: &[u8]) -> Option<Sample> {
    let value = number(payload)?;
    let labels = vec![label("__name__", "tidegate_reading"), label("topic", topic)];
    Some(Sample { labels, value, time_ms: time_ms(&row.reading, row.stamp_ms) })
}

fn modelled(topic: &str, points: &Points) -> Vec<Sample> {
    let sample = |point: &tidegate_service_ingest::Point| {
        let value = as_number(&point.value)?;
        let labels = vec![
            label("__name__", "tidegate_tag"),
            label("device", &points.device),
            label("tag", &point.tag),
            label("topic", topic),
        ];
        Some(Sample { labels, value, time_ms: point.source_ms as i64 })
    };
    points.points.iter().filter_map(sample).collect()
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Real(real) => Some(*real),
        Value::Integer(integer) => Some(*integer as f64),
        Value::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
        Value::Text(_) | Value::Reals(_) => None,
    }
}

fn number(payload: &[u8]) -> Option<f64> {
    match std::str::from_utf8(payload).ok()?.trim() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text if text
            .starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.')) =>
        {
            text.parse().ok().filter(|number: &f64| number.is_finite())
        }
        _ => None,
    }
}

fn time_ms(reading: &Reading, stamp_ms: u64) -> i64 {
    reading.source_ms.unwrap_or(stamp_ms) as i64
}

fn label(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value[..value.floor_char_boundary(LABEL_BYTES_MAX)].to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tidegate_kernel_journal::Id;
    use tidegate_service_ingest::{Class, Point, Quality, Source};

    pub(crate) fn row(topic: &str, payload: &str, stamp_ms: u64) -> Row {
        let reading = Reading::raw(Source::Mqtt, topic.parse().unwrap(), payload.to_owned());
        Row { seq: 1, id: Id::v7(1), stamp_ms, class: Class::Process, replay: false, reading }
    }

    #[test]
    fn numbers_and_booleans_are_samples_and_the_rest_is_none() {
        let value = |payload| samples(&row("a/b", payload, 5)).first().map(|sample| sample.value);
        assert_eq!((value(" 21.5"), value("-1e3"), value("true")), (Some(21.5), Some(-1000.0), Some(1.0)));
        for payload in ["", "on", "nan", "inf", "-inf", "1e999", "{}", "1 2"] {
            assert_eq!(value(payload), None, "{payload}");
        }
    }

    #[test]
    fn each_point_is_a_series_with_its_own_time() {
        let tag = |tag: &str, value| Point { tag: tag.into(), value, quality: Quality::Good, source_ms: 9 };
        let points =
            vec![tag("t", Value::Real(1.5)), tag("s", Value::Text("on".into())), tag("n", Value::Integer(2))];
        let mut row = row("line/7", "", 5);
        row.reading.body = Body::Points(Points { device: "press".into(), points });
        let found = samples(&row);
        assert_eq!(found.len(), 2);
        let names: Vec<_> =
            found[1].labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            names,
            [("__name__", "tidegate_tag"), ("device", "press"), ("tag", "n"), ("topic", "line/7")]
        );
        assert_eq!((found[1].value, found[1].time_ms), (2.0, 9));
    }
}
