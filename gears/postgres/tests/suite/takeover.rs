//! Two nodes and one book: the one that has it, and the one that may have it later.

use crate::asks::{order, transfer};
use crate::cable::Cut;
use crate::desk::{Desk, Site, database, opened, trouble};
use crate::server::Server;
use std::net::SocketAddr;
use tidegate_service_ledger::Ask;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_has_to_wait_and_the_first_one_is_fenced_once_it_was_overtaken() {
    let test =
        "postgres::takeover::a_second_node_has_to_wait_and_the_first_one_is_fenced_once_it_was_overtaken";
    let Some(server) = Server::start(test).await else { return };
    let (first, cable) = Desk::behind(&server).await;
    let second = Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))));
    let waiting = second.try_ledger().unwrap();
    let why = trouble(&waiting).await;
    assert!(why.contains("TG-PG-002"), "{why}");
    first.done(transfer("source", "a", 5)).await;
    // The first one is cut off, and is not told.
    cable.set(Cut::Silent);
    let lost = order(transfer("source", "a", 7));
    assert!(first.book.submit(vec![Ask::One(lost.clone())]).await.is_err());
    let book = opened(&waiting).await;
    // By then it answers no reader, who could not see what the second one does.
    assert_eq!(first.book.balance("a").unwrap_err().code(), "TG-LE-037");
    let done = book.submit(vec![Ask::One(order(transfer("source", "a", 1)))]).await.unwrap().remove(0);
    assert!(!done.unwrap().known);
    assert_eq!(book.balance("a").unwrap().1.balance.posted, 6);
    // What it still had to write is written nowhere once it is back.
    cable.set(Cut::Pulled);
    cable.set(Cut::Whole);
    let why = first.trouble().await;
    crate::desk::until("the first one is fenced", || {
        first.book.balance("a").is_err_and(|setback| setback.code() == "TG-LE-032")
    })
    .await;
    assert!(why.contains("TG-PG-00"), "{why}");
    let refused = first.book.submit(vec![Ask::One(lost)]).await;
    assert_eq!(refused.unwrap_err().code(), "TG-LE-032");
    assert_eq!(book.balance("a").unwrap().1.balance.posted, 6);
    assert_eq!(server.number("SELECT count(*) FROM tidegate.facts").await, 6);
}
