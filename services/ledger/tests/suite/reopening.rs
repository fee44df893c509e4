//! A book over restarts, a clock that jumps, a journal that stops, and many who ask at once.

use crate::asks::{order, reserve, transfer};
use crate::desk::Desk;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_kernel_plug::{Capability, Readiness};
use tidegate_service_ledger::{Ask, Done, NamedAction, Setback, Shared};

#[tokio::test]
async fn balances_reservations_and_ids_are_there_after_a_restart_also_from_a_snapshot() {
    let shared = Shared { scrub: Duration::from_millis(20), snapshot_facts: 10, ..Shared::default() };
    let mut desk = Desk::with(shared).with_accounts().await;
    let first = order(transfer("source", "a", 100));
    let done = desk.one(first.clone()).await.unwrap();
    let held = order(reserve("a", "b", 40, None));
    desk.one(held.clone()).await.unwrap();
    for round in 1..=3 {
        for _ in 0..20 {
            desk.done(transfer("a", "b", 1)).await;
        }
        wait_for_snapshot(&desk).await;
        desk.done(transfer("b", "a", 20)).await;
        desk = desk.reopen();
        assert_eq!((desk.balance("a"), desk.balance("b")), ([100, 40, 0], [0, 0, 40]), "round {round}");
        assert_eq!(desk.one(first.clone()).await, Ok(Done { known: true, ..done }));
    }
    desk.done(NamedAction::Post { reservation: held.id, amount: None }).await;
    assert_eq!((desk.balance("a"), desk.balance("b")), ([60, 0, 0], [40, 0, 0]));
}

async fn wait_for_snapshot(desk: &Desk) {
    let has = || {
        let files = std::fs::read_dir(desk.dir.path().join("books")).unwrap();
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("ledger-main-"))
    };
    while !has() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn two_books_share_a_journal_and_nothing_else() {
    let desk = Desk::open().with_accounts().await;
    let other = desk.ledger.book("other").unwrap();
    assert_eq!(other.balance("a").unwrap_err().code(), "TG-LE-002");
    other.submit(vec![crate::asks::account("a", "CNY", 0)]).await.unwrap();
    desk.done(transfer("source", "a", 9)).await;
    assert_eq!(other.balance("a").unwrap().1.balance.posted, 0);
    let desk = desk.reopen();
    assert_eq!(desk.balance("a"), [9, 0, 0]);
    assert_eq!(desk.ledger.book("other").unwrap().balance("a").unwrap().1.balance.posted, 0);
}

#[tokio::test]
async fn a_clock_set_ahead_ends_no_reservation_until_it_is_accepted_and_a_suspend_does() {
    let desk = Desk::open().with_accounts().await;
    desk.done(reserve("source", "a", 5, Some(600_000))).await;
    desk.hands.ahead_ms.store(700_000, Ordering::SeqCst);
    desk.done(transfer("source", "b", 1)).await;
    assert_eq!(desk.balance("a"), [0, 0, 5]);
    let Readiness::Unready(why) = desk.ledger.readiness() else { panic!("the clock is in doubt") };
    assert!(why.contains("clock"), "{why}");
    desk.ledger.accept_clock();
    desk.done(transfer("source", "b", 1)).await;
    assert_eq!((desk.balance("a"), desk.ledger.readiness()), ([0; 3], Readiness::Ready));
    desk.done(reserve("source", "a", 5, Some(600_000))).await;
    desk.hands.suspended_ms.store(600_001, Ordering::SeqCst);
    desk.done(transfer("source", "b", 1)).await;
    assert_eq!(desk.balance("a"), [0; 3]);
}

#[tokio::test]
async fn a_journal_that_is_closed_refuses_and_nothing_is_changed() {
    let mut desk = Desk::open().with_accounts().await;
    desk.done(transfer("source", "a", 5)).await;
    desk.folder().books().close();
    let outcome = desk.one(order(transfer("source", "a", 5))).await;
    assert!(matches!(outcome, Err(Setback::Closed(_))), "{outcome:?}");
    desk = desk.reopen();
    assert_eq!(desk.balance("a"), [5, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_many_who_give_up_waiting_are_done_once_each_and_the_sum_is_right() {
    let desk = Desk::open().with_accounts().await;
    let orders: Vec<_> = (0..400).map(|_| order(transfer("source", "a", 1))).collect();
    for order in &orders {
        let book = desk.book.clone();
        let asks = vec![Ask::One(order.clone())];
        let waiting = tokio::spawn(async move { book.submit(asks).await });
        tokio::task::yield_now().await;
        waiting.abort();
    }
    // Who gave up asks again, with the same ids.
    for order in orders {
        desk.one(order).await.unwrap();
    }
    assert_eq!((desk.balance("source"), desk.balance("a")), ([-400, 0, 0], [400, 0, 0]));
}

#[tokio::test]
async fn beyond_the_limit_of_those_who_wait_a_request_is_refused_as_busy_and_counted() {
    // One place for the scrubber, which may be asking just now, and one for an order.
    let desk = Desk::with(Shared { waiting_max: 2, ..Shared::default() }).with_accounts().await;
    let ask = || desk.book.submit(vec![Ask::One(order(transfer("source", "a", 1)))]);
    // On this one thread nothing runs between them.
    let (first, second, third, fourth) = tokio::join!(ask(), ask(), ask(), ask());
    let answers = [first, second, third, fourth];
    let busy = answers.iter().filter(|answer| **answer == Err(Setback::Busy)).count();
    assert!(busy > 0 && busy < answers.len(), "{answers:?}");
    let page = tidegate_kernel_plug::exposition(&desk.ledger.metrics());
    // The scrubber's own may have been one of those that were refused.
    let is_counted = |busy: usize| {
        page.contains(&format!("tidegate_ledger_busy_requests_total{{book=\"main\"}} {busy}\n"))
    };
    assert!(is_counted(busy) || is_counted(busy + 1), "{page}");
}
