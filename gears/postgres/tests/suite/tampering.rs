//! Somebody changes rows by hand: a fact that is taken out, one that is altered, a balance.

use crate::asks::transfer;
use crate::desk::{Desk, trouble};
use crate::server::Server;

async fn with_transfers(test: &str) -> Option<Desk> {
    let server = Server::start(&format!("postgres::tampering::{test}")).await?;
    let desk = Desk::at(server).await;
    for _ in 0..6 {
        desk.done(transfer("source", "a", 1)).await;
    }
    Some(desk)
}

/// Ends the process, does something to the rows, and tells why another process does not open the book.
async fn refused_after(desk: Desk, change: &str) -> String {
    let Desk { ledger, book, mut site, server } = desk;
    drop((ledger, book));
    server.as_ref().unwrap().sql(change).await;
    site.reopen();
    let ledger = site.try_ledger().unwrap();
    trouble(&ledger).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_was_taken_out_of_the_middle_is_missed() {
    let Some(desk) = with_transfers("a_fact_that_was_taken_out_of_the_middle_is_missed").await else {
        return;
    };
    let why = refused_after(desk, "DELETE FROM tidegate.facts WHERE seq = 6").await;
    assert!(why.contains("TG-PG-004") && why.contains("before number 7"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_fact_that_was_taken_out_is_missed() {
    let Some(desk) = with_transfers("a_last_fact_that_was_taken_out_is_missed").await else { return };
    let why = refused_after(desk, "DELETE FROM tidegate.facts WHERE seq = 10").await;
    assert!(why.contains("TG-PG-004"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_was_altered_is_none_or_contradicts_the_others() {
    let Some(desk) = with_transfers("a_fact_that_was_altered_is_none_or_contradicts_the_others").await else {
        return;
    };
    // The amount begins at byte 32; the balances behind it say another one.
    let change = "UPDATE tidegate.facts SET fact = set_byte(fact, 32, get_byte(fact, 32) + 1) WHERE seq = 7";
    let why = refused_after(desk, change).await;
    assert!(why.contains("TG-LE-040"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_that_was_altered_is_found_by_the_scrubber_and_closes_the_book() {
    let test = "a_balance_that_was_altered_is_found_by_the_scrubber_and_closes_the_book";
    let Some(desk) = with_transfers(test).await else { return };
    let sound = desk.metric("tidegate_ledger_scrubs_total");
    crate::desk::until("one more scrub", || desk.metric("tidegate_ledger_scrubs_total") > sound).await;
    assert_eq!(desk.metric("tidegate_ledger_differences_total"), 0);
    let change = "UPDATE tidegate.accounts SET posted = posted + 1 WHERE name = 'b'";
    desk.server.as_ref().unwrap().sql(change).await;
    let why = desk.trouble().await;
    assert!(why.contains("TG-LE-042"), "{why}");
    assert_eq!(desk.metric("tidegate_ledger_differences_total"), 1);
}
