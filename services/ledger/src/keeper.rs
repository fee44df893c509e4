//! Keeps the applier and the settler of a book going. The two are one: what a panic of either leaves half-done is of no use to the other,
//! so both end by it, and the book is read back from the journal.
//!
//! ```text
//!   serves ── panics ──> waits ──> is read back ──> serves
//!                └──────────────────────┴────────> closed      after one panic too many, or where the journal does not give it back
//! ```
//!
//! Whoever asks meanwhile waits in the queue. Whose order was under way hears that its outcome is unknown; the same id tells. Balances
//! that readers see are those of facts that are on the disk, before, during and after.

use crate::applier::{Applier, Task};
use crate::book::Stop;
use crate::error::OpenError;
use crate::hours::{Doubt, Hours};
use crate::replay;
use crate::restart;
use crate::settler::{self, Public};
use crate::store::{Gone, Store};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate_engine_book::{BookLimit, State};
use tidegate_kernel_plug::listed;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::{JoinSet, spawn_blocking};

/// Answers that wait for the disk; the applier waits beyond it.
const SETTLING_MAX: usize = 4096;

pub(crate) struct Keeper {
    pub(crate) book: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) limit: BookLimit,
    pub(crate) public: Arc<Public>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) doubt: Arc<Doubt>,
    /// What is asked; it outlives the applier that reads it.
    pub(crate) asked: Arc<Mutex<Receiver<Task>>>,
}

impl Keeper {
    /// Until nobody can ask any more, or the book is closed for good.
    pub(crate) async fn run(self, opened: State) {
        let (keeper, mut opened) = (Arc::new(self), Some(opened));
        let make = || {
            let (keeper, opened) = (keeper.clone(), opened.take());
            async move { keeper.serve(opened).await }
        };
        let task = (&*keeper.book, "applier or settler");
        if restart::keep(task, &keeper.public.counts.panics, make).await.is_err() {
            keeper.close("it panicked too often").await;
        }
    }

    /// With the state it was opened with, or, after a panic, with what the journal has.
    async fn serve(&self, opened: Option<State>) {
        let state = match opened {
            Some(state) => state,
            None => match self.read_back().await {
                Ok(state) => state,
                Err(why) => return self.close(&why).await,
            },
        };
        let _serving = Serving::begin(&self.public.serves);
        let mut both = JoinSet::new();
        self.start(state, &mut both).await;
        while let Some(ended) = both.join_next().await {
            if let Err(ended) = ended
                && let Ok(panic) = ended.try_into_panic()
            {
                // Nothing is appended once this is over.
                both.shutdown().await;
                resume_unwind(panic);
            }
        }
    }

    async fn start(&self, state: State, both: &mut JoinSet<()>) {
        let Keeper { book, store, public, stop, doubt, .. } = self;
        let (settled, settling) = mpsc::channel(SETTLING_MAX);
        let applier = Applier {
            hours: Hours::new(doubt.clone(), state.now_ms()),
            seq: state.seq(),
            state,
            store: store.clone(),
            stop: stop.clone(),
            public: public.clone(),
            settled,
        };
        // What those before left there, if they ended by a panic, is on the disk or was never appended.
        public.counts.settling.store(0, Ordering::Relaxed);
        let asked = self.asked.clone().lock_owned().await;
        let settler = settler::run(settling, store.clone(), public.clone(), stop.clone());
        both.spawn(listed("ledger", format!("applier {book}"), applier.run(asked)));
        both.spawn(listed("ledger", format!("settler {book}"), settler));
    }

    /// The book as the journal has it, once that is on the disk, and readers shown what they had not been shown.
    async fn read_back(&self) -> Result<State, String> {
        let (book, store, limit, public) =
            (self.book.clone(), self.store.clone(), self.limit, self.public.clone());
        let read = move || -> Result<State, String> {
            // What the applier that panicked had appended is kept first, or never will be.
            store.settle().map_err(|Gone(why)| why)?;
            let state = replay::open(&book, &*store, limit).map_err(coded)?;
            public.catch_up(&*store, state.seq()).map_err(coded)?;
            Ok(state)
        };
        match spawn_blocking(read).await {
            Ok(read) => read,
            Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
            Err(ended) => Err(ended.to_string()),
        }
    }

    /// For as long as the process lives.
    async fn close(&self, why: &str) {
        tracing::error!(code = "TG-LE-045", book = self.book, "a book stays closed: {why}");
        self.stop.stop(&format!("a fault of the program closed it (TG-LE-045): {why}"));
        let mut asked = self.asked.lock().await;
        asked.close();
        // Whose question goes with it hears that the outcome is unknown.
        while asked.try_recv().is_ok() {}
    }
}

fn coded(error: OpenError) -> String {
    format!("{error} ({})", error.code())
}

/// Says whether the book serves, however it ends.
struct Serving<'a>(&'a AtomicBool);

