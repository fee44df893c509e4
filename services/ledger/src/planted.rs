//! The scrubber finds what was planted behind the journal's back, and the book closes; and finds nothing where there is nothing.

use crate::ask::{Ask, NamedAction, NamedOrder};
use crate::book::Book;
use crate::config::{BookConfig, Shared};
use crate::port::Port;
use crate::scrub::{Drift, Scrubber, one_unit};
use std::sync::Arc;
use tempfile::TempDir;
use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
use tidegate_kernel_journal::{DataFolder, Id as Made, SystemClock};

fn open_book(folder: &DataFolder) -> Arc<Book> {
    let config = BookConfig { name: "main".to_owned(), limit: Default::default() };
    Book::open(folder.books().clone(), 1024, Arc::new(SystemClock), config, Shared::default()).unwrap()
}

fn account(name: &str) -> Ask {
    let limits = Limits { min: i64::MIN, max: i64::MAX };
    Ask::Open { name: Name::new(name).unwrap(), currency: Currency::new("CNY").unwrap(), limits }
}

fn transfer(amount: i64) -> Ask {
    let action = NamedAction::Transfer { debit: "a".to_owned(), credit: "b".to_owned(), amount };
    let now_ms = tidegate_kernel_journal::Clock::wall_ms(&SystemClock);
    Ask::One(NamedOrder { id: Id(Made::v7(now_ms).0), action, memo: Memo::default() })
}

#[tokio::test]
async fn a_sound_book_is_found_sound_and_one_planted_unit_is_found_and_closes_it() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let book = open_book(&folder);
    book.submit(vec![account("a"), account("b"), transfer(5)]).await.unwrap();
    let mut scrubber = Scrubber::new(book.clone(), Arc::default());
    assert_eq!(scrubber.scrub().await, Ok(Ok(())));
    book.plant(one_unit()).await;
    let found = scrubber.scrub().await.unwrap().unwrap_err();
    assert!(matches!(&found, Drift::Balance { account, .. } if account == "a"), "{found}");
    scrubber.alarm(&found);
    let closed = book.submit(vec![transfer(1)]).await.unwrap_err();
    assert_eq!(closed.code(), "TG-LE-032");
    assert!(closed.to_string().contains("TG-LE-042"), "{closed}");
}

#[tokio::test]
async fn a_book_that_is_opened_again_is_what_the_journal_has_and_not_what_was_planted() {
    let dir = TempDir::new().unwrap();
    let folder = DataFolder::open(dir.path()).unwrap();
    let book = open_book(&folder);
    book.submit(vec![account("a"), account("b"), transfer(5)]).await.unwrap();
    book.plant(one_unit()).await;
    drop(book);
    folder.close();
    let folder = DataFolder::open(dir.path()).unwrap();
    let book = open_book(&folder);
    assert_eq!(book.balance("b").unwrap().1.balance.posted, 5);
    assert_eq!(Scrubber::new(book, Arc::default()).scrub().await, Ok(Ok(())));
}
