//! The last warnings and errors, for `GET /api/v1/log`. The lock is held for a push.

use super::words::Words;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tidegate_kernel_trace::current;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

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
    /// Of the request that it was done for, where it was for one.
    request_id: Option<String>,
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
        let mut message = words.message.clone() + &words.tail();
        message.truncate(message.floor_char_boundary(LINE_BYTES_MAX));
        let request_id = current().and_then(|place| place.request_id.clone());
        let mut ring = self.ring();
        ring.last += 1;
        let number = ring.last;
        ring.lines.push_back(Line { number, at_ms, level, part, code: words.code, message, request_id });
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
        // As in the default filter of the log.
        if about.target().starts_with("opcua") {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_kernel_trace::Spans;
    use tracing_subscriber::layer::SubscriberExt;

    fn kept(work: impl FnOnce()) -> Recent {
        let recent = Recent::default();
        let log = tracing_subscriber::registry().with(Spans::default().layer()).with(recent.clone());
        tracing::subscriber::with_default(log, work);
        recent
    }

    #[test]
    fn warnings_and_errors_are_kept_with_their_code_and_the_oldest_goes() {
        let recent = kept(|| {
            tracing::info!("nothing to see");
            tracing::error!(code = "TG-ND-001", port = 7, "could not {}", "listen");
            (0..LINES_MAX).for_each(|_| tracing::warn!("{}", "x".repeat(2 * LINE_BYTES_MAX)));
        });
        assert_eq!((recent.last(), recent.since(0).len()), (257, LINES_MAX));
        assert_eq!(recent.since(0)[0].number, 2);
        assert_eq!(recent.since(256)[0].message.len(), LINE_BYTES_MAX);
    }

    #[test]
    fn a_line_says_level_code_fields_and_request() {
        let recent = kept(|| {
            tracing::info_span!("request", request_id = "r-1")
                .in_scope(|| tracing::error!(code = "TG-ND-001", port = 7, "could not {}", "listen"));
        });
        let line = &recent.since(0)[0];
        assert_eq!((line.level, line.code.as_deref()), ("error", Some("TG-ND-001")));
        assert_eq!(
            (line.message.as_str(), line.request_id.as_deref()),
            ("could not listen port=7", Some("r-1"))
        );
    }
}
