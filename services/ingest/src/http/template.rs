//! How the topic of a line is made of its measurement and tags. Pure.
//!
//! ```text
//! {measurement}   {tags}: all values, in the order of their keys, between slashes   {tag.KEY}: one   {db}: the request's db or bucket
//! ```
//!
//! A level that stays empty, as of a tag the line does not have, is left out.

use std::fmt;
use std::str::FromStr;
use tidegate_codec_lineprotocol::Point;

const BYTES_MAX: usize = 1024;
const DEFAULT: &str = "{measurement}/{tags}";

/// A topic with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Measurement,
    Tags,
    Tag(String),
    Db,
}

/// A template that cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no template of a topic, which has {{measurement}}, {{tags}}, {{tag.KEY}} and {{db}}")]
pub struct NotATemplate(String);

impl Default for Template {
    fn default() -> Template {
        DEFAULT.parse().expect("the default is a template")
    }
}

impl FromStr for Template {
    type Err = NotATemplate;

    fn from_str(text: &str) -> Result<Template, NotATemplate> {
        let faulty = || NotATemplate(text.chars().take(80).collect());
        if text.is_empty() || text.len() > BYTES_MAX {
            return Err(faulty());
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or_else(faulty)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(part(name).ok_or_else(faulty)?);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Template { text: text.to_owned(), parts })
    }
}

fn part(name: &str) -> Option<Part> {
    match name {
        "measurement" => Some(Part::Measurement),
        "tags" => Some(Part::Tags),
        "db" => Some(Part::Db),
        _ => name.strip_prefix("tag.").filter(|key| !key.is_empty()).map(|key| Part::Tag(key.to_owned())),
    }
}

impl Template {
    /// The topic of a point that came for `db`; not looked at yet, so it may be none.
    pub(super) fn fill(&self, point: &Point, db: &str) -> String {
        let filled: String = self.parts.iter().map(|part| value(part, point, db)).collect();
        let levels: Vec<&str> = filled.split('/').filter(|level| !level.is_empty()).collect();
        levels.join("/")
    }
}

fn value(part: &Part, point: &Point, db: &str) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Measurement => point.measurement.clone(),
        Part::Db => db.to_owned(),
        Part::Tag(wanted) => {
            let found = point.tags.iter().find(|(key, _)| key == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        }
        Part::Tags => {
            let mut tags: Vec<_> = point.tags.iter().collect();
            tags.sort();
            tags.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_codec_lineprotocol::parse;

    fn topic(template: &str, line: &str) -> String {
        template.parse::<Template>().unwrap().fill(&parse(line.as_bytes()).unwrap(), "plant")
    }

    #[test]
    fn a_topic_is_made_of_measurement_and_tags_in_the_order_of_their_keys() {
        let line = "press,unit=3,line=7 temp=1";
        assert_eq!(topic(DEFAULT, line), "press/7/3");
        assert_eq!(topic(DEFAULT, "press temp=1"), "press");
        assert_eq!(topic("{db}/line/{tag.line}/{measurement}", line), "plant/line/7/press");
        assert_eq!(topic("a/{tag.none}/b", line), "a/b");
    }

    #[test]
    fn a_template_with_a_place_nobody_knows_is_none() {
        for text in ["", "{", "{}", "{tag.}", "{other}", "a{measurement", &"x".repeat(2000)] {
            assert!(text.parse::<Template>().is_err(), "{text}");
        }
    }
}
