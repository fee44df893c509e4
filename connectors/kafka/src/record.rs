//! A row as a record: its topic there, key, value, time and headers. Pure.

use crate::config::Config;
use bytes::Bytes;
use std::fmt::Write;
use tidegate_codec_kafka::Record;
use tidegate_service_ingest::{Body, Row};

/// Longer names have no folder on a broker's disk.
const TOPIC_BYTES_MAX: usize = 249;

/// A record and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) record: Record,
}

impl Outgoing {
    /// Or why there is none.
    pub(crate) fn of(config: &Config, row: &Row) -> Result<Outgoing, String> {
        let reading = &row.reading;
        let topic = topic(&config.topic.of(reading))?;
        let timestamp_ms = i64::try_from(reading.source_ms.unwrap_or(row.stamp_ms)).unwrap_or(i64::MAX);
        let record = Record {
            key: config.key.of(reading).into(),
            value: reading.message(),
            timestamp_ms,
            headers: headers(row),
        };
        Ok(Outgoing { topic, record })
    }
}

/// A name that Kafka allows: levels are parted by dots there, and what has no place in a name is an underscore.
fn topic(name: &str) -> Result<String, String> {
    let allowed = |letter: char| match letter {
        '/' => '.',
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '_',
    };
    let topic: String = name.chars().map(allowed).collect();
    match topic.as_str() {
        "" | "." | ".." => Err(format!("\"{topic}\" is no topic of Kafka's")),
        long if long.len() > TOPIC_BYTES_MAX => Err(format!(
            "a topic of Kafka's has at most {TOPIC_BYTES_MAX} bytes, and this one {}",
            long.len()
        )),
        _ => Ok(topic),
    }
}

fn headers(row: &Row) -> Vec<(&'static str, Bytes)> {
    let mut id = String::with_capacity(36);
    write!(id, "{}", row.id).expect("writing to a string does not fail");
    let mut headers = vec![
        ("tidegate.id", id.into()),
        ("tidegate.class", Bytes::from_static(row.class.name().as_bytes())),
        ("tidegate.topic", Bytes::copy_from_slice(row.reading.topic.as_str().as_bytes())),
    ];
    let stated = row.reading.content_type.as_str();
    match &row.reading.body {
        Body::Points(_) => headers.push(("content-type", Bytes::from_static(b"application/json"))),
        Body::Raw(_) if stated.is_empty() => {}
        Body::Raw(_) => headers.push(("content-type", Bytes::copy_from_slice(stated.as_bytes()))),
    }
    if row.replay {
        headers.push(("tidegate.replay", Bytes::from_static(b"1")));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_parted_by_dots_and_what_kafka_does_not_allow_is_an_underscore() {
        let named = |name: &str| topic(name).ok();
        assert_eq!(named("line/7/temp").as_deref(), Some("line.7.temp"));
        assert_eq!(named("plant 3/温度").as_deref(), Some("plant_3.__"));
        assert_eq!((named(""), named("/"), named("../x").is_some()), (None, None, true));
        assert!(named(&"x".repeat(249)).is_some() && named(&"x".repeat(250)).is_none());
    }
}