impl Serving<'_> {
    fn begin(serves: &AtomicBool) -> Serving<'_> {
        serves.store(true, Ordering::SeqCst);
        Serving(serves)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use crate::ask::{Ask, NamedAction, NamedOrder};
    use crate::book::Book;
    use crate::config::{BookConfig, Shared};
    use crate::error::Setback;
    use crate::port::Port;
    use crate::scrub::{Findings, Scrubber, keep};
    use std::sync::Arc;
    use std::sync::atomic::Ordering::SeqCst;
    use tempfile::TempDir;
    use tidegate_engine_book::{Currency, Id, Limits, Memo, Name};
    use tidegate_kernel_journal::{Clock, DataFolder, Id as Made, SystemClock};

    struct Desk {
        book: Arc<Book>,
        _folder: DataFolder,
        _dir: TempDir,
    }

    impl Desk {
        /// Five are moved from `a` to `b`.
        async fn open() -> Desk {
            let dir = TempDir::new().unwrap();
            let folder = DataFolder::open(dir.path()).unwrap();
            let config = BookConfig { name: "main".to_owned(), limit: Default::default() };
            let (journal, shared) = (folder.books().clone(), Shared::default());
            let book = Book::open(journal, 1024, Arc::new(SystemClock), config, shared).unwrap();
            let desk = Desk { book, _folder: folder, _dir: dir };
            let outcomes = desk.book.submit(vec![account("a"), account("b"), transfer(5)]).await.unwrap();
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
            desk
        }

        async fn panics_on(&self, name: &str) {
            assert_eq!(self.book.submit(vec![account(name)]).await, Err(Setback::Unknown));
        }

        fn panics(&self) -> u64 {
            self.book.counts().panics.load(SeqCst)
        }

        fn posted(&self) -> i64 {
            self.book.balance("b").unwrap().1.balance.posted
        }
    }

    fn account(name: &str) -> Ask {
        let limits = Limits { min: i64::MIN, max: i64::MAX };
        Ask::Open { name: Name::new(name).unwrap(), currency: Currency::new("CNY").unwrap(), limits }
    }

    fn transfer(amount: i64) -> Ask {
        let action = NamedAction::Transfer { debit: "a".to_owned(), credit: "b".to_owned(), amount };
        Ask::One(NamedOrder { id: Id(Made::v7(SystemClock.wall_ms()).0), action, memo: Memo::default() })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_before_the_append_changes_nothing_and_the_next_order_waits_until_the_book_is_back() {
        let desk = Desk::open().await;
        desk.panics_on("planted.panic.deciding").await;
        assert!(desk.book.submit(vec![transfer(1)]).await.unwrap()[0].is_ok());
        assert_eq!((desk.panics(), desk.posted()), (1, 6));
        assert!(desk.book.balance("planted.panic.deciding").is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_appended_before_a_panic_is_in_the_book_that_is_read_back_and_shown_to_readers() {
        let desk = Desk::open().await;
        let postings = desk.book.counts().postings.load(SeqCst);
        desk.panics_on("planted.panic.applying").await;
        assert!(desk.book.submit(vec![transfer(1)]).await.unwrap()[0].is_ok());
        assert!(desk.book.balance("planted.panic.applying").is_ok());
        assert_eq!(desk.posted(), 6);
        assert_eq!(desk.book.counts().postings.load(SeqCst), postings + 1);
        assert_eq!(Scrubber::new(desk.book.clone(), Arc::default()).scrub().await, Ok(Ok(())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_book_that_panics_whenever_it_is_read_back_stays_closed_with_a_code_and_shows_what_is_durable()
    {
        let desk = Desk::open().await;
        desk.panics_on("planted.panic.showing").await;
        let mut refused = desk.book.submit(vec![transfer(1)]).await;
        while refused == Err(Setback::Unknown) {
            refused = desk.book.submit(vec![transfer(1)]).await;
        }
        let refused = refused.unwrap_err();
        assert!(refused.code() == "TG-LE-032" && refused.to_string().contains("TG-LE-045"), "{refused}");
        assert_eq!((desk.panics(), desk.posted()), (8, 5));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_scrubber_that_panics_each_time_is_given_up_and_the_book_goes_on() {
        let desk = Desk::open().await;
        assert!(desk.book.submit(vec![account("planted.panic.scrubbing")]).await.unwrap()[0].is_ok());
        let findings = Arc::<Findings>::default();
        keep(desk.book.clone(), findings.clone()).await;
        assert!(findings.has_failed.load(SeqCst));
        assert_eq!((findings.panics.load(SeqCst), desk.panics()), (8, 0));
        assert!(desk.book.submit(vec![transfer(1)]).await.unwrap()[0].is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_tasks_of_a_book_are_on_the_list_of_tasks() {
        let desk = Desk::open().await;
        let listed: Vec<String> =
            tidegate_kernel_plug::tasks().tasks.into_iter().map(|task| task.name).collect();
        for name in ["applier main", "settler main"] {
            assert!(listed.iter().any(|one| one == name), "{listed:?}");
        }
        drop(desk);
    }
}
