//! Behind the applier: waits until the store has kept what was applied, shows the balances to readers, and answers, in that order.

use crate::applier::Pending;
use crate::ask::{Done, Outcome};
use crate::book::{Directory, Stop};
use crate::error::{OpenError, Setback};
use crate::faults;
use crate::store::{AT_ONCE, Gone, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tidegate_engine_book::{Board, Fact, Reading};
use tokio::sync::mpsc::Receiver;

/// What everybody may read of a book without asking its applier.
#[derive(Debug)]
pub(crate) struct Public {
    pub(crate) board: Board,
    pub(crate) directory: Directory,
    pub(crate) counts: Counts,
    /// Whether it is applied to; not for a moment after a panic.
    pub(crate) serves: AtomicBool,
}

/// Since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) postings: AtomicU64,
    pub(crate) known: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unknown: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) away: AtomicU64,
    pub(crate) durable_seq: AtomicU64,
    /// Facts that are decided and wait for the disk.
    pub(crate) settling: AtomicU64,
    /// Of the applier and the settler.
    pub(crate) panics: AtomicU64,
}

impl Counts {
    pub(crate) fn outcomes(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let count = match outcome {
                Ok(Done { known: true, .. }) => &self.known,
                Ok(Done { known: false, .. }) => continue,
                Err(Setback::Unknown) => &self.unknown,
                Err(Setback::Away(_)) => &self.away,
                Err(_) => &self.refused,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) async fn run(
    mut pending: Receiver<Pending>,
    store: Arc<dyn Store>,
    public: Arc<Public>,
    stop: Arc<Stop>,
) {
    while let Some(Pending { seq, facts, release }) = pending.recv().await {
        let many = facts.len() as u64;
        let kept = match store.reached(seq).await {
            Err(Gone(why)) => {
                stop.stop(&why);
                Err(Setback::Unknown)
            }
            // Whatever was kept just now was still this book's to say; what was only looked at may have been overtaken.
            Ok(()) if facts.is_empty() => store.check(),
            Ok(()) => Ok(()),
        };
        if kept.is_ok() {
            facts.iter().for_each(|(seq, fact)| public.show(*seq, fact));
        }
        public.counts.settling.fetch_sub(many, Ordering::Relaxed);
        if let Some(release) = release {
            release(kept);
        }
    }
}

impl Public {
    /// What a durable fact says is there for all to see.
    pub(crate) fn show(&self, seq: u64, fact: &Fact) {
        faults::showing(fact);
        match fact {
            Fact::Opened { account, name, currency, .. } => {
                self.board.publish(*account, Reading { as_of_seq: seq, ..Reading::default() });
                self.directory.add(name.clone(), *account, *currency);
            }
            Fact::Limited { .. } => {}
            Fact::Posting(posting) => {
                for (account, balance) in [posting.debit, posting.credit].into_iter().zip(posting.after) {
                    self.board.publish(account, Reading { as_of_seq: seq, balance });
                }
                self.counts.postings.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.counts.durable_seq.store(seq, Ordering::SeqCst);
    }

    /// Shows what a settler that ended had not shown, out of what is kept.
    pub(crate) fn catch_up(&self, store: &dyn Store, through: u64) -> Result<(), OpenError> {
        let mut shown = self.counts.durable_seq.load(Ordering::SeqCst);
        while shown < through {
            let (facts, looked_at) = store.facts(shown, AT_ONCE)?;
            facts.iter().for_each(|(seq, fact)| self.show(*seq, fact));
            shown = looked_at;
        }
        Ok(())
    }
}
