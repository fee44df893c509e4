//! The log: to standard error, filtered by `TIDEGATE_LOG`, coloured only for a terminal and without `NO_COLOR`; and the last
//! warnings and errors in memory, for whoever asks the node what is wrong.
//!
//! Takes the wall clock for each line that is kept; the lock is held for a push.

use crate::failure::Failure;
use serde::Serialize;
use std::collections::VecDeque;
use std::env;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt as written};

const VARIABLE: &str = "TIDEGATE_LOG";
const DEFAULT: &str = "warn,tidegate=info";
/// Lines kept, and bytes of each one's words.
const LINES_MAX: usize = 256;
const LINE_BYTES_MAX: usize = 1024;

/// The last lines of level warn and above. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    last: u64,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Rises by one from line to line, from 1 at the start of the process.
    pub(crate) number: u64,
    /// Milliseconds since 1970.
    at_ms: u64,
    /// `warn` or `error`.
    level: &'static str,
    /// The part of the program.
    part: &'static str,
    /// An error code, where the line has one.
    code: Option<String>,
    message: String,
}

pub(crate) fn start() -> Result<Recent, Failure> {
    let text = env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|error| {
        let message = format!("{VARIABLE} is {text:?}, which is no filter: {error}");
        Failure::message("TG-ND-005", message, "use levels and names, like `warn,tidegate=debug`")
    })?;
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let errors = written::layer().with_ansi(!plain && io::stderr().is_terminal()).with_writer(io::stderr);
    let recent = Recent::default();
    tracing_subscriber::registry().with(filter).with(errors).with(recent.clone()).init();
    Ok(recent)
}

impl Recent {
    /// Lines behind this number that are kept still, oldest first.
    pub(crate) fn since(&self, number: u64) -> Vec<Line> {
        self.ring().lines.iter().filter(|line| line.number > number).cloned().collect()
    }

    /// How many there were since the start.
    pub(crate) fn last(&self) -> u64 {
        self.ring().last
    }

    fn push(&self, level: &'static str, part: &'static str, words: Words) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_ms = since.map_or(0, |since| since.as_millis() as u64);
        let Words { code, mut message, fields } = words;
        message.push_str(&fields);
        message.truncate(message.floor_char_boundary(LINE_BYTES_MAX));
        let mut ring = self.ring();
        ring.last += 1;
        let number = ring.last;
        ring.lines.push_back(Line { number, at_ms, level, part, code, message });
        let surplus = ring.lines.len().saturating_sub(LINES_MAX);
        ring.lines.drain(..surplus);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let level = match *about.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        let mut words = Words::default();
        event.record(&mut words);
        self.push(level, about.target(), words);
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Words {
    code: Option<String>,
    message: String,
    /// ` name=value` for each of the others.
    fields: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "code" => self.code = Some(value.to_owned()),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("writing to a string does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_errors_are_kept_with_their_code_and_the_oldest_goes() {
        let recent = Recent::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(recent.clone()), || {
            tracing::info!("nothing to see");
            tracing::error!(code = "TG-ND-001", port = 7, "could not {}", "listen");
            (0..LINES_MAX).for_each(|_| tracing::warn!("{}", "x".repeat(2 * LINE_BYTES_MAX)));
        });
        assert_eq!((recent.last(), recent.since(0).len()), (257, LINES_MAX));
        assert_eq!(recent.since(0)[0].number, 2);
        assert_eq!(recent.since(256)[0].message.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn a_line_says_level_code_and_fields() {
        let recent = Recent::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(recent.clone()), || {
            tracing::error!(code = "TG-ND-001", port = 7, "could not {}", "listen");
        });
        let line = &recent.since(0)[0];
        assert_eq!((line.level, line.code.as_deref()), ("error", Some("TG-ND-001")));
        assert_eq!(line.message, "could not listen port=7");
    }
}
