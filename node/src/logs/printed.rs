//! Lines as they are printed. A reader that is gone is no reason to stop; one that does not read holds the line up, as every program's.

use super::Format;
use super::words::Words;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use tidegate_kernel_trace::{Place, current};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Writes each event as one line.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) format: Format,
    pub(super) has_colours: bool,
}

/// A line of JSON; what is not there is left out.
#[derive(Debug, Serialize)]
struct Object<'a> {
    time: &'a str,
    level: String,
    part: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

impl<S: Subscriber> Layer<S> for Printed {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let (time, place) = (format!("{:.6}", jiff::Timestamp::now()), current());
        let line = match self.format {
            Format::Text => self.text(&time, event.metadata(), &words, place.as_deref()),
            Format::Json => json(&time, event.metadata(), words, place.as_deref()),
        };
        let _ = io::stdout().lock().write_all(line.as_bytes());
    }
}

impl Printed {
    fn text(&self, time: &str, about: &Metadata<'_>, words: &Words, place: Option<&Place>) -> String {
        let level = about.level();
        let (on, off) = if self.has_colours { (colour(*level), "\u{1b}[0m") } else { ("", "") };
        let (part, message, tail) = (about.target(), shown(&words.message), shown(&words.tail()));
        let mut line = format!("{time} {on}{level:>5}{off} {part}: {message}");
        let writes = "writing to a string does not fail";
        if let Some(code) = &words.code {
            write!(line, " code={code:?}").expect(writes);
        }
        line.push_str(&tail);
        if let Some(id) = place.and_then(|place| place.request_id.as_deref()) {
            write!(line, " request_id={id}").expect(writes);
        }
        line + "\n"
    }
}

fn json(time: &str, about: &Metadata<'_>, mut words: Words, place: Option<&Place>) -> String {
    let (code, message) = (words.code.take(), std::mem::take(&mut words.message));
    let context = place.and_then(|place| place.context);
    let object = Object {
        time,
        level: about.level().as_str().to_ascii_lowercase(),
        part: about.target(),
        code: code.as_deref(),
        message: &message,
        request_id: place.and_then(|place| place.request_id.as_deref()),
        trace_id: context.map(|context| context.trace_id()),
        span_id: context.map(|context| context.span_id()),
        fields: words.into_json(),
    };
    serde_json::to_string(&object).expect("texts and numbers are JSON") + "\n"
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

/// What comes from outside may hold anything; a line stays one line and moves no cursor.
fn shown(text: &str) -> String {
    let is_harmless = |letter: char| !letter.is_control() || letter == '\t';
    text.chars()
        .map(
            |letter| {
                if is_harmless(letter) { letter.to_string() } else { letter.escape_default().to_string() }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tidegate_kernel_trace::Spans;
    use tracing_subscriber::layer::SubscriberExt;

    /// Catches what would be printed.
    struct Caught(Format, Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Caught {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut words = Words::default();
            event.record(&mut words);
            let (about, place) = (event.metadata(), current());
            let line = match self.0 {
                Format::Text => {
                    let printed = Printed { format: self.0, has_colours: false };
                    printed.text("T", about, &words, place.as_deref())
                }
                Format::Json => json("T", about, words, place.as_deref()),
            };
            self.1.lock().unwrap().push(line);
        }
    }

    fn caught(format: Format, work: impl FnOnce()) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = tracing_subscriber::registry().with(Spans::default().layer());
        tracing::subscriber::with_default(log.with(Caught(format, lines.clone())), work);
        lines.lock().unwrap().concat()
    }

    fn speak() {
        tracing::warn!(target: "tidegate_x", code = "TG-ND-001", port = 7, name = "a \"b\"", peer = %"::1", "not {}", "so");
    }

    #[test]
    fn a_line_of_text_says_level_part_words_code_fields_and_the_request() {
        assert_eq!(
            caught(Format::Text, speak),
            "T  WARN tidegate_x: not so code=\"TG-ND-001\" port=7 name=\"a \\\"b\\\"\" peer=::1\n"
        );
        let inside = caught(Format::Text, || {
            tracing::info_span!(target: "tidegate", "request", request_id = "r-1").in_scope(speak);
        });
        assert!(inside.ends_with(" peer=::1 request_id=r-1\n"), "{inside}");
    }

    #[test]
    fn a_line_of_json_is_one_object_with_the_same_and_the_trace() {
        let line = caught(Format::Json, || {
            let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            tracing::info_span!(target: "tidegate", "request", request_id = "r-1", traceparent)
                .in_scope(speak);
        });
        let object: Value = serde_json::from_str(&line).unwrap();
        let fields = serde_json::json!({"port": 7, "name": "a \"b\"", "peer": "::1"});
        assert_eq!((&object["level"], &object["part"]), (&"warn".into(), &"tidegate_x".into()));
        assert_eq!((&object["code"], &object["message"]), (&"TG-ND-001".into(), &"not so".into()));
        assert_eq!((&object["request_id"], &object["fields"]), (&"r-1".into(), &fields));
        assert_eq!(
            (&object["trace_id"], object["span_id"].as_str().map(str::len)),
            (&"4bf92f3577b34da6a3ce929d0e0e4736".into(), Some(16))
        );
        assert!(caught(Format::Json, || tracing::info!("x")).find("request_id").is_none());
    }

    #[test]
    fn what_comes_from_outside_begins_no_line_and_moves_no_cursor() {
        let line = caught(Format::Text, || tracing::info!(topic = %"a\n\u{1b}[2J", "one\r\ntwo"));
        assert!(
            line.ends_with(": one\\r\\ntwo topic=a\\n\\u{1b}[2J\n") && line.lines().count() == 1,
            "{line}"
        );
    }
}
