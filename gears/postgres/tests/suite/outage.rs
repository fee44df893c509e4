//! A database that is gone, a connection that is cut where it hurts, sessions that are ended under load.

use crate::asks::{order, transfer};
use crate::cable::{Cable, Cut};
use crate::desk::{Desk, Site, database, until};
use crate::server::Server;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate_service_ledger::{Ask, Done, Port, Setback};
use tokio::runtime::Runtime;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_refuses_with_a_code_and_comes_back_with_everything() {
    let test = "postgres::outage::a_database_that_is_gone_refuses_with_a_code_and_comes_back_with_everything";
    let Some(server) = Server::start(test).await else { return };
    let mut desk = Desk::at(server).await;
    let first = order(transfer("source", "a", 5));
    let done = desk.one(first.clone()).await.unwrap();
    desk.server().crash();
    let why = desk.trouble().await;
    assert!(why.contains("cannot be reached"), "{why}");
    let refused = desk.one(order(transfer("source", "a", 7))).await.unwrap_err();
    assert_eq!(refused.code(), "TG-LE-037");
    assert_eq!(desk.book.balance("a").unwrap_err().code(), "TG-LE-037");
    assert_eq!(desk.book.trial().await.unwrap_err().code(), "TG-LE-037");
    assert_eq!(
        (desk.metric("tidegate_ledger_away_orders_total"), desk.metric("tidegate_ledger_away_state")),
        (1, 1)
    );
    desk.server().again().await;
    desk.until_ready().await;
    assert_eq!(desk.balance("a"), [5, 0, 0]);
    assert_eq!(desk.one(first).await, Ok(Done { known: true, ..done }));
    desk.done(transfer("source", "a", 1)).await;
    assert_eq!(
        (desk.metric("tidegate_ledger_away_state"), desk.metric("tidegate_ledger_unkept_facts")),
        (0, 0)
    );
    assert!(desk.metric("tidegate_ledger_store_returns_total") > 0);
    let desk = desk.reopen().await;
    assert_eq!(desk.balance("a"), [6, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_unknown_and_its_id_tells_the_truth() {
    let test = "postgres::outage::a_commit_without_an_answer_is_unknown_and_its_id_tells_the_truth";
    let Some(server) = Server::start(test).await else { return };
    for (nth, cut) in [Cut::AfterCommit, Cut::BeforeCommit].into_iter().enumerate() {
        server.sql("DROP SCHEMA IF EXISTS tidegate CASCADE").await;
        let (desk, cable) = Desk::behind(&server).await;
        let sent = order(transfer("source", "a", 5));
        cable.set(cut);
        assert_eq!(desk.one(sent.clone()).await, Err(Setback::Unknown), "{cut:?}");
        assert_eq!(cable.state(), Cut::Pulled);
        // It is not shown before it is known to be there, and in the meantime nothing is said about it.
        assert_eq!(desk.book.balance("a").unwrap_err().code(), "TG-LE-037");
        until("the database has done what it was told", || cable.state() == Cut::Pulled).await;
        cable.set(Cut::Whole);
        desk.until_ready().await;
        let done = desk.one(sent.clone()).await.unwrap();
        assert_eq!((done.known, desk.balance("a")), (true, [5, 0, 0]), "{cut:?} {nth}");
        let rows = "SELECT count(*) FROM tidegate.facts";
        assert_eq!(server.number(rows).await, 5);
        assert_eq!(server.number("SELECT max(leaf) FROM tidegate.facts").await, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_before_it_knows_finds_what_the_database_has() {
    let test = "postgres::outage::a_process_that_ends_before_it_knows_finds_what_the_database_has";
    let Some(server) = Server::start(test).await else { return };
    for (cut, was_there) in [(Cut::AfterCommit, true), (Cut::BeforeCommit, false)] {
        server.sql("DROP SCHEMA IF EXISTS tidegate CASCADE").await;
        let cable = Cable::to(server.port).await;
        let mut site = Site::new(database(cable.address));
        site.shared.timeout = Duration::from_millis(500);
        let sent = order(transfer("source", "a", 5));
        // All tasks of a process end with it; here they have a runtime of their own.
        let process = Runtime::new().unwrap();
        let (asked, way) = (sent.clone(), cable.clone());
        let life = process.spawn(async move {
            let desk = Desk::over(site).await.with_accounts().await;
            way.set(cut);
            assert_eq!(desk.one(asked).await, Err(Setback::Unknown));
            desk.site
        });
        let mut site = life.await.unwrap();
        process.shutdown_background();
        site.reopen();
        cable.set(Cut::Whole);
        let desk = Desk::over(site).await;
        let before = desk.balance("a");
        let done = desk.one(sent).await.unwrap();
        assert_eq!(
            (before[0] == 5, done.known, desk.balance("a")),
            (was_there, was_there, [5, 0, 0]),
            "{cut:?}"
        );
    }
}

/// Sessions that the server ends while orders come. Not fewer, or it may be that none fell into the middle of anything.
const ENDED_MIN: i64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_ended_under_load_lose_nothing_and_do_nothing_twice() {
    let test = "postgres::outage::sessions_ended_under_load_lose_nothing_and_do_nothing_twice";
    let Some(server) = Server::start(test).await else { return };
    let desk = Desk::at(server).await;
    let enough = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..6).map(|_| tokio::spawn(send(desk.book.clone(), enough.clone()))).collect();
    let ended =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'tidegate'";
    let server = desk.server.as_ref().unwrap();
    let mut sessions = 0;
    while sessions < ENDED_MIN {
        sessions += server.number(ended).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    enough.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.unwrap();
    }
    desk.until_ready().await;
    assert_eq!((desk.balance("source"), desk.balance("a")), ([-sent, 0, 0], [sent, 0, 0]));
    let desk = desk.reopen().await;
    assert_eq!(desk.balance("a"), [sent, 0, 0]);
    let server = desk.server.as_ref().unwrap();
    assert_eq!(server.number("SELECT count(*) FROM tidegate.facts").await, sent + 4);
    assert_eq!(server.number("SELECT max(leaf) FROM tidegate.facts").await, sent + 3);
    assert_eq!(server.number("SELECT posted FROM tidegate.accounts WHERE name = 'a'").await, sent);
}

/// As a client does: the same order until there is an answer, then the next; how many there were.
async fn send(book: Arc<dyn Port>, enough: Arc<AtomicBool>) -> i64 {
    let mut sent = 0;
    while !enough.load(Ordering::Relaxed) {
        let order = order(transfer("source", "a", 1));
        while let Err(setback) =
            book.submit(vec![Ask::One(order.clone())]).await.and_then(|mut all| all.remove(0))
        {
            assert!(matches!(setback, Setback::Away(_) | Setback::Unknown | Setback::Busy), "{setback}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sent += 1;
    }
    sent
}
