//! What is seen of a channel from outside while its task runs. A lock for the time it takes to copy a few numbers.

use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Dead letters remembered one by one; all of them are counted.
const LETTERS_MAX: usize = 32;

/// The state of one channel.
#[derive(Debug, Default)]
pub(crate) struct State {
    inner: Mutex<Seen>,
}

/// A copy of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// Messages that were taken, and that were not, since the start.
    pub messages_sent: u64,
    pub messages_failed: u64,
    /// Why the last one was not taken; nothing after one that was.
    pub failure: Option<Failure>,
    /// The other side refuses the channel as it is set.
    pub broken: bool,
    /// The task has ended, for the journal takes nothing more.
    pub ended: bool,
    /// The last notices that were given up.
    pub dead_letters: Vec<Letter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
}

/// A notice that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    pub id: String,
    pub alarm: String,
    pub code: &'static str,
}

impl State {
    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    pub(crate) fn sent(&self) {
        let mut seen = self.lock();
        seen.messages_sent += 1;
        (seen.failure, seen.broken) = (None, false);
    }

    /// Whether that is news.
    pub(crate) fn failed(&self, code: &'static str, message: String, broken: bool) -> bool {
        let mut seen = self.lock();
        seen.messages_failed += 1;
        let is_news = seen.failure.as_ref().is_none_or(|failure| failure.code != code);
        seen.broken |= broken;
        seen.failure = Some(Failure { code, message });
        is_news
    }

    pub(crate) fn ended(&self, code: &'static str, message: String) {
        let mut seen = self.lock();
        seen.ended = true;
        seen.failure = Some(Failure { code, message });
    }

    pub(crate) fn failure_code(&self) -> Option<&'static str> {
        self.lock().failure.as_ref().map(|failure| failure.code)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    pub(crate) fn buried(&self, letter: Letter) {
        let mut seen = self.lock();
        if seen.dead_letters.len() == LETTERS_MAX {
            seen.dead_letters.remove(0);
        }
        seen.dead_letters.push(letter);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
