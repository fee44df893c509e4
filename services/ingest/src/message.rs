//! A reading as one message of another system: its payload as it came, or its points as JSON. Pure.

use crate::reading::{Body, Points, Reading};
use bytes::Bytes;
use serde_json::{Map, json};
use tidegate_engine_tags::Value;

impl Reading {
    /// What is published of it where a reading is a message: `{"device", "points": {tag: {"value", "quality", "time_ms"}}}` if the
    /// device has a model.
    pub fn message(&self) -> Bytes {
        match &self.body {
            Body::Raw(payload) => payload.clone(),
            Body::Points(points) => encode(points).into(),
        }
    }
}

fn encode(points: &Points) -> Vec<u8> {
    let mut tags = Map::new();
    for point in &points.points {
        let value = json!({
            "value": value(&point.value), "quality": point.quality.to_string(), "time_ms": point.source_ms,
        });
        tags.insert(point.tag.to_string(), value);
    }
    serde_json::to_vec(&json!({ "device": &*points.device, "points": tags }))
        .expect("values of JSON are JSON")
}

fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Real(real) => (*real).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Text(text) => (**text).into(),
        Value::Reals(reals) => reals.to_vec().into(),
    }
}
