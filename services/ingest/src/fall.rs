//! What becomes of a panic on the way in: it is kept from whoever offered and handed to the pipeline's own task, which ends by it.
//!
//! From then on nothing is taken: whoever offers is told that it is busy, so what is unacknowledged stays so. Whoever supervises that
//! task calls [`Ingest::reopen`], which takes the counts from the journal as a start after a crash does. Sinks, rules and alarms
//! are not touched by it: they have cursors of their own, and supervision of their own.

use crate::admission::Admission;
use crate::error::{Declined, OpenError};
use crate::ingest::Ingest;
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tidegate_kernel_journal::{Refusal, Ticket};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

/// A panic that came up in somebody else's task.
type Panic = Box<dyn Any + Send>;

/// Whether the pipeline's way in has fallen, and by what.
#[derive(Debug, Default)]
pub(crate) struct Fall {
    has_fallen: AtomicBool,
    /// Until the pipeline's task has taken it.
    panic: Mutex<Option<Panic>>,
    news: Notify,
}

impl Fall {
    /// Nothing where the work panicked.
    fn catch<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        // What is left half-done is opened anew before it is used again.
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| self.note(panic)).ok()
    }

    fn note(&self, panic: Panic) {
        self.has_fallen.store(true, Ordering::SeqCst);
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        self.news.notify_one();
    }

    fn take(&self) -> Option<Panic> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Ingest {
    /// Whether the way in has panicked and was not opened again.
    pub fn is_down(&self) -> bool {
        self.fall.has_fallen.load(Ordering::SeqCst) || self.admission.is_poisoned()
    }

    /// Does this for somebody else's task, which is not to end by what panics in here.
    pub(crate) fn contain<T>(&self, work: impl FnOnce() -> Result<T, Declined>) -> Result<T, Declined> {
        if self.is_down() {
            return Err(Declined::Busy);
        }
        self.fall.catch(work).unwrap_or(Err(Declined::Busy))
    }

    /// The same for counting what will not be offered again; while the way in is down it is counted as turned away.
    pub(crate) fn contain_count(&self, work: impl FnOnce()) {
        let count = || {
            work();
            Ok(())
        };
        if self.contain(count).is_err() {
            self.turn_away();
        }
    }

    /// Counts what was taken, and is in the journal by now if it goes there: whatever panics in here, it was taken, and what the journal
    /// has is counted again out of it.
    pub(crate) fn count_taken(&self, admission: &mut Admission, count: impl FnOnce(&mut Admission)) {
        if self.fall.catch(|| count(admission)).is_none() {
            admission.count_unsure();
        }
    }

    /// What a rule derives waits like everything else.
    pub(crate) fn stands(&self) -> Result<(), Refusal> {
        if self.is_down() { Err(Refusal::Busy(0)) } else { Ok(()) }
    }

    /// The pipeline's own task, until it is dropped: writes the admission counts down whenever they changed.
    ///
    /// # Panics
    ///
    /// With what panicked on the way in. [`Ingest::reopen`] before it runs again.
    pub async fn run(&self) {
        let mut ticks = interval(Duration::from_millis(self.config.checkpoint_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.fall.news.notified() => {}
            }
            if let Some(panic) = self.fall.take() {
                resume_unwind(panic);
            }
            assert!(!self.is_down(), "a panic left the counts of admission half-done");
            self.checkpoint();
            self.letters.carry(&self.journal);
        }
    }

    /// Opens the way in again after a panic, out of what the journal has. What was counted in memory alone since the last register counts
    /// as lost at a crash. Blocks on the disk.
    pub fn reopen(&self) -> Result<(), OpenError> {
        // What is read again has to be there. Nearly all of it is before anybody else has to wait for the lock.
        self.wait_for_journal();
        let mut admission = self.admission();
        self.wait_for_journal();
        let recovered = self.journal_says(admission.received())?;
        let before = mem::replace(&mut *admission, recovered);
        admission.closed = before.closed;
        self.telemetry.clear(self.config.telemetry_limits());
        for outlet in &*self.sinks() {
            self.open_stake(&mut admission, &outlet.state.name);
        }
        self.gate.set(self.gate.get().anew());
        // Nothing is admitted before that is synced, and nobody waits for it here.
        let _ = self.promise(&mut admission);
        self.admission.clear_poison();
        // One more may have come up since; it is the same fall.
        drop(self.fall.take());
        self.fall.has_fallen.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// A journal that has stopped says so to the next append.
    fn wait_for_journal(&self) {
        let _ = self.journal.synced().wait(self.journal.status().head_seq);
    }

    /// How much will have been received at most before the next promise; nothing where the last word is written, or none can be.
    pub(crate) fn promise(&self, admission: &mut Admission) -> Option<Ticket> {
        if admission.closed { None } else { self.write_register(admission).ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Accounts, AdmissionAccount};
    use crate::config::Config;
    use crate::reading::{Reading, Source};
    use std::sync::Arc;
    use tempfile::TempDir;
    use tidegate_kernel_journal::{DataFolder, Level};

    fn offer(ingest: &Ingest, topic: &str) -> Result<(), Declined> {
        let reading = Reading::raw(Source::Mqtt, topic.parse().unwrap(), "21.5");
        ingest.offer(&reading).map(|taken| taken.ticket.wait(Level::Os).unwrap())
    }

    fn open(config: Config) -> (TempDir, DataFolder, Arc<Ingest>) {
        let dir = TempDir::new().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let ingest = Ingest::open(folder.queues().clone(), config).unwrap();
        (dir, folder, Arc::new(ingest))
    }

    /// What the pipeline's own task says when it ends.
    async fn panic_of(ingest: &Arc<Ingest>) -> String {
        let running = ingest.clone();
        let ended = tokio::spawn(async move { running.run().await }).await.unwrap_err().into_panic();
        ended.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned())
    }

    fn closes(accounts: &Accounts) {
        let admission = &accounts.admission;
        assert_eq!((admission.difference, admission.sources_difference), (0, 0), "{admission:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_before_the_append_takes_nothing_and_the_same_counts_go_on_after_it() {
        let (_dir, folder, ingest) = open(Config::default());
        (0..5).for_each(|_| offer(&ingest, "line/7/temp").unwrap());
        assert_eq!(offer(&ingest, "planted/panic/taking"), Err(Declined::Busy));
        assert!(ingest.is_down());
        assert_eq!(offer(&ingest, "line/7/temp"), Err(Declined::Busy));
        ingest.give_up("held_back");
        assert_eq!(panic_of(&ingest).await, "a panic that was planted");
        ingest.reopen().unwrap();
        while offer(&ingest, "line/7/temp") == Err(Declined::Busy) {}
        let accounts = ingest.accounts();
        assert_eq!((accounts.admission.received, accounts.admission.accepted), (6, 6));
        assert_eq!(ingest.turned_away.load(Ordering::Relaxed), 1);
        closes(&accounts);
        folder.close();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_journal_has_is_taken_whatever_panics_behind_that() {
        let (_dir, folder, ingest) = open(Config::default());
        offer(&ingest, "planted/panic/counting").unwrap();
        assert!(ingest.is_down());
        panic_of(&ingest).await;
        ingest.reopen().unwrap();
        let accounts = ingest.accounts();
        assert_eq!((accounts.admission.received, accounts.admission.accepted), (1, 1));
        closes(&accounts);
        folder.close();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn telemetry_that_was_in_memory_alone_is_within_the_bound_of_a_crash() {
        let telemetry = vec!["live/#".parse().unwrap()];
        let (_dir, folder, ingest) = open(Config { telemetry, ..Config::default() });
        ingest.checkpoint();
        (0..7).for_each(|_| offer(&ingest, "live/temp").unwrap());
        assert_eq!(offer(&ingest, "planted/panic/taking"), Err(Declined::Busy));
        ingest.reopen().unwrap();
        let accounts = ingest.accounts();
        let AdmissionAccount { received, lost_at_crash_max, .. } = accounts.admission;
        assert_eq!(received + lost_at_crash_max, 7);
        closes(&accounts);
        folder.close();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_end_while_the_way_in_is_down_is_counted_again_at_the_next_start() {
        let (dir, folder, ingest) = open(Config::default());
        offer(&ingest, "line/7/temp").unwrap();
        offer(&ingest, "planted/panic/counting").unwrap();
        ingest.close();
        folder.close();
        let folder = DataFolder::open(dir.path()).unwrap();
        let accounts = Ingest::open(folder.queues().clone(), Config::default()).unwrap().accounts();
        assert_eq!((accounts.admission.accepted, accounts.admission.crashes), (2, 1));
        closes(&accounts);
        folder.close();
    }
}
