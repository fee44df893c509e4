//! A number that only rises, and those who wait for it: how a commit releases its waiters.
//!
//! One mechanism for threads and for async tasks: a waiter is a [`Waker`], and each is woken once, when its own number is
//! reached. A condition variable would wake every waiter for every batch. Holds a lock for a push or a drain, never over IO.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Everything up to and including this number has happened.
#[derive(Debug, Default)]
pub struct Watermark {
    value: AtomicU64,
    stopped: AtomicBool,
    waiters: Mutex<Vec<(u64, Waker)>>,
}

/// Whose waker stands in the list of which mark for which number, so that asking again adds nothing and takes no lock.
#[derive(Debug, Default)]
pub struct Waiting(Option<(usize, u64, Waker)>);

impl Waiting {
    fn is_for(&self, mark: &Watermark, wanted: u64, waker: &Waker) -> bool {
        let same = |(of, number, known): &(usize, u64, Waker)| {
            *of == mark.address() && *number == wanted && known.will_wake(waker)
        };
        self.0.as_ref().is_some_and(same)
    }
}

/// The journal stopped writing before it could tell whether the record is safe: it may or may not be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal stopped writing, so the outcome of this record is unknown")]
pub struct Unknown;

impl Watermark {
    pub(crate) fn starting_at(value: u64) -> Watermark {
        Watermark { value: AtomicU64::new(value), ..Watermark::default() }
    }

    pub fn value(&self) -> u64 {
        self.value.load(Ordering::SeqCst)
    }

    /// Raises the mark and wakes those who waited for a number up to it.
    pub(crate) fn raise(&self, value: u64) {
        let woken = {
            let mut waiters = self.lock();
            self.value.store(value, Ordering::SeqCst);
            waiters.extract_if(.., |(wanted, _)| *wanted <= value).collect()
        };
        wake_all(woken);
    }

    /// No number above the present one will ever be reached.
    pub(crate) fn stop(&self) {
        let woken = {
            let mut waiters = self.lock();
            self.stopped.store(true, Ordering::SeqCst);
            std::mem::take(&mut *waiters)
        };
        wake_all(woken);
    }

    /// Resolves once the mark is at `wanted` or above.
    pub fn reached(&self, wanted: u64) -> Reached<'_> {
        Reached { watermark: self, wanted, waiting: Waiting::default() }
    }

    /// The same for who asks often and is not gone before there is an answer: the waker stays in the list until then, also if
    /// nobody asks any more.
    pub(crate) fn poll_reached(
        &self,
        wanted: u64,
        waiting: &mut Waiting,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Unknown>> {
        if let Some(outcome) = self.outcome(wanted) {
            return Poll::Ready(outcome);
        }
        if waiting.is_for(self, wanted, context.waker()) {
            return Poll::Pending;
        }
        let mut waiters = self.lock();
        if let Some(outcome) = self.outcome(wanted) {
            return Poll::Ready(outcome);
        }
        waiters.push((wanted, context.waker().clone()));
        drop(waiters);
        waiting.0 = Some((self.address(), wanted, context.waker().clone()));
        Poll::Pending
    }

    /// Tells one mark from another.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn outcome(&self, wanted: u64) -> Option<Result<(), Unknown>> {
        // Asked before the value: a stop comes after the last raise.
        let stopped = self.stopped.load(Ordering::SeqCst);
        if self.value() >= wanted { Some(Ok(())) } else { stopped.then_some(Err(Unknown)) }
    }

    /// Blocks this thread until the mark is at `wanted` or above.
    pub fn wait(&self, wanted: u64) -> Result<(), Unknown> {
        if self.value() >= wanted {
            return Ok(());
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut reached = self.reached(wanted);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut reached).poll(&mut context) {
                return outcome;
            }
            std::thread::park();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Waker)>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake_all(woken: Vec<(u64, Waker)>) {
    for (_, waker) in woken {
        waker.wake();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// See [`Watermark::reached`].
#[derive(Debug)]
pub struct Reached<'a> {
    watermark: &'a Watermark,
    wanted: u64,
    waiting: Waiting,
}

impl Future for Reached<'_> {
    type Output = Result<(), Unknown>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Reached { watermark, wanted, waiting } = &mut *self;
        watermark.poll_reached(*wanted, waiting, context)
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        let Some((_, wanted, registered)) = self.waiting.0.take() else { return };
        if self.watermark.value() >= wanted {
            return;
        }
        let mut waiters = self.watermark.lock();
        if let Some(at) =
            waiters.iter().position(|(number, waker)| *number == wanted && waker.will_wake(&registered))
        {
            waiters.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_returns_when_its_number_is_reached_and_not_before() {
        let mark = Arc::new(Watermark::default());
        let waiting = {
            let mark = mark.clone();
            std::thread::spawn(move || mark.wait(5))
        };
        mark.raise(4);
        assert_eq!(mark.value(), 4);
        mark.raise(5);
        assert_eq!(waiting.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_stop_answers_unknown_to_those_above_the_mark_only() {
        let mark = Watermark::starting_at(3);
        mark.stop();
        assert_eq!(mark.wait(3), Ok(()));
        assert_eq!(mark.wait(4), Err(Unknown));
    }

    #[test]
    fn asking_again_adds_nothing_and_a_stop_is_noticed() {
        let (mark, mut waiting) = (Watermark::default(), Waiting::default());
        let mut ask =
            |wanted| mark.poll_reached(wanted, &mut waiting, &mut Context::from_waker(Waker::noop()));
        assert!(ask(5).is_pending() && ask(5).is_pending());
        assert_eq!(mark.lock().len(), 1);
        mark.raise(5);
        assert_eq!((ask(5), mark.lock().len()), (Poll::Ready(Ok(())), 0));
        assert!(ask(6).is_pending());
        mark.stop();
        assert_eq!((ask(5), ask(6)), (Poll::Ready(Ok(())), Poll::Ready(Err(Unknown))));
    }

    #[test]
    fn a_dropped_future_leaves_no_waker_behind() {
        let mark = Watermark::default();
        let mut reached = mark.reached(9);
        assert!(Pin::new(&mut reached).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(mark.lock().len(), 1);
        drop(reached);
        assert_eq!(mark.lock().len(), 0);
    }
}
