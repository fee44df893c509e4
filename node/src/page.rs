//! The page with the latest numbers joined to the pipeline: fed by a sink of its own, shown on a route, and the same after a restart.
//!
//! What it shows is written down beside the journal now and then and at the end. What came behind that is read again from the
//! journal at the start, in the background, up to where the sink goes on.

use crate::failure::Failure;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tidegate_connector_prometheus::{CONTENT_TYPE, Page, PageConfig, PageSink};
use tidegate_kernel_journal::Journal;
use tidegate_kernel_plug::{
    Capability, Draining, Family, Leftover, Need, Readiness, Route, Routes, Stage, listed,
};
use tidegate_service_ingest::Ingest;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

/// The name of the sink and of what is written down.
const NAME: &str = "page";
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// Records that are looked at again at a start: more than come between two times it is written down.
const REVIEW_MAX: u64 = 1_000_000;

/// The page, what feeds it, and what it is written down beside.
#[derive(Clone)]
pub(crate) struct Board {
    page: Page,
    sink: PageSink,
    ingest: Arc<Ingest>,
    journal: Journal,
    /// The journal has been read again: from now on it may be written down.
    is_filled: Arc<AtomicBool>,
    /// Of what was written down last: what has not changed is not written again. Held while it is written, since the end may come
    /// while the interval does.
    kept_hash: Arc<Mutex<u64>>,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    pub(crate) fn new(config: &PageConfig, ingest: Arc<Ingest>, journal: Journal) -> Board {
        let page = Page::default();
        let sink = PageSink::new(page.clone(), config.topics.clone());
        Board { page, sink, ingest, journal, is_filled: Arc::default(), kept_hash: Arc::default() }
    }

    /// Takes part in what comes from now on, and fills the page with what there was.
    pub(crate) fn start(&self, exporters: &Handle) -> Result<(), Failure> {
        let sink = self.sink.clone();
        let started = self.ingest.start_sink(NAME, exporters, move || sink.clone());
        started.map_err(|error| Failure::new(error.code(), &error, error.hint()))?;
        let (board, through) = (self.clone(), self.ingest.settled(NAME).unwrap_or(0));
        let keep = async move {
            let filling = board.clone();
            // A panic in there has been reported by then; the page is filled by what comes.
            let _ = tokio::task::spawn_blocking(move || filling.fill(through)).await;
            board.keep().await;
        };
        exporters.spawn(listed("page", "numbers", keep));
        Ok(())
    }

    pub(crate) fn routes(&self) -> Routes {
        let text = "The latest numbers of chosen topics.";
        Routes::new().with(
            Route::get("/metrics/readings", Need::Authenticated, text),
            show,
            self.page.clone(),
        )
    }

    /// What was written down, and what the sink was given after that, up to `through`. It is put together aside, so that no scrape
    /// sees half of it.
    fn fill(&self, through: u64) {
        let past = self.sink.aside();
        let kept_through = self.restore(&past).unwrap_or_else(|error| {
            tracing::warn!(code = "TG-PR-005", "what the page showed cannot be read: {error}");
            0
        });
        let first = (kept_through + 1).max(through.saturating_sub(REVIEW_MAX));
        let reviewed = self.ingest.review(first..=through, |row| past.show(&[row]));
        if let Err(error) = reviewed {
            tracing::warn!(code = error.code(), "the page shows less than it did: {error}");
        }
        self.sink.restore(&past.snapshot());
        self.is_filled.store(true, Ordering::Release);
    }

    /// The record up to which what was written down goes.
    fn restore(&self, past: &PageSink) -> io::Result<u64> {
        let Some((seq, bytes)) = self.journal.snapshot(NAME)? else { return Ok(0) };
        let is_read = std::str::from_utf8(&bytes).is_ok_and(|text| past.restore(text));
        if is_read { Ok(seq) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Writes it down at intervals, until it is dropped.
    async fn keep(&self) {
        let mut ticks = interval(KEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.save().await;
        }
    }

    /// Whether it is written down.
    async fn save(&self) -> bool {
        let board = self.clone();
        match tokio::task::spawn_blocking(move || board.write()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(code = "TG-PR-005", "what the page shows could not be written down: {error}");
                false
            }
            // A panic in there has been reported by then.
            Err(_) => false,
        }
    }

    /// The position comes first: what is behind it may be on the page as well, and does no harm.
    fn write(&self) -> io::Result<()> {
        if !self.is_filled.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut kept_hash = self.kept_hash.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = self.ingest.settled(NAME).unwrap_or(0).min(self.journal.synced().value());
        let text = self.sink.snapshot();
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        if *kept_hash != hash {
            self.journal.write_snapshot(NAME, seq, text.as_bytes())?;
            *kept_hash = hash;
        }
        Ok(())
    }
}

impl Capability for Board {
    fn name(&self) -> &'static str {
        NAME
    }

    fn stage(&self) -> Stage {
        Stage::Delivery
    }

    fn metrics(&self) -> Vec<Family> {
        let series = Family::gauge("tidegate_page_series", "Series on the page of chosen topics.");
        vec![series.with(&[], self.page.series() as u64)]
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn drain(&self, _deadline: Instant) -> Draining<'_> {
        Box::pin(async {
            let what = "snapshot of the page not written";
            let left = Leftover { part: "page".to_owned(), count: 1, what };
            if self.save().await { Vec::new() } else { vec![left] }
        })
    }
}

async fn show(State(page): State<Page>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page.text())
}
