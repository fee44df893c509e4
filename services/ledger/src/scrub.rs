//! The scrubber: replays the journal by itself, from the first fact that is kept on, adds every balance up again, and compares with what serves.
//!
//! It shares with the applier what a fact means, and nothing else: no memory, no snapshot, no message but the one that asks for a copy of
//! the balances at a number. What it reads it writes down as the snapshot for the next start. A difference of one unit stops the book, for
//! books that may be wrong are not to be written in.

use crate::book::Book;
use crate::error::{OpenError, Setback};
use crate::faults;
use crate::replay::{self, seed};
use crate::restart;
use crate::store::{AT_ONCE, Row, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tidegate_engine_book::{Account, BookLimit, Currency, Reading, State, Trial};
#[cfg(any(test, feature = "sim"))]
use tidegate_engine_book::{Balance, Fact, Id, Memo, Posting, Step};
use tidegate_kernel_plug::listed;

/// How far it is and what it found; for metrics.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) scrubs: AtomicU64,
    pub(crate) differences: AtomicU64,
    /// The number up to which everything was found right.
    pub(crate) sound_seq: AtomicU64,
    pub(crate) replayed_seq: AtomicU64,
    pub(crate) snapshot_seq: AtomicU64,
    pub(crate) panics: AtomicU64,
    /// It panicked too often: nothing is compared any more.
    pub(crate) has_failed: AtomicBool,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Drift {
    #[error("account {account} is {served:?} where it serves, and {replayed:?} by the journal, as of {seq}")]
    Balance { account: String, served: Box<Option<Account>>, replayed: Box<Option<Account>>, seq: u64 },
    #[error("the balances in {currency} come to {sum}, as of {seq}")]
    Uneven { currency: String, sum: i128, seq: u64 },
    #[error("account {account} holds {held:?}, and its reservations come to {reserved:?}, as of {seq}")]
    Misheld { account: u32, held: [i64; 2], reserved: [i128; 2], seq: u64 },
    #[error("{strays} facts contradict those before them, as of {seq}")]
    Strays { strays: u64, seq: u64 },
    #[error("account {account} has another balance in the store's table than by its facts, as of {seq}")]
    Row { account: u32, seq: u64 },
    #[error("account {account} shows readers another balance than the journal's, as of {seq}")]
    Board { account: u32, seq: u64 },
}

/// One book's scrubber.
#[derive(Debug)]
pub(crate) struct Scrubber {
    book: Arc<Book>,
    /// Nothing while a thread reads on.
    replica: Option<Replica>,
    pub(crate) findings: Arc<Findings>,
}

#[derive(Debug)]
struct Replica {
    state: State,
    /// Looked at up to here, facts or not.
    through: u64,
    /// Since it was written down.
    facts: u64,
}

/// Scrubs until the book is stopped. After a panic it begins with the first fact again.
pub(crate) async fn keep(book: Arc<Book>, findings: Arc<Findings>) {
    let name = book.config.name.clone();
    let make = || {
        let scrubber = Scrubber::new(book.clone(), findings.clone());
        listed("ledger", format!("scrubber {name}"), scrubber.run())
    };
    if restart::keep((&name, "scrubber"), &findings.panics, make).await.is_err() {
        tracing::error!(code = "TG-LE-045", book = name, "a book is not scrubbed any more");
        findings.has_failed.store(true, Ordering::SeqCst);
    }
}

impl Scrubber {
    pub(crate) fn new(book: Arc<Book>, findings: Arc<Findings>) -> Scrubber {
        let replica = Replica { state: State::new(book.config.limit, seed()), through: 0, facts: 0 };
        Scrubber { book, replica: Some(replica), findings }
    }

    /// Goes on until the book is stopped.
    pub(crate) async fn run(mut self) {
        let mut pause = tokio::time::interval(self.book.shared.scrub);
        pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.book.stop.check().is_ok() {
            pause.tick().await;
            match self.scrub().await {
                Ok(Ok(())) => {}
                Ok(Err(drift)) => self.alarm(&drift),
                Err(setback) => {
                    tracing::warn!(book = self.book.config.name, %setback, "a scrub was not done")
                }
            }
        }
    }

    pub(crate) fn alarm(&self, drift: &Drift) {
        self.findings.differences.fetch_add(1, Ordering::SeqCst);
        tracing::error!(code = "TG-LE-042", book = self.book.config.name, %drift, "the books do not add up");
        self.book.stop.stop(&format!("the books do not add up (TG-LE-042): {drift}"));
    }

    /// Asks for the balances at a number, replays up to it, and compares.
    pub(crate) async fn scrub(&mut self) -> Result<Result<(), Drift>, Setback> {
        let (seq, served) = self.book.look(|state| (state.seq(), state.accounts().to_vec())).await?;
        let Some(mut replica) = self.replica.take() else {
            return Err(Setback::Read("the replay was lost".to_owned()));
        };
        let store = self.book.store.clone();
        let (name, limit) = (self.book.config.name.clone(), self.book.config.limit);
        let replayed = tokio::task::spawn_blocking(move || {
            let begun = replica.begin(&name, &*store, limit);
            let done = begun.and_then(|()| replica.follow(&*store, seq)).and_then(|()| replica.rows(&*store));
            (replica, done)
        });
        let (replica, done) = replayed.await.map_err(|error| Setback::Read(error.to_string()))?;
        let replica = self.replica.insert(replica);
        self.findings.replayed_seq.store(replica.state.seq(), Ordering::SeqCst);
        let rows = done?;
        faults::scrubbing(&replica.state);
        let judged = replica.judge(seq, &served).and_then(|()| on_board(&self.book, &served)).and(rows);
        self.findings.scrubs.fetch_add(1, Ordering::SeqCst);
        if judged.is_ok() {
            self.findings.sound_seq.store(seq, Ordering::SeqCst);
            self.keep().await;
        }
        Ok(judged)
    }

    /// Writes the replayed book down, if there is enough that the next start need not read.
    async fn keep(&mut self) {
        let Some(replica) = self.replica.take() else { return };
        let (seq, facts) = (replica.state.seq(), replica.facts);
        if facts < self.book.shared.snapshot_facts {
            self.replica = Some(replica);
            return;
        }
        let store = self.book.store.clone();
        let written = tokio::task::spawn_blocking(move || {
            let written = store.write_snapshot(seq, &replica.state.encode());
            (Replica { facts: 0, ..replica }, written)
        });
        if let Ok((replica, written)) = written.await {
            self.replica = Some(replica);
            match written {
                Ok(()) => self.findings.snapshot_seq.store(seq, Ordering::SeqCst),
                Err(error) => tracing::warn!(%error, "a snapshot of a book was not written"),
            }
        }
    }
}

impl Replica {
    /// Where facts are pruned, with the state that stands for them.
    fn begin(&mut self, book: &str, store: &dyn Store, limit: BookLimit) -> Result<(), Setback> {
        if self.through == 0
            && let Some(base) = replay::base(book, store, limit).map_err(unread)?
        {
            (self.through, self.state) = (base.seq(), base);
        }
        Ok(())
    }

    fn follow(&mut self, store: &dyn Store, seq: u64) -> Result<(), Setback> {
        while self.through < seq {
            let (facts, looked_at) = store.facts(self.through, AT_ONCE).map_err(unread)?;
            for (number, fact) in facts.iter().filter(|(number, _)| *number <= seq) {
                self.state.apply(*number, fact);
                self.facts += 1;
            }
            self.through = looked_at.min(seq);
        }
        Ok(())
    }

    /// Balances the store keeps beside the facts, of accounts that nothing touched since.
    fn rows(&self, store: &dyn Store) -> Result<Result<(), Drift>, Setback> {
        let mut from = 0;
        loop {
            let rows = store.rows(from, AT_ONCE).map_err(unread)?;
            let Some(last) = rows.last() else { return Ok(Ok(())) };
            from = last.account + 1;
            let is_other = |row: &&Row| row.last_seq <= self.state.seq() && !self.has(row);
            if let Some(Row { account, last_seq, .. }) = rows.iter().find(is_other).copied() {
                return Ok(Err(Drift::Row { account, seq: last_seq }));
            }
        }
    }

    fn has(&self, row: &Row) -> bool {
        let account = self.state.account(row.account);
        account.is_some_and(|account| account.balance == row.balance && account.last_seq == row.last_seq)
    }

    fn judge(&self, seq: u64, served: &[Account]) -> Result<(), Drift> {
        let state = &self.state;
        if state.strays() > 0 {
            return Err(Drift::Strays { strays: state.strays(), seq });
        }
        let most = served.len().max(state.accounts().len());
        for number in 0..most {
            let (served, replayed) = (served.get(number).copied(), state.accounts().get(number).copied());
            if served != replayed {
                let account =
                    state.name(number as u32).map_or_else(|| number.to_string(), ToString::to_string);
                return Err(Drift::Balance {
                    account,
                    served: Box::new(served),
                    replayed: Box::new(replayed),
                    seq,
                });
            }
        }
        let uneven = |(currency, trial): (Currency, Trial)| {
            let sum = trial.debits + trial.credits;
            (!trial.is_even()).then(|| Drift::Uneven { currency: currency.to_string(), sum, seq })
        };
        if let Some(drift) = state.trial().into_iter().find_map(uneven) {
            return Err(drift);
        }
        match state.misheld() {
            None => Ok(()),
            Some((account, held, reserved)) => Err(Drift::Misheld { account, held, reserved, seq }),
        }
    }
}

fn unread(error: OpenError) -> Setback {
    Setback::Read(error.to_string())
}

/// Readers see the balance of an account that nothing touched since.
fn on_board(book: &Book, served: &[Account]) -> Result<(), Drift> {
    for (number, account) in (0..).zip(served) {
        let shown = book.public.board.read(number);
        let is_same =
            |reading: Reading| reading.as_of_seq > account.last_seq || reading.balance == account.balance;
        if !shown.is_some_and(is_same) {
            return Err(Drift::Board { account: number, seq: account.last_seq });
        }
    }
    Ok(())
}

/// One unit from the first account to the second, as a fact that no journal has; for whoever must notice.
#[cfg(any(test, feature = "sim"))]
pub(crate) fn one_unit() -> Fact {
    let link = tidegate_engine_book::Link::At(1);
    Fact::Posting(Posting {
        id: Id([9; 16]),
        step: Step::Move,
        debit: 0,
        credit: 1,
        amount: 1,
        at_ms: 1,
        print: 0,
        links: [link; 2],
        after: [Balance::default(); 2],
        memo: Memo::default(),
    })
}
