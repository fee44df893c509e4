//! The name of a measurement as a template over a reading: plain text with `{topic}`, `{topic.N}` and `{device}`. Pure.

use std::fmt::Write;
use std::str::FromStr;
use tidegate_service_ingest::{Body, Reading};

const TEMPLATE_BYTES_MAX: usize = 256;

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Topic,
    /// From 1.
    Level(usize),
    Device,
}

/// Text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATemplate {
    #[error("a measurement has 1 to {TEMPLATE_BYTES_MAX} bytes")]
    Length,
    #[error("{{{0}}} is none of {{topic}}, {{topic.1}}, {{device}}")]
    Unknown(String),
    #[error("a brace is not closed")]
    Open,
}

impl Measurement {
    /// The name for one reading. A level or a device that is not there is `none`.
    pub(crate) fn of(&self, reading: &Reading) -> String {
        const WRITES: &str = "writing to a string does not fail";
        let topic = reading.topic.as_str();
        let mut out = String::with_capacity(topic.len());
        for piece in &self.0 {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Topic => topic,
                Piece::Level(level) => topic.split('/').nth(level - 1).unwrap_or("none"),
                Piece::Device => match &reading.body {
                    Body::Points(points) => &points.device,
                    Body::Raw(_) => "none",
                },
            };
            out.write_str(text).expect(WRITES);
        }
        out
    }
}

impl FromStr for Measurement {
    type Err = NotATemplate;

    fn from_str(text: &str) -> Result<Measurement, NotATemplate> {
        if !(1..=TEMPLATE_BYTES_MAX).contains(&text.len()) {
            return Err(NotATemplate::Length);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(NotATemplate::Open)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(piece(name)?);
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Measurement(pieces))
    }
}

fn piece(name: &str) -> Result<Piece, NotATemplate> {
    let level = name.strip_prefix("topic.").and_then(|level| level.parse().ok()).filter(|level| *level > 0);
    match (name, level) {
        ("topic", _) => Ok(Piece::Topic),
        ("device", _) => Ok(Piece::Device),
        (_, Some(level)) => Ok(Piece::Level(level)),
        _ => Err(NotATemplate::Unknown(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_service_ingest::Source;

    #[test]
    fn levels_topic_and_text_are_put_together() {
        let reading = Reading::raw(Source::Mqtt, "f/line7/temp".parse().unwrap(), "1");
        let named =
            |template: &str| template.parse::<Measurement>().map(|measurement| measurement.of(&reading));
        assert_eq!(named("{topic}").unwrap(), "f/line7/temp");
        assert_eq!(named("plant_{topic.2}_{topic.9}_{device}").unwrap(), "plant_line7_none_none");
        for bad in ["", "{", "{x}", "{topic.0}", "a{topic"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
