//! What every gear behind the port does. The embedded one is asked here; another one takes the same suite.

use crate::desk::{Desk, id, order, reserve, transfer};
use tidegate_engine_book::Fact;
use tidegate_service_ledger::{Ask, Done, Moment, NamedAction, NamedOrder, Setback};

#[tokio::test]
async fn what_is_called_done_is_seen_by_whoever_reads_next() {
    let desk = Desk::open().with_accounts().await;
    let done = desk.done(transfer("source", "a", 30)).await;
    assert!(!done.known);
    assert_eq!((desk.balance("source"), desk.balance("a")), ([-30, 0, 0], [30, 0, 0]));
    let (_, reading) = desk.book.balance("a").unwrap();
    assert_eq!(reading.as_of_seq, done.seq);
    let sheet = desk.book.trial().await.unwrap();
    assert!(sheet.trials.values().all(|trial| trial.is_even()) && sheet.as_of_seq >= done.seq);
}

#[tokio::test]
async fn an_order_sent_again_has_its_answer_and_one_that_differs_is_a_conflict() {
    let desk = Desk::open().with_accounts().await;
    let first = order(transfer("source", "a", 30));
    let done = desk.one(first.clone()).await.unwrap();
    assert_eq!(desk.one(first.clone()).await, Ok(Done { known: true, ..done }));
    let other = NamedOrder { action: transfer("source", "a", 31), ..first };
    assert_eq!(desk.one(other).await.unwrap_err().code(), "TG-LE-006");
    assert_eq!(desk.balance("a"), [30, 0, 0]);
}

#[tokio::test]
async fn an_account_that_is_not_there_is_named_with_the_order_that_names_it() {
    let desk = Desk::open().with_accounts().await;
    let orders = vec![order(transfer("source", "a", 1)), order(transfer("a", "nowhere", 1))];
    let outcome = desk.book.submit(vec![Ask::Linked(orders)]).await.unwrap().remove(0);
    assert_eq!(outcome, Err(Setback::NoAccount { at: 1, name: "nowhere".to_owned() }));
    assert_eq!((desk.balance("a"), desk.book.balance("nowhere")), ([0; 3], None));
}

#[tokio::test]
async fn one_refused_order_does_not_hold_up_the_others() {
    let desk = Desk::open().with_accounts().await;
    let asks = [("source", "a", 10), ("a", "b", 11), ("a", "b", 4), ("a", "dollars", 1)];
    let asks = asks.map(|(debit, credit, amount)| Ask::One(order(transfer(debit, credit, amount))));
    let outcomes = desk.book.submit(asks.to_vec()).await.unwrap();
    let codes: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Setback::code, |_| "")).collect();
    assert_eq!(codes, ["", "TG-LE-001", "", "TG-LE-005"]);
    assert_eq!((desk.balance("a"), desk.balance("b")), ([6, 0, 0], [4, 0, 0]));
}

#[tokio::test]
async fn a_reservation_is_held_then_posted_in_part_or_over_by_time() {
    let desk = Desk::open().with_accounts().await;
    let held = order(reserve("source", "a", 50, None));
    desk.one(held.clone()).await.unwrap();
    assert_eq!((desk.balance("source"), desk.balance("a")), ([0, 50, 0], [0, 0, 50]));
    desk.done(NamedAction::Post { reservation: held.id, amount: Some(20) }).await;
    assert_eq!((desk.balance("source"), desk.balance("a")), ([-20, 0, 0], [20, 0, 0]));
    desk.done(reserve("a", "b", 5, Some(1))).await;
    // Time alone ends it; a feed that has the end is what is waited for.
    let mut after = 0;
    loop {
        let page = desk.book.postings(after, 100).await.unwrap();
        after = page.next.unwrap();
        let is_end = |fact: &Fact| matches!(fact, Fact::Posting(posting) if posting.step == tidegate_engine_book::Step::Expire);
        if page.facts.iter().any(|recorded| is_end(&recorded.fact)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    desk.book.trial().await.unwrap();
    assert_eq!((desk.balance("a"), desk.balance("b")), ([20, 0, 0], [0; 3]));
}

#[tokio::test]
async fn a_statement_goes_back_to_the_opening_page_by_page_and_its_balances_follow_each_other() {
    let desk = Desk::open().with_accounts().await;
    for amount in 1..=7 {
        desk.done(transfer("source", "a", amount)).await;
        desk.done(transfer("source", "b", 1)).await;
    }
    let (mut before, mut amounts, mut after) = (None, Vec::new(), Vec::new());
    loop {
        let page = desk.book.statement("a".to_owned(), before, 3).await.unwrap();
        for recorded in &page.facts {
            if let Fact::Posting(posting) = &recorded.fact {
                amounts.push(posting.amount);
                after.push(posting.after[1].posted);
            }
        }
        before = page.next;
        if before.is_none() {
            assert!(matches!(page.facts.last().unwrap().fact, Fact::Opened { .. }));
            break;
        }
    }
    assert_eq!(amounts, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(after, [28, 21, 15, 10, 6, 3, 1]);
}

#[tokio::test]
async fn a_balance_as_it_was_is_found_from_either_side() {
    let desk = Desk::open().with_accounts().await;
    let mut seqs = Vec::new();
    for _ in 0..300 {
        seqs.push(desk.done(transfer("source", "a", 1)).await.seq);
    }
    let posted = async |seq| {
        desk.book.as_of("a".to_owned(), Moment::Seq(seq)).await.map(|standing| standing.balance.posted)
    };
    for (nth, seq) in seqs.iter().enumerate() {
        if nth % 40 == 0 || nth > 290 {
            assert_eq!(posted(*seq).await, Ok(nth as i64 + 1));
        }
    }
    assert_eq!(posted(seqs[0] - 1).await, Ok(0));
    assert_eq!(posted(0).await.unwrap_err().code(), "TG-LE-002");
    let last = desk.book.as_of("a".to_owned(), Moment::Ms(u64::MAX)).await.unwrap();
    assert_eq!((last.balance.posted, last.last_seq), (300, seqs[299]));
}

#[tokio::test]
async fn accounts_are_listed_by_name_and_a_transfer_is_found_by_its_id() {
    let desk = Desk::open().with_accounts().await;
    let names = async |after: &str| {
        let accounts = desk.book.accounts(after.to_owned(), 2).await.unwrap();
        accounts.into_iter().map(|account| account.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (names("").await, names("b").await),
        (vec!["a".to_owned(), "b".to_owned()], vec!["dollars".to_owned(), "source".to_owned()])
    );
    let sent = order(transfer("source", "a", 3));
    let done = desk.one(sent.clone()).await.unwrap();
    assert_eq!(desk.book.transfer(sent.id).await.unwrap().seq, done.seq);
    assert_eq!(desk.book.transfer(id()).await, Err(Setback::NoTransfer));
}
