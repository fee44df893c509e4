//! What the book and its writer share: facts that wait, how far they are kept, and whether the book is still this node's.

use crate::link::Step;
use crate::rows::Rows;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate_engine_book::Fact;
use tidegate_service_ledger::{Setback, StoreCounts};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Facts that wait; beyond it the applier does.
const WAITING_MAX: usize = 16_384;
/// Facts of one transaction.
const TOGETHER_MAX: usize = 4096;

/// A book in its database, and the epoch under which it is this node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) book: i32,
    pub(crate) epoch: i64,
}

/// How far everything is kept; with a reason it goes no further.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) kept_seq: u64,
    pub(crate) gone: Option<Arc<str>>,
}

/// Facts of one append.
#[derive(Debug)]
struct Batch {
    first_seq: u64,
    facts: Vec<Fact>,
}

#[derive(Debug)]
struct Queue {
    batches: VecDeque<Arc<Batch>>,
    waiting: usize,
    /// What has been appended, kept or not.
    last_seq: u64,
    /// What is kept.
    kept_seq: u64,
    kept_leaves: u64,
}

/// Whether the database answers.
#[derive(Debug, Clone)]
enum Reach {
    /// Nobody else takes the book over before then.
    Until(Instant),
    Away(Arc<str>),
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tenure: Tenure,
    pub(crate) lease: Duration,
    queue: Mutex<Queue>,
    reach: Mutex<Reach>,
    pub(crate) wake: Notify,
    pub(crate) progress: watch::Sender<Progress>,
    /// Nobody has the book any more.
    pub(crate) left: AtomicBool,
    pub(crate) counts: StoreCounts,
}

impl Shared {
    pub(crate) fn new(
        tenure: Tenure,
        lease: Duration,
        kept_seq: u64,
        kept_leaves: u64,
        asked_at: Instant,
    ) -> Shared {
        let queue = Queue { batches: VecDeque::new(), waiting: 0, last_seq: kept_seq, kept_seq, kept_leaves };
        Shared {
            tenure,
            lease,
            queue: Mutex::new(queue),
            reach: Mutex::new(Reach::Until(asked_at + lease)),
            wake: Notify::new(),
            progress: watch::Sender::new(Progress { kept_seq, gone: None }),
            left: AtomicBool::new(false),
            counts: StoreCounts::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> MutexGuard<'_, Reach> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn append(&self, facts: &[Fact]) -> Result<u64, Setback> {
        self.check()?;
        let mut queue = self.queue();
        if queue.waiting + facts.len() > WAITING_MAX {
            return Err(Setback::Busy);
        }
        let first_seq = queue.last_seq + 1;
        queue.last_seq += facts.len() as u64;
        queue.waiting += facts.len();
        queue.batches.push_back(Arc::new(Batch { first_seq, facts: facts.to_vec() }));
        self.counts.unkept.store(queue.waiting as u64, Ordering::Relaxed);
        self.wake.notify_one();
        Ok(queue.last_seq)
    }

    /// What was appended last.
    pub(crate) fn last_seq(&self) -> u64 {
        self.queue().last_seq
    }

    /// Whether what this node knows of the book is all there is.
    pub(crate) fn check(&self) -> Result<(), Setback> {
        if let Some(why) = &self.progress.borrow().gone {
            return Err(Setback::Closed(why.to_string()));
        }
        match &*self.reach() {
            Reach::Until(until) if Instant::now() < *until => Ok(()),
            Reach::Until(_) => {
                Err(Setback::Away("the database has given no sign of life for a lease".to_owned()))
            }
            Reach::Away(why) => Err(Setback::Away(why.to_string())),
        }
    }

    /// What is written next, in one transaction: whole batches only.
    pub(crate) fn next(&self) -> Option<(Step, Rows)> {
        let (batches, before_seq, leaves) = {
            let queue = self.queue();
            let mut together = 0;
            let fits = |batch: &&Arc<Batch>| {
                together += batch.facts.len();
                together <= TOGETHER_MAX
            };
            let batches: Vec<_> = queue.batches.iter().take_while(fits).cloned().collect();
            (batches, queue.kept_seq, queue.kept_leaves)
        };
        let last_seq = batches.last()?.last_seq();
        let facts = batches.iter().flat_map(|batch| (batch.first_seq..).zip(&batch.facts));
        let rows = Rows::of(facts, leaves);
        let leaves = leaves + rows.facts.seqs.len() as u64;
        Some((Step { before_seq, last_seq, leaves }, rows))
    }

    /// Everything up to `seq` is kept, and was still this node's to say when the database was asked. Whether that is news.
    pub(crate) fn kept(&self, seq: u64, asked_at: Instant) -> bool {
        let mut queue = self.queue();
        let mut is_news = false;
        while let Some(batch) = queue.batches.pop_front_if(|batch| batch.last_seq() <= seq) {
            queue.waiting -= batch.facts.len();
            queue.kept_leaves += batch.facts.len() as u64;
            queue.kept_seq = batch.last_seq();
            is_news = true;
        }
        self.counts.unkept.store(queue.waiting as u64, Ordering::Relaxed);
        drop(queue);
        self.alive(asked_at);
        self.progress.send_if_modified(|progress| {
            let is_further = progress.kept_seq < seq;
            progress.kept_seq = progress.kept_seq.max(seq);
            is_further
        });
        is_news
    }

    /// The database answered to what it was asked then.
    pub(crate) fn alive(&self, asked_at: Instant) {
        let was = std::mem::replace(&mut *self.reach(), Reach::Until(asked_at + self.lease));
        if matches!(was, Reach::Away(_)) {
            self.counts.returns.fetch_add(1, Ordering::Relaxed);
            tracing::info!("the database of a book can be reached again");
        }
    }

    pub(crate) fn away(&self, why: &str) {
        let was = std::mem::replace(&mut *self.reach(), Reach::Away(why.into()));
        if matches!(was, Reach::Until(_)) {
            tracing::warn!(why, "the database of a book cannot be reached: orders are refused until it can");
        }
    }

    pub(crate) fn gone(&self, why: &str) {
        tracing::error!(why, "a book takes no more orders in this process");
        self.progress.send_modify(|progress| progress.gone = Some(why.into()));
    }
}

impl Batch {
    fn last_seq(&self) -> u64 {
        self.first_seq + self.facts.len() as u64 - 1
    }
}
