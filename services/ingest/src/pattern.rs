//! A name made of a reading, such as a measurement or a key: plain text with `{topic}`, `{topic.N}` and `{device}`. Pure.

use crate::reading::{Body, Reading};
use std::fmt::Write;
use std::str::FromStr;

const PATTERN_BYTES_MAX: usize = 256;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Topic,
    /// From 1.
    Level(usize),
    Device,
}

/// Text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    #[error("a pattern has 1 to {PATTERN_BYTES_MAX} bytes")]
    Length,
    #[error("{{{0}}} is none of {{topic}}, {{topic.1}}, {{device}}")]
    Unknown(String),
    #[error("a brace is not closed")]
    Open,
}

impl Pattern {
    /// The name for one reading. A level or a device that is not there is `none`.
    pub fn of(&self, reading: &Reading) -> String {
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

impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Pattern, NotAPattern> {
        if !(1..=PATTERN_BYTES_MAX).contains(&text.len()) {
            return Err(NotAPattern::Length);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(NotAPattern::Open)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(piece(name)?);
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Pattern(pieces))
    }
}

fn piece(name: &str) -> Result<Piece, NotAPattern> {
    let level = name.strip_prefix("topic.").and_then(|level| level.parse().ok()).filter(|level| *level > 0);
    match (name, level) {
        ("topic", _) => Ok(Piece::Topic),
        ("device", _) => Ok(Piece::Device),
        (_, Some(level)) => Ok(Piece::Level(level)),
        _ => Err(NotAPattern::Unknown(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Source;

    #[test]
    fn levels_topic_and_text_are_put_together() {
        let reading = Reading::raw(Source::Mqtt, "f/line7/temp".parse().unwrap(), "1");
        let named = |text: &str| text.parse::<Pattern>().map(|pattern| pattern.of(&reading));
        assert_eq!(named("{topic}").unwrap(), "f/line7/temp");
        assert_eq!(named("plant_{topic.2}_{topic.9}_{device}").unwrap(), "plant_line7_none_none");
        for bad in ["", "{", "{x}", "{topic.0}", "a{topic"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
