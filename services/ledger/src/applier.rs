//! The one task that changes a book: decides, appends to the store, applies, and answers when the store has kept it.
//!
//! ```text
//!   requests ── applier ── decide, append, apply ── settler ── kept? ── publish balances, answer
//! ```
//!
//! The applier is ahead of the disk; whoever asks is answered, and readers see a balance, only behind it. A request that nobody waits for
//! any more is done all the same. After an append whose outcome is unknown the book takes no more orders in this process: what it holds
//! may not be what the journal has.

use crate::ask::{Ask, Done, Outcome};
use crate::book::Stop;
use crate::error::Setback;
use crate::faults;
use crate::hours::Hours;
use crate::settler::Public;
use crate::store::Store;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_engine_book::{Answer, Fact, State};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::{sleep, timeout};

/// Reservations that end by time in one batch.
const EXPIRED_AT_ONCE: usize = 256;
/// How long a deadline that is far ahead is not looked at, and how near one that is near.
const LOOK_MS: (u64, u64) = (5, 1000);

/// How often, and how long each time, room in the store is waited for: in the journal until the next segment is there.
const ROOM_WAITS_MAX: usize = 1000;
const ROOM_WAIT: Duration = Duration::from_millis(1);
const ROOM_PATIENCE: Duration = Duration::from_secs(1);

/// From so many orders on their memory is fetched together.
const TOUCHED_MIN: usize = 16;

/// What the applier is given to do.
pub(crate) enum Task {
    Submit {
        asks: Vec<Ask>,
        reply: oneshot::Sender<Vec<Outcome>>,
    },
    /// Looks at the state and gives what is to be done when all that was seen is kept.
    Look(Box<dyn FnOnce(&State) -> Release + Send>),
    /// Changes the state behind the store's back, for whoever must notice.
    #[cfg(any(test, feature = "sim"))]
    Plant(Fact),
}

/// Answers somebody, who may be gone; with whether everything is on the disk.
pub(crate) type Release = Box<dyn FnOnce(Result<(), Setback>) + Send>;

/// What waits for the store.
pub(crate) struct Pending {
    /// Until everything up to this number is kept.
    pub(crate) seq: u64,
    /// With their numbers.
    pub(crate) facts: Vec<(u64, Fact)>,
    pub(crate) release: Option<Release>,
}

pub(crate) struct Applier {
    pub(crate) state: State,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hours: Hours,
    pub(crate) stop: Arc<Stop>,
    pub(crate) public: Arc<Public>,
    pub(crate) settled: Sender<Pending>,
    /// Of the last fact.
    pub(crate) seq: u64,
}

impl Applier {
    /// Ends when nobody can ask any more.
    pub(crate) async fn run(mut self, mut tasks: OwnedMutexGuard<Receiver<Task>>) {
        loop {
            let task = match self.wait_ms() {
                None => tasks.recv().await,
                Some(ms) => match timeout(Duration::from_millis(ms), tasks.recv()).await {
                    Ok(task) => task,
                    Err(_) => {
                        self.expire().await;
                        continue;
                    }
                },
            };
            let Some(task) = task else { return };
            self.expire().await;
            let pending = match task {
                Task::Submit { asks, reply } => self.submit(&asks, reply).await,
                Task::Look(look) => {
                    let release = Some(look(&self.state));
                    Pending { seq: self.seq, facts: Vec::new(), release }
                }
                #[cfg(any(test, feature = "sim"))]
                Task::Plant(fact) => {
                    self.state.apply(self.state.seq(), &fact);
                    continue;
                }
            };
            if self.settled.send(pending).await.is_err() {
                return;
            }
        }
    }

    fn wait_ms(&mut self) -> Option<u64> {
        let now_ms = self.hours.now_ms();
        let next_ms = self.state.next_deadline_ms()?;
        Some(next_ms.saturating_sub(now_ms).clamp(LOOK_MS.0, LOOK_MS.1))
    }

    async fn submit(&mut self, asks: &[Ask], reply: oneshot::Sender<Vec<Outcome>>) -> Pending {
        let mut facts = Vec::new();
        let mut outcomes = Vec::with_capacity(asks.len());
        if asks.len() >= TOUCHED_MIN {
            let ids: Vec<_> = asks.iter().filter_map(Ask::last_id).collect();
            black_box(self.state.touch(&ids));
        }
        for ask in asks {
            outcomes.push(self.answer(ask, &mut facts).await);
        }
        let release: Release = Box::new(move |synced| {
            let outcomes = match synced {
                Ok(()) => outcomes,
                Err(setback) => {
                    outcomes.into_iter().map(|outcome| outcome.and(Err(setback.clone()))).collect()
                }
            };
            // Whoever asked may have gone; what was done stays done.
            let _ = reply.send(outcomes);
        });
        Pending { seq: self.seq, facts, release: Some(release) }
    }

    async fn answer(&mut self, ask: &Ask, done: &mut Vec<(u64, Fact)>) -> Outcome {
        self.stop.check()?;
        faults::deciding(ask);
        let command = ask.resolve(&self.state)?;
        let mut facts = Vec::new();
        let now_ms = self.hours.now_ms();
        let answer = self.state.decide(now_ms, &command, &mut facts).map_err(Setback::Refused)?;
        if answer == Answer::Known {
            let receipt = ask.last_id().and_then(|id| self.state.receipt(id));
            return Ok(Done { seq: receipt.map_or(0, |receipt| receipt.seq), known: true });
        }
        let seq = self.keep(facts, done).await?;
        Ok(Done { seq, known: false })
    }

    /// Appends facts as one batch and applies them; the number of the last one.
    async fn keep(&mut self, facts: Vec<Fact>, done: &mut Vec<(u64, Fact)>) -> Result<u64, Setback> {
        let last = self.append(&facts).await?;
        self.public.counts.settling.fetch_add(facts.len() as u64, Ordering::Relaxed);
        faults::applying(&facts);
        for (seq, fact) in (last + 1 - facts.len() as u64..).zip(facts) {
            self.state.apply(seq, &fact);
            done.push((seq, fact));
        }
        self.seq = last;
        Ok(last)
    }

    /// Waits for room where the store is behind: whoever comes meanwhile waits in the queue, which has a limit.
    async fn append(&self, facts: &[Fact]) -> Result<u64, Setback> {
        for _ in 0..ROOM_WAITS_MAX {
            match self.store.append(facts) {
                Err(Setback::Busy) => {
                    // Whether it was reached or never will be is found out by the next append.
                    let _ = timeout(ROOM_PATIENCE, self.store.reached(self.seq)).await;
                    sleep(ROOM_WAIT).await;
                }
                outcome => return outcome,
            }
        }
        Err(Setback::Busy)
    }

    /// Lets reservations end whose time is over.
    async fn expire(&mut self) {
        let now_ms = self.hours.now_ms();
        let is_due = |state: &State| state.next_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms);
        while is_due(&self.state) && self.stop.check().is_ok() {
            let (mut facts, mut done) = (Vec::new(), Vec::new());
            self.state.expire(now_ms, EXPIRED_AT_ONCE, &mut facts);
            if facts.is_empty() || self.keep(facts, &mut done).await.is_err() {
                // There is no room now; they end when there is.
                return;
            }
            let pending = Pending { seq: self.seq, facts: done, release: None };
            if self.settled.send(pending).await.is_err() {
                return;
            }
        }
    }
}
