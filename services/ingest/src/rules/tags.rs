//! What a reading says of the tags that rules read. Pure.
//!
//! A point is the tag `device.tag`. A raw payload is the tag that its topic names, read as what the rules take it for.

use crate::reading::{Body, Points, Reading};
use std::sync::Arc;
use tidegate_engine_rules::{Kind, Known, RuleSet, Sample, Unknown, Value};
use tidegate_engine_tags as tags;

/// What the reading says of the tags that `set` reads, each with the place of its point.
pub(crate) fn samples(set: &RuleSet, reading: &Reading) -> Vec<(u16, Sample)> {
    let (mut samples, mut place) = (Vec::new(), 0);
    let kind = |topic: &str| set.slot(topic).map(|slot| set.tags()[slot as usize].1);
    each_tag(reading, kind, |tag, value| {
        samples.extend(set.slots(tag).map(|slot| (place, set.sample(slot, value.clone()))));
        place += 1;
    });
    samples
}

/// Calls `visit` with each tag of the reading and its value. `kind` says what a topic is taken for; nothing for one nobody reads.
fn each_tag(
    reading: &Reading,
    kind: impl Fn(&str) -> Option<Kind>,
    mut visit: impl FnMut(&str, Known<Value>),
) {
    match &reading.body {
        Body::Raw(payload) => {
            let topic = reading.topic.as_str();
            if let Some(kind) = kind(topic) {
                visit(topic, of_payload(payload, kind));
            }
        }
        Body::Points(Points { device, points }) => {
            for point in points {
                visit(&format!("{device}.{}", point.tag), of_point(point));
            }
        }
    }
}

/// An uncertain value counts: it may be right, and no value at all would raise what watches for silence.
pub(crate) fn of_point(point: &tags::Point) -> Known<Value> {
    of_value(&point.value, point.quality)
}

pub(crate) fn of_value(value: &tags::Value, quality: tags::Quality) -> Known<Value> {
    match value {
        _ if quality == tags::Quality::Bad => Err(Unknown::BadQuality),
        tags::Value::Real(real) => Ok(Value::Number(*real)),
        tags::Value::Integer(integer) => Ok(Value::Number(*integer as f64)),
        tags::Value::Boolean(boolean) => Ok(Value::Boolean(*boolean)),
        tags::Value::Text(text) => Ok(Value::Text(text.clone())),
        tags::Value::Reals(_) => Err(Unknown::WrongKind),
    }
}

pub(crate) fn of_payload(payload: &[u8], kind: Kind) -> Known<Value> {
    let text = std::str::from_utf8(payload).map_err(|_| Unknown::WrongKind)?.trim();
    match kind {
        Kind::Number => text.parse().map(Value::Number).map_err(|_| Unknown::WrongKind),
        Kind::Boolean => match text {
            "true" | "1" | "on" => Ok(Value::Boolean(true)),
            "false" | "0" | "off" => Ok(Value::Boolean(false)),
            _ => Err(Unknown::WrongKind),
        },
        Kind::Text => Ok(Value::Text(Arc::from(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_as_what_the_rules_take_it_for() {
        assert_eq!(of_payload(b" 21.5\n", Kind::Number), Ok(Value::Number(21.5)));
        assert_eq!(of_payload(b"on", Kind::Boolean), Ok(Value::Boolean(true)));
        assert_eq!(of_payload(b"run", Kind::Text), Ok(Value::Text("run".into())));
        for (payload, kind) in [(&b"hot"[..], Kind::Number), (b"2", Kind::Boolean), (b"\xff", Kind::Text)] {
            assert_eq!(of_payload(payload, kind), Err(Unknown::WrongKind));
        }
    }
}
