//! Books that move into the database and back, are cut off on the way, or would move over somebody else's.

use crate::asks::{account, order, reserve, transfer};
use crate::cable::{Cable, Cut};
use crate::desk::{Desk, Site, database};
use crate::grown::Grown;
use crate::server::Server;
use std::net::SocketAddr;
use std::sync::Arc;
use tidegate_gear_postgres::Postgres;
use tidegate_kernel_journal::{Clock, SystemClock};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_ledger::{
    Ask, BookConfig, Config, Done, Embedded, Gear, Ledger, Moment, Moved, NamedAction, NamedOrder, OpenError,
    Port, gear_of, log_of, move_books,
};
use tokio::task::{block_in_place, spawn_blocking};

/// A folder with an embedded book of more than one step's facts, and an order of it with its answer.
async fn embedded(site: &Site) -> (NamedOrder, Done, NamedOrder) {
    let book = on_journal(site);
    let asks = ["a", "b"].map(|name| account(name, "CNY", 0)).into_iter();
    book.submit(asks.chain([account("source", "CNY", i64::MIN)]).collect()).await.unwrap();
    let first = order(transfer("source", "a", 100));
    let done = book.submit(vec![Ask::One(first.clone())]).await.unwrap().remove(0).unwrap();
    for _ in 0..15 {
        let linked = vec![order(transfer("source", "a", 2)), order(transfer("a", "b", 1))];
        let mut asks = vec![Ask::Linked(linked)];
        asks.extend((0..100).map(|_| Ask::One(order(transfer("source", "b", 1)))));
        assert!(book.submit(asks).await.unwrap().iter().all(Result::is_ok));
    }
    let held = order(reserve("b", "a", 7, None));
    book.submit(vec![Ask::One(held.clone())]).await.unwrap();
    (first, done, held)
}

fn on_journal(site: &Site) -> Arc<dyn Port> {
    ledger(site).book("main").unwrap()
}

fn ledger(site: &Site) -> Ledger {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = Config { shared: site.shared, books: books() };
    Ledger::open(site.folder().books(), &clock, &config).unwrap()
}

fn books() -> Vec<BookConfig> {
    vec![BookConfig { name: "main".to_owned(), limit: Default::default() }]
}

async fn moved(site: &Site, to: &'static str) -> Result<Vec<Moved>, OpenError> {
    let journal = site.folder().books().clone();
    let dialer = Dialer::new(Resolver::system(), None).unwrap();
    let postgres = Postgres::new(journal.clone(), dialer, site.database.clone());
    spawn_blocking(move || {
        let embedded = Embedded(journal.clone());
        let (from, to): (&dyn Gear, &dyn Gear) =
            if to == "postgres" { (&embedded, &postgres) } else { (&postgres, &embedded) };
        move_books(&journal, from, to, &books())
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn books_move_into_the_database_and_back_with_ids_reservations_and_statements() {
    let test = "postgres::moving::books_move_into_the_database_and_back_with_ids_reservations_and_statements";
    let Some(server) = Server::start(test).await else { return };
    let mut site = Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))));
    let (first, done, held) = embedded(&site).await;
    site.reopen();
    let there = moved(&site, "postgres").await.unwrap();
    assert_eq!((there[0].tally.facts, there[0].tally.reservations), (1535, 1));
    assert_eq!(gear_of(site.folder().books()).as_deref(), Some("postgres"));
    assert_eq!(log_of(site.folder().books(), "main"), "main");
    // Once more is no harm.
    assert_eq!(moved(&site, "postgres").await.unwrap(), []);
    site.reopen();
    let desk = Desk::over(site).await;
    assert_eq!((desk.balance("a"), desk.balance("b")), ([115, 0, 7], [1515, 7, 0]));
    assert_eq!(desk.one(first.clone()).await, Ok(Done { known: true, ..done }));
    desk.done(NamedAction::Post { reservation: held.id, amount: Some(2) }).await;
    let was = desk.book.as_of("a".to_owned(), Moment::Seq(done.seq)).await.unwrap();
    assert_eq!((was.balance.posted, statement(&*desk.book).await), (100, 34));
    let Desk { ledger, book, mut site, .. } = desk;
    drop((ledger, book));
    site.reopen();
    let back = moved(&site, "embedded").await.unwrap();
    assert_eq!(back[0].tally.facts, 1536);
    assert_eq!(log_of(site.folder().books(), "main"), "main.2");
    site.reopen();
    let book = on_journal(&site);
    assert_eq!(book.balance("a").unwrap().1.balance.posted, 117);
    assert_eq!(statement(&*book).await, 34);
    let again = book.submit(vec![Ask::One(first)]).await.unwrap().remove(0).unwrap();
    assert!(again.known);
    // What is in the database is nobody's: neither this folder serves it, nor another one.
    assert_eq!(site.try_ledger().unwrap_err().code(), "TG-LE-050");
    let other = Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))));
    let why = crate::desk::trouble(&other.try_ledger().unwrap()).await;
    assert!(why.contains("TG-PG-006"), "{why}");
    // And there once more: what it left there before is written over.
    drop(book);
    site.reopen();
    assert_eq!(moved(&site, "postgres").await.unwrap()[0].tally.facts, 1536);
    assert_eq!(log_of(site.folder().books(), "main"), "main.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_on_in_the_database_wherever_its_trees_were_and_is_made_again_from_both_places() {
    let test = "postgres::moving::a_log_goes_on_in_the_database_wherever_its_trees_were_and_is_made_again_from_both_places";
    let Some(server) = Server::start(test).await else { return };
    let mut site = Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))));
    embedded(&site).await;
    site.reopen();
    let (whole, behind, new) = (Grown::new(), Grown::new(), Grown::new());
    let on_journal = ledger(&site);
    let signed = whole.grow(&on_journal).unwrap();
    let mut builder = behind.builder(&on_journal).unwrap();
    assert!(block_in_place(|| builder.step()).unwrap().records > 0);
    builder.sign().unwrap();
    drop((builder, on_journal));
    site.reopen();
    moved(&site, "postgres").await.unwrap();
    site.reopen();
    let desk = Desk::over(site).await;
    let all: Vec<_> = [&whole, &behind, &new].map(|grown| grown.grow(&desk.ledger).unwrap()).into();
    assert_eq!(all, [signed.clone(), signed.clone(), signed.clone()]);
    desk.done(transfer("source", "a", 1)).await;
    let more = whole.grow(&desk.ledger).unwrap();
    assert_eq!(more[0].size, signed[0].size + 1);
    whole.grew_out_of(&signed);
    std::fs::remove_dir_all(whole.path().join("sm3/tile")).unwrap();
    assert_eq!(whole.grow(&desk.ledger).unwrap(), more);
    // A move back that is cut off leaves the log as it is, and where it is.
    let Desk { ledger, book, mut site, .. } = desk;
    drop((ledger, book));
    site.reopen();
    server.sql("UPDATE tidegate.facts SET fact = 'x' WHERE leaf = 1200").await;
    assert_eq!(moved(&site, "embedded").await.unwrap_err().code(), "TG-PG-004");
    assert_eq!(log_of(site.folder().books(), "main"), "main");
    assert_eq!(gear_of(site.folder().books()).as_deref(), Some("postgres"));
}

