//! Books on a simulated disk: by seeds, and one failed sync looked at closely.

use crate::asks::{account, order, transfer};
use std::sync::Arc;
use tidegate_kernel_journal::{Fault, Journal, Options, SimDisk, SystemClock, Threads};
use tidegate_service_ledger::{Ask, Book, BookConfig, Port, STREAM_MIN, Setback, Shared};

fn open(disk: &SimDisk) -> (Arc<Book>, Threads) {
    let (journal, threads) =
        Journal::start(Arc::new(disk.clone()), Arc::new(SystemClock), Options::books()).unwrap();
    let config = BookConfig { name: "main".to_owned(), limit: Default::default() };
    let book = Book::open(journal, STREAM_MIN, Arc::new(SystemClock), config, Shared::default()).unwrap();
    (book, threads)
}

#[cfg(feature = "sim")]
mod seeds {
    use tidegate_service_ledger::sim::{Plant, Tally, run};

    const SEEDS: u64 = 1000;

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_the_disk_does_books_keep_what_they_acknowledged_once_and_nothing_else() {
        let mut all = Tally::default();
        for seed in 0..SEEDS {
            let tally = run(seed, Plant::Nothing).await.unwrap_or_else(|broken| panic!("{broken}"));
            all.orders += tally.orders;
            all.acknowledged += tally.acknowledged;
            all.refused += tally.refused;
            all.late += tally.late;
        }
        // Each of them has to have happened, or the test shows less than it says.
        let unknown = all.orders - all.acknowledged - all.refused;
        assert!(
            all.acknowledged > 10_000 && all.refused > 1000 && unknown > 1000 && all.late > 500,
            "{all:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_judges_sees_what_is_planted() {
        for (plant, words) in [
            (Plant::Lost, "acknowledged and gone"),
            (Plant::Invented, "nobody sent it"),
            (Plant::Refused, "refused and there"),
            (Plant::Reordered, "comes behind it"),
            (Plant::Drift, "by the journal"),
            (Plant::Forged, "is not that of the journal's records"),
        ] {
            let mut seen = 0;
            for seed in 0..10 {
                // A world in which nothing was refused has nothing refused to plant.
                if let Err(broken) = run(seed, plant).await {
                    assert!(broken.to_string().contains(words), "{plant:?}: {broken}");
                    seen += 1;
                }
            }
            assert!(seen > 5, "{plant:?} was seen in {seen} of 10 worlds");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_sync_failed_is_unknown_not_shown_and_its_id_tells_what_became_of_it() {
    let disk = SimDisk::default();
    let (book, threads) = open(&disk);
    book.submit(vec![account("source", "CNY", i64::MIN), account("a", "CNY", 0)]).await.unwrap();
    let sent = order(transfer("source", "a", 5));
    disk.plan(Fault::SyncError { operation: disk.operations() + 1 });
    let outcome = book.submit(vec![Ask::One(sent.clone())]).await.unwrap().remove(0);
    assert_eq!(outcome, Err(Setback::Unknown));
    assert_eq!(book.balance("a").unwrap().1.balance.posted, 0);
    assert!(matches!(book.submit(vec![Ask::One(sent.clone())]).await, Err(Setback::Closed(_))));
    drop((book, threads));
    disk.restart_process();
    let (book, _threads) = open(&disk);
    let was_there = book.balance("a").unwrap().1.balance.posted == 5;
    let done = book.submit(vec![Ask::One(sent)]).await.unwrap().remove(0).unwrap();
    assert_eq!((done.known, book.balance("a").unwrap().1.balance.posted), (was_there, 5));
}
