//! A book on a store: the port that everybody asks, and the tasks behind it.

use crate::applier::{Release, Task};
use crate::ask::{Ask, Outcome, Standing};
use crate::config::{BookConfig, Shared};
use crate::error::{OpenError, Setback};
use crate::hours::Doubt;
use crate::keeper::Keeper;
use crate::past::Past;
use crate::port::{Answering, Guarantees, Moment, Names, Page, Port, Recorded, Sheet};
use crate::replay::{self, Place};
use crate::settler::{Counts, Public};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tidegate_engine_book::{AccountNumber, Board, Currency, Id, Name, Reading, State};
use tidegate_kernel_journal::{Clock, Journal};
use tokio::sync::{Mutex as Shelf, mpsc, oneshot};
use tokio::time::timeout;

/// A book that is open. Dropping the last handle ends its tasks once they have done what they were given.
#[derive(Debug)]
pub struct Book {
    pub(crate) config: BookConfig,
    pub(crate) shared: Shared,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) public: Arc<Public>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) doubt: Arc<Doubt>,
    tasks: mpsc::Sender<Task>,
}

/// Whether, and why, a book takes no more orders until the process is started again.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    set: AtomicBool,
    why: Mutex<Option<String>>,
}

impl Stop {
    /// The first reason stays.
    pub(crate) fn stop(&self, why: &str) {
        let mut reason = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert_with(|| why.to_owned());
        self.set.store(true, Ordering::SeqCst);
    }

    pub(crate) fn why(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn check(&self) -> Result<(), Setback> {
        if self.set.load(Ordering::SeqCst) {
            return Err(Setback::Closed(self.why().unwrap_or_default()));
        }
        Ok(())
    }
}

/// Names of accounts whose opening is durable. A lock is held for one look.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<BTreeMap<Name, (AccountNumber, Currency)>>);

impl Directory {
    pub(crate) fn add(&self, name: Name, account: AccountNumber, currency: Currency) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, (account, currency));
    }

    fn find(&self, name: &str) -> Option<(AccountNumber, Currency)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Book {
    /// A book on a stream of a journal.
    pub fn open(
        journal: Journal,
        stream: u16,
        clock: Arc<dyn Clock>,
        config: BookConfig,
        shared: Shared,
    ) -> Result<Arc<Book>, OpenError> {
        Book::on(Arc::new(Place::new(journal, stream, &config.name)), clock, config, shared)
    }

    /// Reads the book back and starts its tasks. Blocks; within a tokio runtime.
    pub fn on(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        config: BookConfig,
        shared: Shared,
    ) -> Result<Arc<Book>, OpenError> {
        let state = replay::open(&config.name, &*store, config.limit)?;
        let public = Arc::new(published(&state, config.limit.accounts));
        let (stop, doubt) = (Arc::new(Stop::default()), Arc::new(Doubt::new(clock)));
        let (tasks, asked) = mpsc::channel(shared.waiting_max);
        let keeper = Keeper {
            book: config.name.clone(),
            store: store.clone(),
            limit: config.limit,
            public: public.clone(),
            stop: stop.clone(),
            doubt: doubt.clone(),
            asked: Arc::new(Shelf::new(asked)),
        };
        tokio::spawn(keeper.run(state));
        Ok(Arc::new(Book { config, shared, store, public, stop, doubt, tasks }))
    }

    /// Gives the applier something to do and waits for what comes back.
    async fn ask<T>(&self, task: Task, answer: oneshot::Receiver<T>) -> Result<T, Setback> {
        if self.tasks.try_send(task).is_err() {
            self.stop.check()?;
            self.public.counts.busy.fetch_add(1, Ordering::Relaxed);
            return Err(Setback::Busy);
        }
        match timeout(self.shared.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => {
                self.public.counts.unknown.fetch_add(1, Ordering::Relaxed);
                Err(Setback::Unknown)
            }
        }
    }

    /// What `look` sees in the state, once all of that is kept.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Setback> {
        self.store.check()?;
        let (reply, answer) = oneshot::channel();
        let task = Task::Look(Box::new(move |state| -> Release {
            let seen = look(state);
            Box::new(move |synced| {
                // Whoever asked may have gone.
                let _ = reply.send(synced.map(|()| seen));
            })
        }));
        self.ask(task, answer).await?
    }

    async fn in_the_past<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Past) -> Result<T, Setback> + Send + 'static,
    ) -> Result<T, Setback> {
        let (store, book) = (self.store.clone(), self.config.name.clone());
        let past = Past { store, book, limit: self.config.limit };
        // Blocks, so not on a thread that serves.
        let done = tokio::task::spawn_blocking(move || read(&past));
        done.await.unwrap_or_else(|error| Err(Setback::Read(error.to_string())))
    }

    async fn standing(&self, account: String) -> Result<(AccountNumber, Standing), Setback> {
        let found = self.look(move |state| match state.number(&account) {
            Some(number) => {
                state.account(number).map(|held| (number, Standing::of(state, number, held))).ok_or(account)
            }
            None => Err(account),
        });
        found.await?.map_err(|name| Setback::NoAccount { at: 0, name })
    }

    /// Lets reservations end by time again, after somebody has looked at the clock.
    pub fn accept_clock(&self) {
        self.doubt.accept();
    }

    /// Why it takes no orders, for good or just now.
    pub(crate) fn trouble(&self) -> Option<String> {
        let panicked = || {
            let serves = self.public.serves.load(Ordering::SeqCst);
            (!serves).then(|| "it panicked and is read back (TG-LE-044)".to_owned())
        };
        let away = || self.store.check().err().map(|setback| setback.to_string());
        self.stop.why().or_else(panicked).or_else(away)
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.public.counts
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) async fn plant(&self, fact: tidegate_engine_book::Fact) {
        let _ = self.tasks.send(Task::Plant(fact)).await;
    }
}

