//! A ledger on a journal in a folder of its own, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_kernel_journal::{Clock, DataFolder, SystemClock};
use tidegate_service_ledger::{BookConfig, Config, Ledger, Port, Shared};

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
        let dir = TempDir::new().unwrap();
        let hands = Arc::new(Hands::default());
        let (folder, ledger) = opened(&dir, &hands, shared);
        let book = ledger.book("main").unwrap();
        Desk { ledger, book, hands, folder: Some(folder), dir, shared }
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        self.folder.as_ref().unwrap()
    }

    /// Closes the folder and opens it again.
    pub(crate) fn reopen(mut self) -> Desk {
        self.folder.take().unwrap().close();
        let (folder, ledger) = opened(&self.dir, &self.hands, self.shared);
        let book = ledger.book("main").unwrap();
        Desk { ledger, book, folder: Some(folder), ..self }
    }

    /// Closes the folder and gives what is left of it.
    pub(crate) fn close(mut self) -> TempDir {
        self.folder.take().unwrap().close();
        self.dir
    }
}

fn opened(dir: &TempDir, hands: &Arc<Hands>, shared: Shared) -> (DataFolder, Arc<Ledger>) {
    let folder = DataFolder::open(dir.path()).unwrap();
    let named = |name: &str| BookConfig { name: name.to_owned(), limit: Default::default() };
    let config = Config { shared, books: vec![named("main"), named("other")] };
    let clock: Arc<dyn Clock> = hands.clone();
    let ledger = Ledger::open(folder.books(), &clock, &config).unwrap();
    (folder, Arc::new(ledger))
}
