//! A ledger on a journal in a folder of its own, for tests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_engine_book::BookLimit;
use tidegate_kernel_journal::{Clock, DataFolder, SystemClock};
use tidegate_service_ledger::{BookConfig, Config, Ledger, OpenError, Port, Shared};

pub(crate) const GEAR: &str = "embedded";

/// A wall clock that a test sets ahead, beside one that nobody can.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    pub(crate) ahead_ms: AtomicU64,
    pub(crate) suspended_ms: AtomicU64,
}

impl Clock for Hands {
    fn wall_ms(&self) -> u64 {
        let passed = self.suspended_ms.load(Ordering::SeqCst);
        SystemClock.wall_ms() + self.ahead_ms.load(Ordering::SeqCst) + passed
    }

    fn boot_ms(&self) -> u64 {
        SystemClock.boot_ms() + self.suspended_ms.load(Ordering::SeqCst)
    }
}

pub(crate) struct Desk {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) book: Arc<dyn Port>,
    pub(crate) hands: Arc<Hands>,
    folder: Option<DataFolder>,
    pub(crate) dir: TempDir,
    shared: Shared,
    limit: BookLimit,
}

impl Desk {
    pub(crate) fn open() -> Desk {
        Desk::with(Shared { scrub: Duration::from_millis(100), ..Shared::default() })
    }

    /// For the suite that every gear takes; another one may not be had here.
    pub(crate) async fn ready(_test: &str) -> Option<Desk> {
        Some(Desk::open().with_accounts().await)
    }

    pub(crate) fn with(shared: Shared) -> Desk {
        Desk::at(TempDir::new().unwrap(), shared)
    }

    /// On a folder that is there.
    pub(crate) fn at(dir: TempDir, shared: Shared) -> Desk {
        Desk::limited(dir, shared, BookLimit::default())
    }

    pub(crate) fn limited(dir: TempDir, shared: Shared, limit: BookLimit) -> Desk {
        let hands = Arc::new(Hands::default());
        let (folder, ledger) = opened(dir.path(), &hands, shared, limit).unwrap();
        let book = ledger.book("main").unwrap();
        Desk { ledger, book, hands, folder: Some(folder), dir, shared, limit }
    }

    /// Why the books of a folder do not open.
    pub(crate) fn refused(path: &Path) -> OpenError {
        opened(path, &Arc::default(), Shared::default(), BookLimit::default()).unwrap_err()
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        self.folder.as_ref().unwrap()
    }

    /// Closes the folder and opens it again.
    pub(crate) fn reopen(mut self) -> Desk {
        self.folder.take().unwrap().close();
        let (folder, ledger) = opened(self.dir.path(), &self.hands, self.shared, self.limit).unwrap();
        let book = ledger.book("main").unwrap();
        Desk { ledger, book, folder: Some(folder), ..self }
    }

    /// Closes the folder and gives what is left of it.
    pub(crate) fn close(mut self) -> TempDir {
        self.folder.take().unwrap().close();
        self.dir
    }
}

fn opened(
    path: &Path,
    hands: &Arc<Hands>,
    shared: Shared,
    limit: BookLimit,
) -> Result<(DataFolder, Arc<Ledger>), OpenError> {
    let folder = DataFolder::open(path).unwrap();
    let named = |name: &str| BookConfig { name: name.to_owned(), limit };
    let config = Config { shared, books: vec![named("main"), named("other")] };
    let clock: Arc<dyn Clock> = hands.clone();
    let ledger = Ledger::open(folder.books(), &clock, &config)?;
    Ok((folder, Arc::new(ledger)))
}
