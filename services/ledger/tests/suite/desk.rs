//! A ledger on a journal in a folder of its own, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_journal::{Clock, DataFolder, Id as Made, SystemClock};
use tidegate_service_ledger::{
    Ask, BookConfig, Config, Done, Ledger, NamedAction, NamedOrder, Outcome, Port, Shared,
};

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

    /// With accounts `source`, which may go below zero, `a`, `b`, and `dollars`.
    pub(crate) async fn with_accounts(self) -> Desk {
        let asks = vec![
            account("source", "CNY", i64::MIN),
            account("a", "CNY", 0),
            account("b", "CNY", 0),
            account("dollars", "USD", i64::MIN),
        ];
        assert!(self.book.submit(asks).await.unwrap().iter().all(Result::is_ok));
        self
    }

    pub(crate) async fn one(&self, order: NamedOrder) -> Outcome {
        self.book.submit(vec![Ask::One(order)]).await.unwrap().remove(0)
    }

    pub(crate) async fn done(&self, action: NamedAction) -> Done {
        self.one(order(action)).await.unwrap()
    }

    /// Posted, outgoing, incoming.
    pub(crate) fn balance(&self, account: &str) -> [i64; 3] {
        let balance = self.book.balance(account).unwrap().1.balance;
        [balance.posted, balance.outgoing, balance.incoming]
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

pub(crate) fn account(name: &str, currency: &str, min: i64) -> Ask {
    let (name, currency) = (Name::new(name).unwrap(), Currency::new(currency).unwrap());
    Ask::Open { name, currency, limits: Limits { min, max: i64::MAX } }
}

pub(crate) fn id() -> Id {
    Id(Made::v7(SystemClock.wall_ms()).0)
}

pub(crate) fn order(action: NamedAction) -> NamedOrder {
    NamedOrder { id: id(), action, memo: Memo::default() }
}

pub(crate) fn transfer(debit: &str, credit: &str, amount: i64) -> NamedAction {
    NamedAction::Transfer { debit: debit.to_owned(), credit: credit.to_owned(), amount }
}

pub(crate) fn reserve(debit: &str, credit: &str, amount: i64, timeout_ms: Option<u64>) -> NamedAction {
    NamedAction::Reserve { debit: debit.to_owned(), credit: credit.to_owned(), amount, timeout_ms }
}
