//! What every gear behind the port does. The embedded one is asked here; another one takes the same suite, by a path to this file and a desk of
//! its own.

use crate::asks::{account, id, order, reserve, transfer};
use crate::desk::Desk;
use crate::grown::Grown;
use tempfile::TempDir;
use tidegate_engine_book::{Fact, Limits, Step};
use tidegate_kernel_journal::Level;
use tidegate_service_ledger::{
    Ask, Done, Memos, Moment, NamedAction, NamedOrder, Note, Noted, Setback, Told,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_done_is_seen_by_whoever_reads_next() {
    let Some(desk) = Desk::ready("what_is_called_done_is_seen_by_whoever_reads_next").await else { return };
    let done = desk.done(transfer("source", "a", 30)).await;
    assert!(!done.known);
    assert_eq!((desk.balance("source"), desk.balance("a")), ([-30, 0, 0], [30, 0, 0]));
    let (_, reading) = desk.book.balance("a").unwrap();
    assert_eq!(reading.as_of_seq, done.seq);
    let sheet = desk.book.trial().await.unwrap();
    assert!(sheet.trials.values().all(|trial| trial.is_even()) && sheet.as_of_seq >= done.seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_sent_again_has_its_answer_and_one_that_differs_is_a_conflict() {
    let Some(desk) =
        Desk::ready("an_order_sent_again_has_its_answer_and_one_that_differs_is_a_conflict").await
    else {
        return;
    };
    let first = order(transfer("source", "a", 30));
    let done = desk.one(first.clone()).await.unwrap();
    assert_eq!(desk.one(first.clone()).await, Ok(Done { known: true, ..done }));
    let other = NamedOrder { action: transfer("source", "a", 31), ..first };
    assert_eq!(desk.one(other).await.unwrap_err().code(), "TG-LE-006");
    assert_eq!(desk.balance("a"), [30, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_memo_is_kept_as_it_is_known_again_and_closed_once_its_subject_was_shredded() {
    let test = "a_sealed_memo_is_kept_as_it_is_known_again_and_closed_once_its_subject_was_shredded";
    let Some(desk) = Desk::ready(test).await else { return };
    let keys = TempDir::new().unwrap();
    let plain = order(transfer("source", "a", 30));
    // Each time with the keys as another process finds them.
    let sealed = |text: &str| {
        let note = Note::new(Some("s".repeat(64)), text.to_owned());
        let noted = Noted { order: plain.clone(), note };
        Memos::open(keys.path(), 1).unwrap().seal("main", vec![noted]).remove(0).unwrap()
    };
    let longest = "x".repeat(256);
    let done = desk.one(sealed(&longest)).await.unwrap();
    assert_eq!(desk.one(sealed(&longest)).await, Ok(Done { known: true, ..done }));
    assert_eq!(desk.one(sealed("another one")).await.unwrap_err().code(), "TG-LE-006");
    let memos = Memos::open(keys.path(), 1).unwrap();
    let read = async || match desk.book.transfer(plain.id).await.unwrap().fact {
        Fact::Posting(posting) => memos.read("main", posting.id, &posting.memo),
        _ => panic!("a transfer is a posting"),
    };
    assert_eq!(read().await, Told::Open { subject: "s".repeat(64), text: longest });
    memos.shred(&"s".repeat(64)).unwrap();
    assert!(matches!(read().await, Told::Closed { why, .. } if why.code() == "TG-SM-004"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_there_is_named_with_the_order_that_names_it() {
    let Some(desk) = Desk::ready("an_account_that_is_not_there_is_named_with_the_order_that_names_it").await
    else {
        return;
    };
    let orders = vec![order(transfer("source", "a", 1)), order(transfer("a", "nowhere", 1))];
    let outcome = desk.book.submit(vec![Ask::Linked(orders)]).await.unwrap().remove(0);
    assert_eq!(outcome, Err(Setback::NoAccount { at: 1, name: "nowhere".to_owned() }));
    assert_eq!((desk.balance("a"), desk.book.balance("nowhere").unwrap_err().code()), ([0; 3], "TG-LE-002"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_order_does_not_hold_up_the_others() {
    let Some(desk) = Desk::ready("one_refused_order_does_not_hold_up_the_others").await else { return };
    let asks = [("source", "a", 10), ("a", "b", 11), ("a", "b", 4), ("a", "dollars", 1)];
    let asks = asks.map(|(debit, credit, amount)| Ask::One(order(transfer(debit, credit, amount))));
    let outcomes = desk.book.submit(asks.to_vec()).await.unwrap();
    let codes: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Setback::code, |_| "")).collect();
    assert_eq!(codes, ["", "TG-LE-001", "", "TG-LE-005"]);
    assert_eq!((desk.balance("a"), desk.balance("b")), ([6, 0, 0], [4, 0, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_held_then_posted_in_part_or_over_by_time() {
    let Some(desk) = Desk::ready("a_reservation_is_held_then_posted_in_part_or_over_by_time").await else {
        return;
    };
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
        let is_end = |fact: &Fact| matches!(fact, Fact::Posting(posting) if posting.step == Step::Expire);
        if page.facts.iter().any(|recorded| is_end(&recorded.fact)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    desk.book.trial().await.unwrap();
    assert_eq!((desk.balance("a"), desk.balance("b")), ([20, 0, 0], [0; 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_goes_back_to_the_opening_page_by_page_and_its_balances_follow_each_other() {
    let Some(desk) =
        Desk::ready("a_statement_goes_back_to_the_opening_page_by_page_and_its_balances_follow_each_other")
            .await
    else {
        return;
    };
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

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_as_it_was_is_found_from_either_side() {
    let Some(desk) = Desk::ready("a_balance_as_it_was_is_found_from_either_side").await else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_listed_by_name_and_a_transfer_is_found_by_its_id() {
    let Some(desk) = Desk::ready("accounts_are_listed_by_name_and_a_transfer_is_found_by_its_id").await
    else {
        return;
    };
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

#[tokio::test(flavor = "multi_thread")]
async fn linked_orders_are_all_done_or_none_and_share_their_answer() {
    let Some(desk) = Desk::ready("linked_orders_are_all_done_or_none_and_share_their_answer").await else {
        return;
    };
    let through = |amount| vec![order(transfer("source", "a", 5)), order(transfer("a", "b", amount))];
    let refused = desk.book.submit(vec![Ask::Linked(through(6))]).await.unwrap().remove(0).unwrap_err();
    assert_eq!((refused.code(), refused.at(), desk.balance("a")), ("TG-LE-001", 1, [0; 3]));
    let orders = through(5);
    let done = desk.book.submit(vec![Ask::Linked(orders.clone())]).await.unwrap().remove(0).unwrap();
    assert_eq!(
        (desk.balance("source"), desk.balance("a"), desk.balance("b")),
        ([-5, 0, 0], [0; 3], [5, 0, 0])
    );
    let first = desk.book.transfer(orders[0].id).await.unwrap();
    assert_eq!(first.seq + 1, done.seq);
    let again = desk.book.submit(vec![Ask::Linked(orders.clone())]).await.unwrap().remove(0);
    assert_eq!(again, Ok(Done { known: true, ..done }));
    // One of them alone is another thing than it was asked for.
    assert_eq!(desk.one(orders[0].clone()).await.unwrap_err().code(), "TG-LE-006");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_is_void_leaves_nothing_and_cannot_be_posted() {
    let Some(desk) = Desk::ready("a_reservation_that_is_void_leaves_nothing_and_cannot_be_posted").await
    else {
        return;
    };
    let held = order(reserve("source", "a", 7, Some(600_000)));
    desk.one(held.clone()).await.unwrap();
    desk.done(NamedAction::Void { reservation: held.id }).await;
    assert_eq!((desk.balance("source"), desk.balance("a")), ([0; 3], [0; 3]));
    let post = order(NamedAction::Post { reservation: held.id, amount: None });
    assert_eq!(desk.one(post).await.unwrap_err().code(), "TG-LE-012");
    assert_eq!(desk.book.trial().await.unwrap().reservations, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_from_when_they_are_set_and_setting_them_again_changes_nothing() {
    let Some(desk) =
        Desk::ready("limits_hold_from_when_they_are_set_and_setting_them_again_changes_nothing").await
    else {
        return;
    };
    let ask = Ask::Limit { account: "a".to_owned(), limits: Limits { min: -3, max: 10 } };
    let set = desk.book.submit(vec![ask.clone()]).await.unwrap().remove(0).unwrap();
    assert!(!set.known);
    assert!(desk.book.submit(vec![ask]).await.unwrap().remove(0).unwrap().known);
    desk.done(transfer("a", "b", 3)).await;
    let code = async |action| desk.one(order(action)).await.unwrap_err().code();
    assert_eq!(code(transfer("a", "b", 1)).await, "TG-LE-001");
    assert_eq!(code(transfer("source", "a", 14)).await, "TG-LE-010");
    let page = desk.book.statement("a".to_owned(), None, 10).await.unwrap();
    assert!(matches!(page.facts[1].fact, Fact::Limited { .. }), "{page:?}");
    let was = desk.book.as_of("a".to_owned(), Moment::Seq(set.seq)).await.unwrap();
    assert_eq!((was.balance.posted, was.last_seq), (0, set.seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_has_its_code_and_leaves_no_fact() {
    let Some(desk) = Desk::ready("what_is_refused_has_its_code_and_leaves_no_fact").await else { return };
    let seq = desk.book.trial().await.unwrap().as_of_seq;
    let taken = desk.book.submit(vec![account("a", "USD", 0)]).await.unwrap().remove(0);
    let mut codes = vec![taken.unwrap_err().code()];
    for (debit, credit, amount) in
        [("source", "a", 0), ("a", "a", 1), ("source", "source", 1), ("source", "dollars", 1)]
    {
        codes.push(desk.one(order(transfer(debit, credit, amount))).await.unwrap_err().code());
    }
    codes.push(desk.one(order(NamedAction::Void { reservation: id() })).await.unwrap_err().code());
    assert_eq!(codes, ["TG-LE-015", "TG-LE-003", "TG-LE-014", "TG-LE-014", "TG-LE-005", "TG-LE-011"]);
    assert_eq!(desk.book.trial().await.unwrap().as_of_seq, seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gear_says_what_it_promises() {
    let Some(desk) = Desk::ready("a_gear_says_what_it_promises").await else { return };
    let promised = desk.book.guarantees();
    assert_eq!((promised.gear, promised.durability), (crate::desk::GEAR, Level::Disk));
    assert!(promised.strictly_serializable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_in_both_trees_in_the_order_of_the_feed_and_is_proven() {
    let test = "what_is_done_is_in_both_trees_in_the_order_of_the_feed_and_is_proven";
    let Some(desk) = Desk::ready(test).await else { return };
    desk.done(transfer("source", "a", 10)).await;
    let grown = Grown::new();
    let before = grown.grow(&desk.ledger).unwrap();
    desk.done(reserve("a", "b", 3, None)).await;
    let after = grown.grow(&desk.ledger).unwrap();
    grown.grew_out_of(&before);
    let facts = desk.book.postings(0, 100).await.unwrap().facts;
    assert_eq!((facts.len(), before[1].size, after[1].size), (6, 5, 6));
    for tree in grown.trees() {
        for (index, recorded) in (0..).zip(&facts) {
            let mut bytes = Vec::new();
            recorded.fact.encode(&mut bytes);
            let entry = tree.entry(index, 6).unwrap();
            assert_eq!((entry.seq, entry.payload_hash), (recorded.seq, tree.profile().hash(&bytes)));
            let proof = tree.prove(recorded.seq).unwrap().unwrap().with_payload(&bytes);
            assert_eq!(proof.check(tree.key()).unwrap().index, index);
        }
    }
}
