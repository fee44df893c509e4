//! What tests ask of a book, whatever gear keeps it. The desk is the crate's own that takes the suite.

use crate::desk::Desk;
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_journal::{Clock, Id as Made, SystemClock};
use tidegate_service_ledger::{Ask, Done, NamedAction, NamedOrder, Outcome};

impl Desk {
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
        self.book.submit(vec![Ask::One(order)]).await.and_then(|mut outcomes| outcomes.remove(0))
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
