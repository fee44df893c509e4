//! A line of line protocol as a reading: its topic by a template, its fields as points. Pure, but that the time of receipt is
//! handed in.

use crate::http::outcome::{Fault, LINE, TOPIC};
use crate::http::template::Template;
use crate::reading::{Points, Reading, Source};
use std::sync::Arc;
use tidegate_codec_lineprotocol::{FieldValue, Point as Line, Precision, parse};
use tidegate_codec_mqtt::TopicName;
use tidegate_engine_tags::{Point, Quality, Value};

/// What a device's and a tag's name may have.
const NAME_BYTES_MAX: usize = 255;

/// What holds for all lines of a request.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) precision: Precision,
    pub(super) template: &'a Template,
    /// The request's `db` or `bucket`.
    pub(super) db: &'a str,
    pub(super) received_ms: u64,
}

impl Setting<'_> {
    pub(super) fn reading(&self, line: &[u8]) -> Result<Reading, Fault> {
        let line = parse(line).map_err(|error| Fault::new(LINE, error.to_string()))?;
        let name = self.template.fill(&line, self.db);
        let topic = TopicName::new(&name).map_err(|error| Fault::new(TOPIC, format!("{name:?}: {error}")))?;
        if name.len() > NAME_BYTES_MAX {
            return Err(Fault::new(TOPIC, format!("the topic has more than {NAME_BYTES_MAX} bytes")));
        }
        let source_ms = match line.time {
            Some(time) => Some(self.precision.unix_ms(time).ok_or_else(|| out_of_range(time))?),
            None => None,
        };
        let points = self.points(line, source_ms.unwrap_or(self.received_ms))?;
        let points = Points { device: name.into(), points };
        Ok(Reading { source_ms, ..Reading::points(Source::Http, topic, points) })
    }

    fn points(&self, line: Line, source_ms: u64) -> Result<Vec<Point>, Fault> {
        let point = |(name, value): (String, FieldValue)| {
            if name.len() > NAME_BYTES_MAX {
                return Err(Fault::new(
                    LINE,
                    format!("the name of a field has more than {NAME_BYTES_MAX} bytes"),
                ));
            }
            let value = value_of(&name, value)?;
            Ok(Point { tag: Arc::from(name), value, quality: Quality::Good, source_ms })
        };
        line.fields.into_iter().map(point).collect()
    }
}

fn value_of(name: &str, value: FieldValue) -> Result<Value, Fault> {
    Ok(match value {
        FieldValue::Real(real) => Value::Real(real),
        FieldValue::Integer(integer) => Value::Integer(integer),
        FieldValue::Bool(boolean) => Value::Boolean(boolean),
        FieldValue::Text(text) => Value::Text(text.into()),
        FieldValue::Unsigned(unsigned) => {
            let too_large = |_| Fault::new(LINE, format!("{unsigned}u of field {name} is too large"));
            Value::Integer(i64::try_from(unsigned).map_err(too_large)?)
        }
    })
}

fn out_of_range(time: i64) -> Fault {
    Fault::new(LINE, format!("the time {time} lies before 1970, or too far off"))
}
