//! Trees over a book in the database: grown by whoever holds it, over outages and restarts, and the rows compared with what went into them.

use crate::asks::{order, transfer};
use crate::cable::Cut;
use crate::desk::Desk;
use crate::grown::Grown;
use crate::server::{PATIENCE, Server};
use std::fs;
use std::time::Instant;
use tidegate_kernel_audit::{AuditError, Builder, Checkpoint};
use tidegate_service_ledger::{Ask, NamedOrder};
use tokio::task::{block_in_place, yield_now};

/// Numbers of facts as the database has them in the order of leaves, and as the trees have them.
async fn both_orders(server: &Server, grown: &Grown) -> (Vec<u64>, Vec<Vec<u64>>) {
    let rows = server.sql("SELECT seq, leaf FROM tidegate.facts ORDER BY leaf").await;
    assert!(rows.iter().zip(0_i64..).all(|(row, leaf)| row.get::<_, i64>(1) == leaf));
    let seqs = |tree: &tidegate_kernel_audit::Tree| {
        let size = tree.signed().unwrap().unwrap().size;
        (0..size).map(|index| tree.entry(index, size).unwrap().seq).collect()
    };
    (rows.iter().map(|row| row.get::<_, i64>(0) as u64).collect(), grown.trees().iter().map(seqs).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_go_on_over_lost_answers_outages_and_restarts_without_a_gap_or_a_double() {
    let test =
        "postgres::trees::trees_go_on_over_lost_answers_outages_and_restarts_without_a_gap_or_a_double";
    let Some(server) = Server::start(test).await else { return };
    let (mut desk, cable) = Desk::behind(&server).await;
    let (grown, mut signed) = (Grown::new(), Vec::new());
    for cut in [Cut::AfterCommit, Cut::BeforeCommit, Cut::Pulled, Cut::Whole] {
        answered(&desk, &order(transfer("source", "a", 1))).await;
        // What is in memory of a tree when its node ends was never signed, and comes again.
        if let Ok(mut unsigned) = grown.builder(&desk.ledger) {
            let _ = block_in_place(|| unsigned.step());
        }
        grown_at_last(&desk, &grown).await;
        cable.set(cut);
        let lost = order(transfer("source", "b", 1));
        // But for the last round nobody hears what became of it.
        let _ = desk.one(lost.clone()).await;
        cable.set(Cut::Whole);
        answered(&desk, &lost).await;
        let now = grown_at_last(&desk, &grown).await;
        grown.grew_out_of(&signed);
        signed = now;
        desk = desk.reopen().await;
    }
    let (rows, trees) = both_orders(&server, &grown).await;
    assert_eq!(rows.len(), 12);
    assert!(trees.iter().all(|seqs| *seqs == rows), "{trees:?}");
    assert_eq!(grown_at_last(&desk, &grown).await, signed);
}

/// Sends it until there is an answer, which the same id brings.
async fn answered(desk: &Desk, order: &NamedOrder) {
    let began = Instant::now();
    while let Err(setback) = desk.one(order.clone()).await {
        assert!(began.elapsed() < PATIENCE, "{setback}");
        yield_now().await;
    }
}

/// Connections that were cut are found out by being used.
async fn grown_at_last(desk: &Desk, grown: &Grown) -> Vec<Checkpoint> {
    let began = Instant::now();
    loop {
        match grown.grow(&desk.ledger) {
            Ok(signed) => return signed,
            Err(error) => assert!(error.code() == "TG-PG-001" && began.elapsed() < PATIENCE, "{error}"),
        }
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_book_was_taken_over_adds_no_leaf_any_more() {
    let test = "postgres::trees::a_node_whose_book_was_taken_over_adds_no_leaf_any_more";
    let Some(server) = Server::start(test).await else { return };
    let desk = Desk::at(server).await;
    let grown = Grown::new();
    let mut builder = grown.builder(&desk.ledger).unwrap();
    let taken = "UPDATE tidegate.books SET epoch = epoch + 1, holder = 'another'";
    desk.server.as_ref().unwrap().sql(taken).await;
    let refused = block_in_place(|| builder.step()).unwrap_err();
    assert_eq!(refused.code(), "TG-PG-002", "{refused}");
    assert_eq!(builder.lag().size, 0);
}

/// A book with more than one bundle of leaves, all of them in trees that are signed.
async fn grown_over(test: &str) -> Option<(Desk, Grown)> {
    let server = Server::start(&format!("postgres::trees::{test}")).await?;
    let mut desk = Desk::at(server).await;
    // What is planted here is the trees' to find; the scrubber finds some of it as well.
    desk.site.shared.scrub = std::time::Duration::from_secs(3600);
    let mut desk = desk.reopen().await;
    let asks = (0..600).map(|_| Ask::One(order(transfer("source", "a", 1))));
    assert!(desk.book.submit(asks.collect()).await.unwrap().iter().all(Result::is_ok));
    let grown = Grown::new();
    grown.grow(&desk.ledger).unwrap();
    desk.server();
    Some((desk, grown))
}

/// All leaves once more, and one bundle on.
fn compared(builder: &mut Builder) -> Result<usize, AuditError> {
    block_in_place(|| (0..4).map(|_| builder.compare()).sum())
}

/// Alters rows, tells what the trees say of it while the book is held, and puts them back.
async fn told_of(desk: &Desk, grown: &Grown, change: &str) -> String {
    let server = desk.server.as_ref().unwrap();
    let mut builder = grown.builder(&desk.ledger).unwrap();
    server.sql("CREATE TABLE kept AS SELECT * FROM tidegate.facts").await;
    server.sql(change).await;
    let told = compared(&mut builder).unwrap_err();
    server.sql("DELETE FROM tidegate.facts").await;
    server.sql("INSERT INTO tidegate.facts SELECT * FROM kept").await;
    server.sql("DROP TABLE kept").await;
    assert_eq!(told.code(), "TG-AU-013", "{told}");
    assert_eq!(compared(&mut grown.builder(&desk.ledger).unwrap()).unwrap(), 604 + 256);
    told.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_was_altered_or_lost_after_it_went_into_a_tree_is_named() {
    let test = "a_leaf_that_was_altered_or_lost_after_it_went_into_a_tree_is_named";
    let Some((desk, grown)) = grown_over(test).await else { return };
    for (seq, leaf) in [(1, 0), (256, 255), (257, 256), (604, 603)] {
        // The last byte of an opening is its name's, of a posting its memo's or its balances'.
        let at = "length(fact) - 1";
        let altered = format!(
            "UPDATE tidegate.facts SET fact = set_byte(fact, {at}, get_byte(fact, {at}) # 1) WHERE seq = {seq}"
        );
        let lost = format!("DELETE FROM tidegate.facts WHERE seq = {seq}");
        let junk = format!("UPDATE tidegate.facts SET fact = 'x' WHERE seq = {seq}");
        let said = |what: &str| format!("leaf {leaf} of the sha256 tree, which is record {seq}, {what}");
        if seq < 604 {
            for (change, what) in [(altered, "is not what"), (lost, "is missing"), (junk, "is not what")] {
                let told = told_of(&desk, &grown, &change).await;
                assert!(told.starts_with(&said(what)), "{told}");
            }
            continue;
        }
        // The last one is looked at whenever trees are opened, and the files are left as they are.
        let before = fs::read(grown.path().join("sha256/tile/entries/002.p/92")).unwrap();
        desk.server.as_ref().unwrap().sql(&altered).await;
        let told = grown.builder(&desk.ledger).unwrap_err();
        assert_eq!(told.code(), "TG-AU-013");
        assert!(told.to_string().starts_with(&said("is not what")), "{told}");
        assert_eq!(fs::read(grown.path().join("sha256/tile/entries/002.p/92")).unwrap(), before);
    }
}