/// Lines of account `a`, page by page down to its opening.
async fn statement(book: &dyn Port) -> usize {
    let (mut lines, mut before) = (0, None);
    loop {
        let page = book.statement("a".to_owned(), before, 10).await.unwrap();
        lines += page.facts.len();
        before = page.next;
        if before.is_none() {
            return lines;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_cut_off_changed_nothing_and_begins_anew() {
    let test = "postgres::moving::a_move_that_is_cut_off_changed_nothing_and_begins_anew";
    let Some(server) = Server::start(test).await else { return };
    let cable = Cable::to(server.port).await;
    let mut site = Site::new(database(cable.address));
    embedded(&site).await;
    site.reopen();
    // The tables are there already, so the first COMMIT is that of the book's row; it is lost, and so is the move.
    drop(Desk::over(Site::new(database(cable.address))).await);
    server.sql("DELETE FROM tidegate.books").await;
    cable.set(Cut::BeforeCommit);
    assert_eq!(moved(&site, "postgres").await.unwrap_err().code(), "TG-PG-001");
    // This time half of the facts are there.
    cable.set(Cut::Whole);
    server
        .sql(
            "CREATE FUNCTION tidegate.half() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF NEW.leaf >= 1030 THEN RAISE 'no more'; END IF; RETURN NEW; END $$",
        )
        .await;
    server.sql("CREATE TRIGGER half BEFORE INSERT ON tidegate.facts FOR EACH ROW EXECUTE FUNCTION tidegate.half()").await;
    assert_eq!(moved(&site, "postgres").await.unwrap_err().code(), "TG-PG-001");
    assert_eq!(server.number("SELECT count(*) FROM tidegate.facts").await, 1024);
    server.sql("DROP TRIGGER half ON tidegate.facts").await;
    assert_eq!(gear_of(site.folder().books()).as_deref(), Some("embedded"));
    site.reopen();
    assert_eq!(on_journal(&site).balance("a").unwrap().1.balance.posted, 115);
    site.reopen();
    assert_eq!(moved(&site, "postgres").await.unwrap()[0].tally.facts, 1535);
    assert_eq!(server.number("SELECT count(*) FROM tidegate.facts").await, 1535);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_altered_on_the_way_is_a_difference_and_the_folder_stays_as_it_was() {
    let test =
        "postgres::moving::a_row_that_is_altered_on_the_way_is_a_difference_and_the_folder_stays_as_it_was";
    let Some(server) = Server::start(test).await else { return };
    let mut site = Site::new(database(SocketAddr::from(([127, 0, 0, 1], server.port))));
    embedded(&site).await;
    site.reopen();
    assert_eq!(moved(&site, "postgres").await.unwrap().len(), 1);
    site.reopen();
    assert_eq!(moved(&site, "embedded").await.unwrap().len(), 1);
    // An account gets another name where it arrives.
    let alter = "CREATE FUNCTION tidegate.alter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF get_byte(NEW.fact, 0) = 1 THEN NEW.fact = set_byte(NEW.fact, length(NEW.fact) - 1, 120 + NEW.leaf::int); END IF; \
        RETURN NEW; END $$";
    server.sql(alter).await;
    server.sql("CREATE TRIGGER alter BEFORE INSERT ON tidegate.facts FOR EACH ROW EXECUTE FUNCTION tidegate.alter()").await;
    site.reopen();
    let refused = moved(&site, "postgres").await.unwrap_err();
    assert_eq!(refused.code(), "TG-LE-051");
    assert_eq!(gear_of(site.folder().books()).as_deref(), Some("embedded"));
    site.reopen();
    assert_eq!(on_journal(&site).balance("a").unwrap().1.balance.posted, 115);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_another_folder_has_in_the_database_is_not_written_over() {
    let test = "postgres::moving::a_book_that_another_folder_has_in_the_database_is_not_written_over";
    let Some(server) = Server::start(test).await else { return };
    let mut desk = Desk::at(server).await;
    let mut site = Site::new(database(SocketAddr::from(([127, 0, 0, 1], desk.server().port))));
    embedded(&site).await;
    site.reopen();
    assert_eq!(moved(&site, "postgres").await.unwrap_err().code(), "TG-PG-006");
    desk.done(transfer("source", "a", 1)).await;
}