/// All there is to read in a state.
fn published(state: &State, accounts_max: usize) -> Public {
    let (board, directory) = (Board::new(accounts_max), Directory::default());
    for (number, account) in (0..).zip(state.accounts()) {
        board.publish(number, Reading { as_of_seq: account.last_seq, balance: account.balance });
        if let Some(name) = state.name(number) {
            directory.add(name.clone(), number, account.currency);
        }
    }
    let counts = Counts::default();
    counts.durable_seq.store(state.seq(), Ordering::SeqCst);
    Public { board, directory, counts, serves: AtomicBool::new(true) }
}

fn boxed<'a, T>(answer: impl Future<Output = Result<T, Setback>> + Send + 'a) -> Answering<'a, T> {
    Box::pin(answer)
}

impl Port for Book {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn guarantees(&self) -> Guarantees {
        self.store.guarantees()
    }

    fn submit(&self, asks: Vec<Ask>) -> Answering<'_, Vec<Outcome>> {
        boxed(async move {
            self.stop.check()?;
            let (reply, answer) = oneshot::channel();
            let outcomes = self.ask(Task::Submit { asks, reply }, answer).await?;
            self.counts().outcomes(&outcomes);
            Ok(outcomes)
        })
    }

    fn balance(&self, account: &str) -> Result<(Currency, Reading), Setback> {
        self.store.check()?;
        let found = self.public.directory.find(account);
        let shown = found.and_then(|(number, currency)| Some((currency, self.public.board.read(number)?)));
        shown.ok_or_else(|| Setback::NoAccount { at: 0, name: account.to_owned() })
    }

    fn accounts(&self, after: String, most: usize) -> Answering<'_, Vec<Standing>> {
        boxed(self.look(move |state| {
            let behind = state.names_behind(&after).take(most);
            let standing = |number| Some(Standing::of(state, number, state.account(number)?));
            behind.filter_map(standing).collect()
        }))
    }

    fn names(&self, numbers: BTreeSet<AccountNumber>) -> Answering<'_, Names> {
        boxed(self.look(move |state| {
            let named = |number| Some((number, state.name(number)?.to_string()));
            Names(numbers.into_iter().filter_map(named).collect())
        }))
    }

    fn trial(&self) -> Answering<'_, Sheet> {
        boxed(self.look(|state| Sheet {
            as_of_seq: state.seq(),
            trials: state.trial(),
            reservations: state.reservations(),
        }))
    }

    fn statement(&self, account: String, before: Option<u64>, most: usize) -> Answering<'_, Page> {
        boxed(async move {
            let (number, standing) = self.standing(account).await?;
            let newest = standing.last_seq;
            self.in_the_past(move |past| past.statement(number, newest, before, most)).await
        })
    }

    fn as_of(&self, account: String, moment: Moment) -> Answering<'_, Standing> {
        boxed(async move {
            let (number, standing) = self.standing(account).await?;
            self.in_the_past(move |past| past.as_of(number, standing, moment)).await
        })
    }

    fn transfer(&self, id: Id) -> Answering<'_, Recorded> {
        boxed(async move {
            let known = self.look(move |state| state.receipt(id).map(|receipt| receipt.seq)).await?;
            self.in_the_past(move |past| past.transfer(id, known)).await
        })
    }

    fn postings(&self, after: u64, most: usize) -> Answering<'_, Page> {
        boxed(self.in_the_past(move |past| past.postings(after, most)))
    }
}
