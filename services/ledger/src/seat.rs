//! The place of one book in the node: the book, once it is open. Where a gear's store is away, it is opened behind the start, and tried again
//! and again; until then there is a reason and no book.

use crate::book::Book;
use crate::config::{BookConfig, Shared};
use crate::error::{OpenError, Setback};
use crate::scrub::{self, Findings};
use crate::store::Gear;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tidegate_kernel_flow::Backoff;
use tidegate_kernel_id::jitter;
use tidegate_kernel_journal::Clock;
use tidegate_kernel_plug::with_causes;
use tokio::time::sleep;

/// Its scrubber panicked too often.
const UNSCRUBBED: &str = "it is not scrubbed any more (TG-LE-045)";
/// How long is waited between two tries to open a book.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

#[derive(Debug, Default)]
pub(crate) struct Seat {
    taken: OnceLock<(Arc<Book>, Arc<Findings>)>,
    /// Why it is not taken.
    why: Mutex<String>,
}

/// All that opening a book takes.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) gear: Arc<dyn Gear>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) book: BookConfig,
    pub(crate) shared: Shared,
}

impl Opening {
    /// Blocks; within a tokio runtime.
    fn open(&self) -> Result<Arc<Book>, OpenError> {
        let store = self.gear.open(&self.book.name)?;
        Book::on(store, self.clock.clone(), self.book.clone(), self.shared)
    }
}

impl Seat {
    pub(crate) fn book(&self) -> Option<(&Arc<Book>, &Findings)> {
        self.taken.get().map(|(book, findings)| (book, &**findings))
    }

    pub(crate) fn port(&self) -> Result<Arc<Book>, Setback> {
        self.book().map(|(book, _)| book.clone()).ok_or_else(|| Setback::Away(self.why()))
    }

    pub(crate) fn why(&self) -> String {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why its book takes no orders, or is not looked after.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self.book() {
            None => Some(self.why()),
            Some((book, findings)) => {
                let has_failed = findings.has_failed.load(Ordering::SeqCst);
                book.trouble().or_else(|| has_failed.then(|| UNSCRUBBED.to_owned()))
            }
        }
    }

    /// Opens the book now.
    pub(crate) fn take(&self, opening: &Opening) -> Result<(), OpenError> {
        let (book, findings) = (opening.open()?, Arc::<Findings>::default());
        if self.taken.set((book.clone(), findings.clone())).is_ok() {
            tokio::spawn(scrub::keep(book, findings));
        }
        Ok(())
    }

    /// Opens the book once it can be opened.
    pub(crate) async fn wait(self: Arc<Seat>, opening: Opening) {
        let mut backoff = Backoff::new(WAITS.0, WAITS.1);
        loop {
            let (seat, this) = (self.clone(), opening.clone());
            match tokio::task::spawn_blocking(move || seat.take(&this)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => self.refuse(&opening.book.name, &error),
                // The runtime is ending, or the store's code panicked and has said so.
                Err(_) => return,
            }
            sleep(backoff.next_wait(jitter())).await;
        }
    }

    fn refuse(&self, book: &str, error: &OpenError) {
        let why = format!("{} ({})", with_causes(error), error.code());
        let mut last = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != why {
            tracing::warn!(book, code = error.code(), why, "a book is not open yet; it is tried again");
            *last = why;
        }
    }
}
